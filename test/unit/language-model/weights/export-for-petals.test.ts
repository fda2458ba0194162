import { cpSync, lstatSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { exportForPetals, isReadByPetals } from '../../../../src/language-model/weights/export-for-petals.ts';
import { openModelWeights } from '../../../../src/language-model/weights/open-model-weights.ts';
import { BLOCK_TENSORS, blockTensor } from '../../../../src/language-model/weights/tensor-names.ts';
import { TINY_AUSTEN } from '../../../support/tiny-austen.ts';
import { tinyAustenGguf } from '../../../support/tiny-austen-gguf.ts';

const scratch = mkdtempSync(join(tmpdir(), 'export-for-petals-'));
afterAll(() => rmSync(scratch, { recursive: true }));
let folders = 0;

function newFolder(): string {
  folders += 1;
  const folder = join(scratch, String(folders));
  mkdirSync(folder);
  return folder;
}

/** A copy of tiny-austen with fields of its `config.json` changed. */
function modelWith(changes: Readonly<Record<string, unknown>>): string {
  const folder = newFolder();
  cpSync(join(TINY_AUSTEN, 'model.safetensors'), join(folder, 'model.safetensors'));
  const config = JSON.parse(readFileSync(join(TINY_AUSTEN, 'config.json'), 'utf8')) as Record<string, unknown>;
  writeFileSync(join(folder, 'config.json'), JSON.stringify({ ...config, ...changes }));
  return folder;
}

async function exported(modelPath: string): Promise<string> {
  const folder = newFolder();
  const weights = await openModelWeights(modelPath);
  try {
    await exportForPetals(modelPath, weights, folder);
  } finally {
    await weights.close();
  }
  return folder;
}

async function isRead(modelPath: string): Promise<boolean> {
  const weights = await openModelWeights(modelPath);
  await weights.close();
  return isReadByPetals(modelPath, weights.config);
}

const configOf = (folder: string): string => readFileSync(join(folder, 'config.json'), 'utf8');

describe('exportForPetals', () => {
  it('writes a GGUF file so that every tensor is that of the Hugging Face folder it was made from', async () => {
    const path = join(newFolder(), 'tiny-austen.gguf');
    writeFileSync(path, await tinyAustenGguf());
    expect(await isRead(path)).toBe(false);
    const folder = await exported(path);
    const [original, copy] = await Promise.all([openModelWeights(TINY_AUSTEN), openModelWeights(folder)]);
    const { config } = original;
    expect(copy.config).toEqual(config);
    const { vocabularySize, hiddenSize } = config;
    const tensors = [
      { name: 'model.embed_tokens.weight', shape: [vocabularySize, hiddenSize] },
      { name: 'model.norm.weight', shape: [hiddenSize] },
      ...Array.from({ length: config.blockCount }, (_, block) =>
        BLOCK_TENSORS.map((tensor) => blockTensor(config, block, tensor)),
      ).flat(),
    ];
    for (const { name, shape } of tensors)
      expect(await copy.read(name, shape), name).toEqual(await original.read(name, shape));
    await Promise.all([original.close(), copy.close()]);
    expect(await isRead(folder)).toBe(true);
  });

  it('leaves a folder alone whose rotary settings PETALS 2.2 takes as they are', async () => {
    expect(await isRead(TINY_AUSTEN)).toBe(true);
    expect(await isRead(modelWith({ rope_parameters: undefined, rope_theta: 100_000 }))).toBe(true);
  });

  it('moves a rotary base to where PETALS 2.2 looks for it, over links to the same weights', async () => {
    const modern = modelWith({ rope_parameters: { rope_type: 'default', rope_theta: 100_000 } });
    expect(await isRead(modern)).toBe(false);
    const folder = await exported(modern);
    expect(JSON.parse(configOf(folder))).toMatchObject({ rope_theta: 100_000, rope_scaling: null });
    expect(lstatSync(join(folder, 'model.safetensors')).isSymbolicLink()).toBe(true);
    expect(await isRead(folder)).toBe(true);
  });

  it('writes the factor of linear scaling with a decimal point, without which transformers 4.34 refuses it', async () => {
    const scaled = modelWith({ rope_parameters: { rope_type: 'linear', rope_theta: 10_000, factor: 4 } });
    expect(configOf(await exported(scaled))).toMatch(/"type": "linear",\s+"factor": 4\.0\n/);
  });

  it.each([
    ['rope_scaling', { rope_parameters: { rope_type: 'llama3', rope_theta: 5e5, factor: 8, low_freq_factor: 1 } }],
    ['head_dim', { head_dim: 16 }],
  ])('refuses a model whose %s PETALS 2.2 cannot compute', async (param, changes) => {
    const llama3 = { high_freq_factor: 4, original_max_position_embeddings: 8192 };
    const rope = 'rope_parameters' in changes ? { rope_parameters: { ...changes.rope_parameters, ...llama3 } } : {};
    const path = modelWith({ ...changes, ...rope });
    await expect(isRead(path)).rejects.toMatchObject({ code: 'DSP_BAD_WEIGHTS', param });
    await expect(exported(path)).rejects.toMatchObject({ code: 'DSP_BAD_WEIGHTS', param });
  });
});
