/** The same model as a GGUF file must say the same: its rows are stored in another order, and turned back by the rotary positions. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { createBlockHost } from '../../src/block-server/create-block-host.ts';
import { openLanguageModel } from '../../src/language-model/open-language-model.ts';
import { generateGreedily, readReference, SplitRun } from '../support/tiny-austen.ts';
import { tinyAustenGguf } from '../support/tiny-austen-gguf.ts';

const folder = mkdtempSync(join(tmpdir(), 'gguf-'));
afterAll(() => rmSync(folder, { recursive: true }));

it('continues greedily with the 60 reference tokens from a GGUF file', async () => {
  const path = join(folder, 'Tiny-Austen-F32.gguf');
  writeFileSync(path, await tinyAustenGguf());
  const model = await openLanguageModel(path);
  const host = await createBlockHost({ modelPath: path, memoryBytes: 64e6 });
  await host.host({ firstBlock: 0, blockCount: 6 }, 1e6);
  expect(model.id).toBe('tiny-austen-f32');
  expect(host.weightsDigest).toBe(model.weightsDigest);
  const reference = readReference();
  expect(model.encode(reference.prompt)).toEqual(reference.prompt_tokens);
  const run = new SplitRun(model, host, [2, 5], 80);
  const tokens = await generateGreedily(model, run, reference.prompt_tokens, 60, 7);
  run.close();
  await host.close();
  await model.close();
  expect(tokens).toEqual(reference.greedy_tokens);
});
