import type { Config } from '../../config/schema.ts';
import { DispatcherError } from '../../domain/shared/errors.ts';
import { locateModel } from '../../language-model/weights/locate-model.ts';
import type { CommandIo } from '../command-io.ts';
import { obtainModel } from '../obtain-model.ts';

/** Served when the configuration names no model: real chat, fetched at the first start. */
const DEFAULT_MODEL = 'smollm2-135m-instruct';

/** In the repository: served when the default cannot be fetched. */
const FALLBACK_MODEL = 'tiny-austen';

/**
 * The files of the model to serve, fetched if need be. A model that was asked for by name is served or
 * the start fails; the default one gives way to the bundled one, with a line that says so.
 * @param stop breaks the fetching off
 * @returns path of the model's folder or file; undefined when it was broken off
 * @throws DispatcherError DSP_MODEL_NOT_FOUND, DSP_BAD_WEIGHTS
 */
export async function prepareModel(config: Config, io: CommandIo, stop: AbortSignal): Promise<string | undefined> {
  const { id, cache_dir: cacheFolder, offline: isOffline } = config.model;
  const model = id ?? DEFAULT_MODEL;
  try {
    return await obtainModel({ model, cacheFolder, isOffline, signal: stop }, io);
  } catch (error) {
    if (stop.aborted) return undefined;
    if (id !== undefined || !(error instanceof DispatcherError)) throw error;
    // What was tried online, and why it failed, stands in the lines above.
    const reason = isOffline ? error.message : `${model} could not be fetched`;
    io.stderr.write(`daisychain: ${reason}; serving the bundled ${FALLBACK_MODEL} instead\n`);
    return locateModel(FALLBACK_MODEL, cacheFolder);
  }
}
