import { createHash } from 'node:crypto';
import { mkdir, realpath, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { DispatcherError } from '../../domain/shared/errors.ts';
import { exportForPetals, isReadByPetals } from '../../language-model/weights/export-for-petals.ts';
import type { ModelWeights } from '../../language-model/weights/model-weights.ts';
import { findGgufFile, openModelWeights } from '../../language-model/weights/open-model-weights.ts';
import { takePullLock } from '../../language-model/weights/pull/pull-lock.ts';

/** Between two looks whether another process has written the folder, ms. */
const LOOK_MS = 500;

/**
 * A folder that PETALS reads: the model's own, or one in the cache that is written when first needed.
 * Agents of one machine that need the same one write it once.
 * @param onWrite told before it is written
 * @throws DispatcherError DSP_BAD_WEIGHTS for a model that PETALS cannot compute; DSP_CANCELLED when broken off
 */
export async function petalsModelFolder(
  modelPath: string,
  cacheFolder: string,
  signal: AbortSignal,
  onWrite: (folder: string) => void,
): Promise<string> {
  const weights = await openModelWeights(modelPath);
  try {
    if (await isReadByPetals(modelPath, weights.config)) return modelPath;
    const folder = path.join(cacheFolder, 'petals-models', `${weights.id}-${await fingerprintOf(modelPath)}`);
    await mkdir(path.dirname(folder), { recursive: true });
    while (!(await isComplete(folder))) {
      if (signal.aborted) throw new DispatcherError('DSP_CANCELLED', 'the start was broken off');
      const release = await takePullLock(`${folder}.lock`).catch(unlessHeld);
      if (release === undefined) await sleep(LOOK_MS, undefined, { signal }).catch(() => {});
      else await write(modelPath, weights, folder, signal, onWrite).finally(release);
    }
    return folder;
  } finally {
    await weights.close();
  }
}

async function write(
  modelPath: string,
  weights: ModelWeights,
  folder: string,
  signal: AbortSignal,
  onWrite: (folder: string) => void,
): Promise<void> {
  if (await isComplete(folder)) return;
  const part = `${folder}.part`;
  await rm(part, { recursive: true, force: true });
  await mkdir(part);
  onWrite(folder);
  try {
    await exportForPetals(modelPath, weights, part, signal);
    await rename(part, folder);
  } catch (error) {
    await rm(part, { recursive: true, force: true });
    throw error;
  }
}

function isComplete(folder: string): Promise<boolean> {
  return stat(folder).then(
    () => true,
    () => false,
  );
}

/** Changes with the file that the folder is made from. */
async function fingerprintOf(modelPath: string): Promise<string> {
  const source = await realpath((await findGgufFile(modelPath)) ?? path.join(modelPath, 'config.json'));
  const { size, mtimeMs } = await stat(source);
  return createHash('sha256').update(`${source} ${size} ${mtimeMs}`).digest('hex').slice(0, 12);
}

/** Another process is writing it. */
function unlessHeld(error: unknown): undefined {
  if (!(error instanceof DispatcherError)) throw error;
}
