import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { locateModel, modelCacheFolder } from '../../../../src/language-model/weights/locate-model.ts';
import { openModelWeights } from '../../../../src/language-model/weights/open-model-weights.ts';
import { TINY_AUSTEN } from '../../../support/tiny-austen.ts';

const folder = mkdtempSync(join(tmpdir(), 'models-'));
afterAll(() => rmSync(folder, { recursive: true }));

function copyModel(name: string): string {
  const path = join(folder, name);
  mkdirSync(path);
  for (const file of ['config.json', 'generation_config.json', 'model.safetensors', 'tokenizer.json']) {
    cpSync(join(TINY_AUSTEN, file), join(path, file));
  }
  return path;
}

describe('locateModel', () => {
  it('finds bundled models by id, models in the cache by id and any folder by path', async () => {
    const path = copyModel('Somewhere');
    mkdirSync(join(folder, 'cache', 'models'), { recursive: true });
    cpSync(path, join(folder, 'cache', 'models', 'mine'), { recursive: true });
    expect(await locateModel('tiny-austen', join(folder, 'cache'))).toBe(TINY_AUSTEN);
    expect(await locateModel('mine', join(folder, 'cache'))).toBe(join(folder, 'cache', 'models', 'mine'));
    expect(await locateModel(path, join(folder, 'cache'))).toBe(path);
  });

  it.each(['nothing-here', '../models/tiny-austen/../..', 'Upper', '', '/', './nowhere'])(
    'refuses %j as a model that does not exist',
    async (id) => {
      await expect(locateModel(id, folder)).rejects.toMatchObject({ code: 'DSP_MODEL_NOT_FOUND', param: 'model' });
    },
  );

  it('keeps fetched models where the environment says', () => {
    expect(modelCacheFolder({ DAISYCHAIN_CACHE_DIR: '/somewhere' })).toBe('/somewhere');
    expect(modelCacheFolder({})).toMatch(/\.cache\/daisychain$/);
  });
});

describe('openModelWeights', () => {
  it('gives equal digests for equal weights and another one when a weight or the configuration changes', async () => {
    const digestOf = async (path: string): Promise<string> => {
      const weights = await openModelWeights(path);
      const digest = await weights.digest();
      await weights.close();
      return digest;
    };
    const original = await digestOf(TINY_AUSTEN);
    expect(original).toMatch(/^sha256:[0-9a-f]{64}$/);
    const copy = copyModel('copy');
    expect(await digestOf(copy)).toBe(original);
    const bytes = readFileSync(join(copy, 'model.safetensors'));
    bytes[bytes.length - 1]! ^= 1;
    writeFileSync(join(copy, 'model.safetensors'), bytes);
    expect(await digestOf(copy)).not.toBe(original);
    const theta = copyModel('theta');
    const config = readFileSync(join(theta, 'config.json'), 'utf8').replace('10000.0', '20000.0');
    writeFileSync(join(theta, 'config.json'), config);
    expect(await digestOf(theta)).not.toBe(original);
  });

  it('reads a model that is split over several files', async () => {
    const path = copyModel('split');
    const index = { weight_map: { 'model.norm.weight': 'part.safetensors' } };
    writeFileSync(join(path, 'model.safetensors.index.json'), JSON.stringify(index));
    cpSync(join(path, 'model.safetensors'), join(path, 'part.safetensors'));
    rmSync(join(path, 'model.safetensors'));
    const weights = await openModelWeights(path, 'given');
    expect(weights.id).toBe('given');
    expect(await weights.read('model.norm.weight', [192])).toHaveLength(192);
    await weights.close();
  });

  it.each(['../../etc/passwd.safetensors', 'a/b.safetensors', 'model.bin', 7])(
    'refuses an index that names %j',
    async (name) => {
      const path = copyModel(`index-${String(name).replaceAll('/', '_')}`);
      rmSync(join(path, 'model.safetensors'));
      writeFileSync(join(path, 'model.safetensors.index.json'), JSON.stringify({ weight_map: { a: name } }));
      await expect(openModelWeights(path)).rejects.toMatchObject({ code: 'DSP_BAD_WEIGHTS', param: 'weight_map' });
    },
  );

  it('names the file when the configuration is missing or broken', async () => {
    await expect(openModelWeights(folder)).rejects.toThrow('config.json does not exist');
    const path = copyModel('broken');
    writeFileSync(join(path, 'config.json'), '{');
    await expect(openModelWeights(path)).rejects.toThrow('config.json is not valid JSON');
    rmSync(join(path, 'model.safetensors'));
    cpSync(join(TINY_AUSTEN, 'config.json'), join(path, 'config.json'));
    await expect(openModelWeights(path)).rejects.toThrow('holds neither');
  });
});
