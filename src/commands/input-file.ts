import { open } from 'node:fs/promises';
import { basename } from 'node:path';
import { UsageError } from './command-io.ts';

/** Largest input: ten thousand servers in YAML take about four million bytes. */
const MAX_INPUT_BYTES = 64 * 1024 * 1024;

export interface InputFile {
  /** What messages call it. */
  readonly name: string;
  readonly text: string;
}

/**
 * The text of a file that a command was given; `-` is standard input.
 * @throws UsageError when it cannot be read, is too large or is not UTF-8
 */
export async function readInputFile(path: string, maxBytes = MAX_INPUT_BYTES): Promise<InputFile> {
  const name = path === '-' ? 'standard input' : basename(path);
  const source = path === '-' ? process.stdin : await openForReading(path);
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of source) {
      const bytes: Buffer = Buffer.isBuffer(chunk) ? chunk : Buffer.from(String(chunk));
      length += bytes.length;
      if (length > maxBytes) throw new UsageError(`${name}: is larger than ${maxBytes} bytes`);
      chunks.push(bytes);
    }
  } catch (error) {
    throw error instanceof UsageError ? error : unreadable(path, error);
  }
  try {
    return { name, text: new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks)) };
  } catch {
    throw new UsageError(`${name}: is not UTF-8 text`);
  }
}

async function openForReading(path: string): Promise<AsyncIterable<unknown>> {
  try {
    return (await open(path)).createReadStream();
  } catch (error) {
    throw unreadable(path, error);
  }
}

function unreadable(path: string, error: unknown): UsageError {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'ENOENT') return new UsageError(`${path}: no such file`);
  if (code === 'EISDIR') return new UsageError(`${path}: is a directory; give a file`);
  if (code === 'EACCES') return new UsageError(`${path}: may not be read; check its permissions`);
  return new UsageError(`${path}: cannot be read: ${error instanceof Error ? error.message : String(error)}`);
}
