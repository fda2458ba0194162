import { join } from 'node:path';
import { DispatcherError } from '../../../domain/shared/errors.ts';
import { isJsonObject, type JsonObject } from '../json-file.ts';
import { downloadFile } from './download-file.ts';
import type { PullContext, PullSource } from './pull-source.ts';
import type { ExpectedFile } from './verify-file.ts';

const DEFAULT_ENDPOINT = 'https://huggingface.co';
const ANSWER_TIMEOUT_MS = 30_000;
const MAX_FILES = 4096;
const OTHER_FILES: ReadonlySet<string> = new Set([
  'config.json',
  'generation_config.json',
  'tokenizer.json',
  'tokenizer_config.json',
  'chat_template.jinja',
  'model.safetensors.index.json',
]);
const WEIGHTS_FILE = /^model(-\d{5}-of-\d{5})?\.safetensors$/;
const COMMIT = /^[0-9a-f]{40}$/;
const GIT_ID = /^[0-9a-f]{40}$/;
const SHA256 = /^[0-9a-f]{64}$/;

interface HubFile {
  readonly name: string;
  readonly expected: ExpectedFile;
}

/** The Hugging Face hub, or what `HF_ENDPOINT` names in its place; `HF_TOKEN` opens private and gated models. */
export function createHubSource(repository: string): PullSource {
  return {
    name: 'Hugging Face hub',
    action: `download ${repository}`,
    fetchInto: async (folder, context) => {
      const endpoint = (context.env['HF_ENDPOINT'] || DEFAULT_ENDPOINT).replace(/\/+$/, '');
      const token = context.env['HF_TOKEN'];
      const headers: Record<string, string> = token ? { authorization: `Bearer ${token}` } : {};
      const { commit, files } = await listFiles(`${endpoint}/api/models/${repository}?blobs=true`, headers, context);
      // The weights last: a mistake in the small files shows before the long wait.
      for (const { name, expected } of files.toSorted((a, b) => a.expected.bytes - b.expected.bytes)) {
        await downloadFile({
          url: `${endpoint}/${repository}/resolve/${commit}/${name}`,
          path: join(folder, name),
          expected,
          headers,
          signal: context.signal,
          onProgress: (bytes) => context.onProgress(name, bytes, expected.bytes),
        });
      }
    },
  };
}

/** The files of a model with size and digest, at one commit, as the hub's own listing has them. */
async function listFiles(
  url: string,
  headers: Readonly<Record<string, string>>,
  context: PullContext,
): Promise<{ commit: string; files: HubFile[] }> {
  const signal = AbortSignal.any([context.signal, AbortSignal.timeout(ANSWER_TIMEOUT_MS)]);
  const response = await fetch(url, { headers, signal });
  if (response.status !== 200) {
    await response.body?.cancel();
    const hint = response.status === 401 || response.status === 403 ? '; a token in HF_TOKEN may be needed' : '';
    throw new DispatcherError('DSP_MODEL_NOT_FOUND', `${url} answered ${response.status}${hint}`);
  }
  const listing: unknown = await response.json();
  const commit = isJsonObject(listing) ? listing['sha'] : undefined;
  const siblings = isJsonObject(listing) ? listing['siblings'] : undefined;
  if (typeof commit !== 'string' || !COMMIT.test(commit) || !Array.isArray(siblings) || siblings.length > MAX_FILES) {
    throw new DispatcherError('DSP_MODEL_NOT_FOUND', `${url} gave no listing of files`);
  }
  const files = siblings.filter(isJsonObject).flatMap((sibling) => parseFile(url, sibling));
  const hasWeights = files.some(({ name }) => WEIGHTS_FILE.test(name));
  if (!hasWeights || !files.some(({ name }) => name === 'config.json')) {
    throw new DispatcherError('DSP_MODEL_NOT_FOUND', `${url} lists no config.json with safetensors weights`);
  }
  return { commit, files };
}

/** Only names of known forms are taken, so that a listing cannot write outside the folder. */
function parseFile(url: string, sibling: JsonObject): HubFile[] {
  const name = sibling['rfilename'];
  if (typeof name !== 'string' || !(OTHER_FILES.has(name) || WEIGHTS_FILE.test(name))) return [];
  const lfs = isJsonObject(sibling['lfs']) ? sibling['lfs'] : undefined;
  const bytes = lfs?.['size'] ?? sibling['size'];
  const hex = lfs === undefined ? sibling['blobId'] : lfs['sha256'];
  const pattern = lfs === undefined ? GIT_ID : SHA256;
  if (!Number.isSafeInteger(bytes) || Number(bytes) < 1 || typeof hex !== 'string' || !pattern.test(hex)) {
    throw new DispatcherError('DSP_MODEL_NOT_FOUND', `${url} gives no size and digest of ${name}`);
  }
  const kind = lfs === undefined ? 'git' : 'sha256';
  return [{ name, expected: { bytes: Number(bytes), digest: { kind, hex } } }];
}
