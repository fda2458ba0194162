import type { FileHandle } from 'node:fs/promises';
import { badWeights } from './bad-weights.ts';

/**
 * Fills `target` from a position of a file.
 * @throws DispatcherError DSP_BAD_WEIGHTS when the file ends before
 */
export async function readFully(path: string, handle: FileHandle, target: Uint8Array, position: number): Promise<void> {
  let done = 0;
  while (done < target.length) {
    const { bytesRead } = await handle.read(target, done, target.length - done, position + done);
    if (bytesRead === 0) throw badWeights(path, '', 'is cut short');
    done += bytesRead;
  }
}
