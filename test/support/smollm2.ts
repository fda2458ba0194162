import { readFileSync } from 'node:fs';
import { locateModel, modelCacheFolder } from '../../src/language-model/weights/locate-model.ts';

/** Path of SmolLM2-135M-Instruct where `daisychain pull` has fetched it; tests that need it are skipped elsewhere. */
export async function findSmollm2(): Promise<string | undefined> {
  return await locateModel('smollm2-135m-instruct', modelCacheFolder(process.env)).catch(() => undefined);
}

/** A file that test/fixtures/reference/make_reference.py wrote. */
export function readGolden<Value>(name: string): Value {
  return JSON.parse(readFileSync(new URL(`../fixtures/reference/${name}`, import.meta.url), 'utf8')) as Value;
}
