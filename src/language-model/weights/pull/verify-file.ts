import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { DispatcherError } from '../../../domain/shared/errors.ts';

/** What a file must be. */
export interface ExpectedFile {
  readonly bytes: number;
  readonly digest: FileDigest;
}

/** A sha256 of the content, or the id that git gives it: sha1 over `blob SIZE\0` and the content. Hexadecimal. */
export type FileDigest =
  | { readonly kind: 'sha256'; readonly hex: string }
  | { readonly kind: 'git'; readonly hex: string };

/** @throws DispatcherError DSP_BAD_WEIGHTS when size or digest are others */
export async function verifyFile(path: string, expected: ExpectedFile): Promise<void> {
  const { size } = await stat(path);
  if (size !== expected.bytes) throw mismatch(path, `has ${size} bytes, not ${expected.bytes}`);
  const hash = createHash(expected.digest.kind === 'sha256' ? 'sha256' : 'sha1');
  if (expected.digest.kind === 'git') hash.update(`blob ${size}\0`);
  for await (const piece of createReadStream(path, { highWaterMark: 1024 * 1024 })) hash.update(piece);
  if (hash.digest('hex') !== expected.digest.hex) throw mismatch(path, `has another ${expected.digest.kind} digest`);
}

function mismatch(path: string, problem: string): DispatcherError {
  return new DispatcherError('DSP_BAD_WEIGHTS', `${path} ${problem}`);
}
