import { open, readFile, rm } from 'node:fs/promises';
import { DispatcherError } from '../../../domain/shared/errors.ts';

/**
 * Takes a lock file that names this process, so that two processes never write the same download.
 * The lock of a process that has ended is taken over.
 * @returns how to give it back
 * @throws DispatcherError DSP_MODEL_NOT_FOUND while another process holds it
 */
export async function takePullLock(path: string): Promise<() => Promise<void>> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      const handle = await open(path, 'wx');
      await handle.writeFile(String(process.pid));
      await handle.close();
      return () => rm(path, { force: true });
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST') || attempt === 2) throw error;
      const holder = Number.parseInt(await readFile(path, 'utf8').catch(() => ''), 10);
      if (isAlive(holder)) {
        const message = `process ${holder} is fetching this model; when it is not, delete ${path}`;
        throw new DispatcherError('DSP_MODEL_NOT_FOUND', message);
      }
      await rm(path, { force: true });
    }
  }
}

function isAlive(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // Not ours to signal, but there.
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
