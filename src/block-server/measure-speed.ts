import type { BlockEngine } from './block-engine.ts';

/** Seconds for one block on this machine. */
export interface MeasuredBlockSpeed {
  /** Of every step, whatever its tokens. */
  readonly overheadSecondsPerBlock: number;
  readonly prefillSecondsPerTokenPerBlock: number;
  /** Of a step of one token, without the overhead. */
  readonly decodeSecondsPerTokenPerBlock: number;
}

const FEW_TOKENS = 16;
const MANY_TOKENS = 64;
const SINGLE_STEPS = 12;
const PREFILL_ROUNDS = 3;
/** A speed of zero would make a plan infinitely fast. */
const SMALLEST_SECONDS = 1e-9;

/**
 * Times block `block` of the engine, which must be loaded. The shortest of a few rounds counts for chunks and the
 * median for single tokens: on a shared machine the other rounds measure the neighbours.
 */
export async function measureSpeed(engine: BlockEngine, block: number): Promise<MeasuredBlockSpeed> {
  const few = Math.min(FEW_TOKENS, Math.max(1, Math.floor(engine.config.contextTokens / 4)));
  const many = Math.min(MANY_TOKENS, engine.config.contextTokens - 1);
  await timeChunk(engine, block, few);
  const fewSeconds: number[] = [];
  const manySeconds: number[] = [];
  for (let round = 0; round < PREFILL_ROUNDS; round += 1) {
    fewSeconds.push(await timeChunk(engine, block, few));
    manySeconds.push(await timeChunk(engine, block, many));
  }
  const shortFew = Math.min(...fewSeconds);
  const shortMany = Math.min(...manySeconds);
  const slope = many > few ? (shortMany - shortFew) / (many - few) : shortMany / many;
  const prefill = Math.max(slope, SMALLEST_SECONDS);
  const single = await timeSingleTokens(engine, block, many);
  // The intercept of chunks can exceed a whole single step, which runs other kernels.
  const overhead = Math.min(Math.max(0, shortFew - few * prefill), single / 2);
  return {
    overheadSecondsPerBlock: overhead,
    prefillSecondsPerTokenPerBlock: prefill,
    decodeSecondsPerTokenPerBlock: Math.max(single - overhead, SMALLEST_SECONDS),
  };
}

async function timeChunk(engine: BlockEngine, block: number, tokens: number): Promise<number> {
  const cache = engine.allocateCache(block, 1, tokens);
  const hidden = sampleHidden(tokens * engine.config.hiddenSize);
  const start = performance.now();
  await engine.run([{ cache, hidden, tokens }]);
  const seconds = (performance.now() - start) / 1000;
  cache.free();
  return seconds;
}

/** Median seconds of a token after `past` others. */
async function timeSingleTokens(engine: BlockEngine, block: number, past: number): Promise<number> {
  const steps = Math.max(1, Math.min(SINGLE_STEPS, engine.config.contextTokens - past));
  const cache = engine.allocateCache(block, 1, past + steps);
  await engine.run([{ cache, hidden: sampleHidden(past * engine.config.hiddenSize), tokens: past }]);
  const hidden = sampleHidden(engine.config.hiddenSize);
  const seconds: number[] = [];
  for (let step = 0; step < steps; step += 1) {
    const start = performance.now();
    await engine.run([{ cache, hidden, tokens: 1 }]);
    seconds.push((performance.now() - start) / 1000);
  }
  cache.free();
  seconds.sort((a, b) => a - b);
  return seconds[Math.floor(seconds.length / 2)] ?? SMALLEST_SECONDS;
}

/** Numbers of the size of hidden states; what they are does not change the time. */
function sampleHidden(length: number): Float32Array {
  return Float32Array.from({ length }, (_, i) => Math.sin(i));
}
