import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { createBlockHost } from '../../../src/block-server/create-block-host.ts';
import { openLanguageModel } from '../../../src/language-model/open-language-model.ts';
import { TINY_AUSTEN } from '../../support/tiny-austen.ts';

const HIDDEN = 192;
/** 405,504 values in matrices with a scale for 32 of them, and two norms in float32. */
const BLOCK_BYTES = 405_504 + (405_504 / 32) * 4 + 2 * HIDDEN * 4;

const folder = mkdtempSync(join(tmpdir(), 'int8-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** tiny-austen with another file in place of one of its own. */
function changedModel(name: string, file: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  cpSync(TINY_AUSTEN, path, { recursive: true });
  writeFileSync(join(path, file), content);
  return path;
}

describe('a block host in int8', () => {
  it('counts a third of the bytes, and keeps within its memory when it moves', async () => {
    const cacheBytes = 2 * 40 * 768;
    const host = await createBlockHost({
      modelPath: TINY_AUSTEN,
      dtype: 'int8',
      memoryBytes: 2 * BLOCK_BYTES + cacheBytes,
    });
    expect(host.blockBytes).toBe(BLOCK_BYTES);
    expect(BLOCK_BYTES * 3).toBeLessThan(1_623_552);
    await expect(host.host({ firstBlock: 0, blockCount: 3 }, 0)).rejects.toMatchObject({ param: 'span' });
    for (const firstBlock of [0, 4, 1]) {
      await host.host({ firstBlock, blockCount: 2 }, cacheBytes);
      const session = host.openSession({ firstBlock, blockCount: 2 }, 40);
      const step = await session.step(
        Float32Array.from({ length: 3 * HIDDEN }, (_, i) => Math.sin(i)),
        3,
        3,
      );
      expect(step.hidden).toHaveLength(3 * HIDDEN);
      expect(step.hidden.every(Number.isFinite)).toBe(true);
      session.close();
    }
    await host.close();
  });

  it('may be closed in the middle of a step', async () => {
    for (let round = 0; round < 4; round += 1) {
      const host = await createBlockHost({ modelPath: TINY_AUSTEN, dtype: 'int8', memoryBytes: 1e8 });
      await host.host({ firstBlock: 0, blockCount: 1 }, 1e6);
      const step = host.openSession({ firstBlock: 0, blockCount: 1 }, 500).step(new Float32Array(500 * HIDDEN), 500, 1);
      const ended = expect(step).rejects.toMatchObject({ code: 'DSP_CANCELLED' });
      await host.close();
      await ended;
    }
  });

  it('names a tensor with a value that is not a number when it should load it', async () => {
    const bytes = readFileSync(join(TINY_AUSTEN, 'model.safetensors'));
    const headerBytes = Number(bytes.readBigUInt64LE());
    const header = JSON.parse(bytes.toString('utf8', 8, 8 + headerBytes)) as Record<string, { data_offsets: [number] }>;
    const tensor = 'model.layers.2.mlp.gate_proj.weight';
    const NAN_FLOAT16 = 0x7e00;
    bytes.writeUInt16LE(NAN_FLOAT16, 8 + headerBytes + header[tensor]!.data_offsets[0] + 1000);
    const path = changedModel('not-a-number', 'model.safetensors', bytes);
    const host = await createBlockHost({ modelPath: path, dtype: 'int8', memoryBytes: 1e8 });
    await expect(host.host({ firstBlock: 2, blockCount: 1 }, 0)).rejects.toMatchObject({
      code: 'DSP_BAD_WEIGHTS',
      param: tensor,
    });
    expect(host.hosted()).toBeUndefined();
    await host.host({ firstBlock: 3, blockCount: 1 }, 0);
    await host.close();
  });

  it('is refused for a model whose rows are no whole groups, on both sides', async () => {
    const config = JSON.parse(readFileSync(join(TINY_AUSTEN, 'config.json'), 'utf8')) as object;
    const path = changedModel('odd', 'config.json', JSON.stringify({ ...config, intermediate_size: 500 }));
    const error = { code: 'DSP_INVALID_ARGUMENT', param: 'dtype', message: expect.stringContaining('use float32') };
    await expect(createBlockHost({ modelPath: path, dtype: 'int8', memoryBytes: 1e8 })).rejects.toMatchObject(error);
    await expect(openLanguageModel(path, { dtype: 'int8' })).rejects.toMatchObject(error);
  });
});
