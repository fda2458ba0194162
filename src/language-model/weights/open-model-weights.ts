import { openHuggingFaceFolder } from './hugging-face-folder.ts';
import type { ModelWeights } from './model-weights.ts';

/**
 * Opens a model at a path that `locateModel` gave.
 * @param id name to serve it under; by default that of its folder
 * @throws DispatcherError DSP_BAD_WEIGHTS
 */
export async function openModelWeights(path: string, id?: string): Promise<ModelWeights> {
  return await openHuggingFaceFolder(path, id);
}
