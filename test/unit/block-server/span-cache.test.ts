import { describe, expect, it } from 'vitest';
import { BlockEngine } from '../../../src/block-server/block-engine.ts';
import { SpanCache } from '../../../src/block-server/span-cache.ts';
import { InvariantError } from '../../../src/domain/shared/invariant.ts';
import type { ModelConfig } from '../../../src/language-model/weights/model-config.ts';
import { openModelWeights } from '../../../src/language-model/weights/open-model-weights.ts';
import { TINY_AUSTEN } from '../../support/tiny-austen.ts';

const HEADS = 2;
const WIDTH = 4;
const config = { keyValueHeadCount: HEADS, headDimension: WIDTH } as ModelConfig;

function keysOf(cache: SpanCache, block: number): { readonly room: number; readonly data: Float32Array } {
  const tensor = cache.cacheFeeds(block)['pastKeys']!;
  return { room: tensor.dims[2]!, data: tensor.data as Float32Array };
}

/** Adds one token whose numbers tell where they belong. */
function addToken(cache: SpanCache): void {
  const token = cache.tokens;
  cache.makeRoom(1);
  for (let block = cache.firstBlock; block < cache.endBlock; block += 1) {
    const rows = Float32Array.from({ length: HEADS * WIDTH }, (_, i) => block * 1e5 + token * 10 + i);
    cache.write(block, rows, rows, 1);
  }
  cache.advance(1);
}

describe('a session cache', () => {
  it('has room for little more than its tokens, never for more than are reserved, and keeps every row', () => {
    const cache = new SpanCache(config, 3, 2, 700);
    for (let tokens = 1; tokens <= 700; tokens += 1) {
      addToken(cache);
      const { room } = keysOf(cache, 3);
      expect(room).toBeGreaterThanOrEqual(tokens);
      expect(room).toBeLessThanOrEqual(Math.min(700, tokens * 1.125 + 65));
    }
    for (const block of [3, 4]) {
      const { room, data } = keysOf(cache, block);
      for (let head = 0; head < HEADS; head += 1) {
        for (let token = 0; token < 700; token += 1) {
          expect(data[(head * room + token) * WIDTH]).toBe(block * 1e5 + token * 10 + head * WIDTH);
        }
      }
    }
  });

  it('takes no more tokens than are reserved', () => {
    expect(() => new SpanCache(config, 0, 1, 10).makeRoom(11)).toThrow(InvariantError);
  });

  it('is refused with DSP_CACHE_FULL when the machine is out of memory', async () => {
    const engine = await BlockEngine.create(await openModelWeights(TINY_AUSTEN), 'float32', 1);
    const cache = engine.allocateCache(0, 1, 2 ** 45);
    expect(() => engine.makeRoom(cache, 2 ** 45)).toThrow(expect.objectContaining({ code: 'DSP_CACHE_FULL' }));
    cache.free();
    await engine.close();
  });
});
