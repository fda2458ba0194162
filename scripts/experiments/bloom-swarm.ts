import type { ModelShape } from '../../src/domain/model/model.ts';
import type { Server } from '../../src/domain/model/server.ts';
import type { SharedServerSpeeds } from '../../src/domain/planning/service-times.ts';
import { createRng } from '../../src/domain/shared/rng.ts';
import type { Topology } from './rtt-topology.ts';
import { drawTopology, loadAnchors } from './rtt-topology.ts';

/**
 * `simulator`: as the paper's authors simulate (156 and 78 TFLOPS, the nearest servers are the fast
 * ones, overhead on the first token only); `text`: as the paper says (120 and 80 TFLOPS, fast servers
 * at random, 18 ms on every token).
 */
export type BloomSetting = 'simulator' | 'text';

export const INPUT_TOKENS = 2000;
export const OUTPUT_TOKENS = 20;
/** lambda of the paper's comparison, 1/s. */
export const ARRIVAL_RATE = 0.2;
/** rho-bar of the paper's comparison. */
export const MAX_LOAD = 0.7;
const TEXT_OVERHEAD_SECONDS = 0.018;
const SIMULATOR_FIRST_TOKEN_SECONDS = 0.05;
/** Seconds per block and step beside the tokens, spread over the 20 steps of a job. */
const STEP_SECONDS = 0.001 / OUTPUT_TOKENS;

/** Prompt and generated tokens: seconds for one token in one block. */
interface ServerKind {
  readonly memoryBytes: number;
  readonly prefillSeconds: number;
  readonly decodeSeconds: number;
}

/** 5 GFLOP per token and block over the speed; the bytes of a block over the memory's bandwidth. */
function kind(memoryBytes: number, teraflops: number, gigabytesPerSecond: number): ServerKind {
  return { memoryBytes, prefillSeconds: 5e-3 / teraflops, decodeSeconds: 1.32 / gigabytesPerSecond };
}

const KINDS: Readonly<Record<BloomSetting, { readonly fast: ServerKind; readonly slow: ServerKind }>> = {
  simulator: { fast: kind(40e9, 156, 1020), slow: kind(20e9, 78, 510) },
  text: { fast: kind(40e9, 120, 1020), slow: kind(20e9, 80, 510) },
};
/** Mean seconds per block that the simulator's authors use themselves. */
const SIMULATOR_BLOCK_SECONDS = { fast: 0.0896907994, slow: 0.1783815988 };

export interface BloomSwarm {
  readonly model: ModelShape;
  readonly servers: readonly Server[];
  readonly speeds: ReadonlyMap<string, SharedServerSpeeds>;
  readonly isFast: readonly boolean[];
  readonly topology: Topology;
  readonly hiddenBytesPerToken: number;
}

/**
 * BLOOM-176B on drawn servers at European round trips.
 * @param share eta: share of the servers that are fast; rounded down to whole servers
 */
export function drawBloomSwarm(setting: BloomSetting, count: number, share: number, seed: number): BloomSwarm {
  const topology = drawTopology(loadAnchors(), count, createRng(seed, 'topology'));
  const fastServers = Math.floor(share * count + 1e-9);
  const fast = new Set(
    setting === 'simulator'
      ? Array.from({ length: fastServers }, (_, j) => j)
      : shuffled(count, seed, 'kinds').slice(0, fastServers),
  );
  const isFast = Array.from(topology.rttSeconds, (_, j) => fast.has(j));
  const speeds = new Map<string, SharedServerSpeeds>();
  const servers = isFast.map((own, j): Server => {
    const id = `s${String(j).padStart(2, '0')}`;
    const name = own ? 'fast' : 'slow';
    const { memoryBytes, prefillSeconds, decodeSeconds } = KINDS[setting][name];
    const rttSeconds = topology.rttSeconds[j] ?? 0;
    const overheadSeconds = setting === 'text' ? TEXT_OVERHEAD_SECONDS : SIMULATOR_FIRST_TOKEN_SECONDS / OUTPUT_TOKENS;
    speeds.set(id, {
      rttSeconds,
      overheadSeconds,
      overheadSecondsPerBlock: STEP_SECONDS,
      prefillSecondsPerTokenPerBlock: prefillSeconds,
      decodeSecondsPerTokenPerBlock: decodeSeconds,
      concurrencySlope: 1,
    });
    return {
      id,
      memoryBytes,
      communicationSeconds: OUTPUT_TOKENS * (rttSeconds + overheadSeconds),
      computationSecondsPerBlock:
        setting === 'simulator'
          ? SIMULATOR_BLOCK_SECONDS[name]
          : 0.001 + INPUT_TOKENS * prefillSeconds + (OUTPUT_TOKENS - 1) * decodeSeconds,
    };
  });
  return {
    model: {
      id: 'bloom-176b',
      blockCount: 70,
      blockBytes: 1_320_000_000,
      cacheBytesPerBlock: setting === 'simulator' ? 115_834_880 : 110_000_000,
    },
    servers,
    speeds,
    isFast,
    topology,
    hiddenBytesPerToken: 28_672,
  };
}

/** The numbers below `count` in a drawn order. */
export function shuffled(count: number, seed: number, stream: string): number[] {
  const rng = createRng(seed, stream);
  const order = Array.from({ length: count }, (_, j) => j);
  for (let i = count - 1; i > 0; i -= 1) {
    const other = Math.floor(rng.next() * (i + 1));
    [order[i], order[other]] = [order[other] ?? 0, order[i] ?? 0];
  }
  return order;
}
