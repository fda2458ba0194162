import type { Hop } from '../model/chain.ts';
import { invariant } from '../shared/invariant.ts';
import type { SharedServerSpeeds, TokenWorkload } from './service-times.ts';
import { oneWaySeconds, stepSeconds } from './service-times.ts';

/** What a plan has to be told where the sessions on a server share its compute. */
export interface ComputeSharing {
  readonly meanTokens: TokenWorkload;
  /** By server id, for every server of the swarm. */
  readonly speeds: ReadonlyMap<string, SharedServerSpeeds>;
  readonly hiddenBytesPerToken: number;
  /** A prompt travels in pieces of so many tokens, one behind the other; undefined sends it whole. */
  readonly prefillChunkTokens: number | undefined;
}

/** A chain as far as its jobs compute: without a name. */
export interface ComputedChain {
  readonly hops: readonly Pick<Hop, 'serverId' | 'blockCount'>[];
  readonly slots: number;
  readonly serviceSeconds: number;
}

/** What one job of a chain asks of one server. */
export interface HopDemand {
  readonly serverId: string;
  /** Seconds that it keeps the server from all others, over all its steps. */
  readonly exclusiveSeconds: number;
  /** Sum of the squares of those seconds, step by step: what others wait for comes from it. */
  readonly exclusiveSquares: number;
  /** The longest step. */
  readonly longestStepSeconds: number;
}

/** What one job asks of its chain, on average over the sizes of jobs. */
export interface ChainDemand {
  readonly hops: readonly HopDemand[];
  /** From start to end when nobody else is there: pieces of a prompt overlap on the way. */
  readonly aloneSeconds: number;
  /** One generated token through all hops, alone. */
  readonly cycleSeconds: number;
  /** Pieces of the prompt, and tokens generated after the first. */
  readonly promptSteps: number;
  readonly decodeSteps: number;
}

/** Job sizes, exponential with mean 1, stand for this many equally likely ones. */
const SIZES = 8;

interface SizedJob {
  /** Tokens of each piece of the prompt. */
  readonly pieces: readonly number[];
  readonly decodeSteps: number;
}

/** @returns demands of chains; a chain's server without speeds is a bug   O(pieces * hops) per chain */
export function createDemand(sharing: ComputeSharing): (chain: ComputedChain) => ChainDemand {
  const jobs = Array.from({ length: SIZES }, (_, i) => sizedJob(sharing, meanOfStratum(i)));
  const mean = (figure: (job: SizedJob) => number): number => jobs.reduce((sum, job) => sum + figure(job), 0) / SIZES;
  const promptSteps = mean(({ pieces }) => pieces.length);
  const decodeSteps = mean((job) => job.decodeSteps);
  const speedsOf = (serverId: string): SharedServerSpeeds => {
    const speeds = sharing.speeds.get(serverId);
    invariant(speeds !== undefined, `server ${serverId} has speeds`);
    return speeds;
  };
  return (chain) => {
    const hops = chain.hops.map((hop) => ({ ...hop, speeds: speedsOf(hop.serverId) }));
    const cycleSeconds = hops.reduce(
      (sum, { speeds, blockCount }) =>
        sum + 2 * oneWaySeconds(speeds, 1, sharing.hiddenBytesPerToken) + stepSeconds(speeds, blockCount, 1, false),
      0,
    );
    return {
      hops: hops.map(({ serverId, speeds, blockCount }) => {
        const piece = (tokens: number): number => stepSeconds(speeds, blockCount, tokens, true);
        const token = stepSeconds(speeds, blockCount, 1, false);
        const sum = (power: 1 | 2): number =>
          mean(({ pieces }) => pieces.reduce((total, tokens) => total + piece(tokens) ** power, 0)) +
          decodeSteps * token ** power;
        return {
          serverId,
          exclusiveSeconds: speeds.concurrencySlope * sum(1),
          exclusiveSquares: speeds.concurrencySlope ** 2 * sum(2),
          longestStepSeconds: jobs.reduce((longest, { pieces }) => Math.max(longest, piece(pieces[0] ?? 0)), token),
        };
      }),
      aloneSeconds: mean((job) => promptSeconds(sharing, hops, job.pieces) + job.decodeSteps * cycleSeconds),
      cycleSeconds,
      promptSteps,
      decodeSteps,
    };
  };
}

function sizedJob({ meanTokens, prefillChunkTokens }: ComputeSharing, size: number): SizedJob {
  const inputTokens = Math.max(1, Math.round(size * meanTokens.inputTokens));
  const perPiece = prefillChunkTokens ?? inputTokens;
  const pieces = Array.from({ length: Math.ceil(inputTokens / perPiece) }, (_, i) =>
    Math.min(perPiece, inputTokens - i * perPiece),
  );
  return { pieces, decodeSteps: Math.max(1, Math.round(size * meanTokens.outputTokens)) - 1 };
}

/** Mean of the i-th of `SIZES` equally likely parts of the exponential distribution with mean 1. */
function meanOfStratum(i: number): number {
  const upTo = (share: number): number => (share >= 1 ? 0 : (1 - share) * Math.log(1 - share) - (1 - share));
  return SIZES * (upTo((i + 1) / SIZES) - upTo(i / SIZES));
}

/** When the last piece of a prompt is back: each piece enters the first server as the one before leaves it. */
function promptSeconds(
  { hiddenBytesPerToken }: ComputeSharing,
  hops: readonly { readonly speeds: SharedServerSpeeds; readonly blockCount: number }[],
  pieces: readonly number[],
): number {
  const freeAt = new Float64Array(hops.length);
  let entersAt = hops[0] === undefined ? 0 : oneWaySeconds(hops[0].speeds, pieces[0] ?? 0, hiddenBytesPerToken);
  let back = 0;
  for (const tokens of pieces) {
    let at = entersAt;
    hops.forEach(({ speeds, blockCount }, h) => {
      const travel = oneWaySeconds(speeds, tokens, hiddenBytesPerToken);
      const begin = Math.max(h === 0 ? at : at + travel, freeAt[h] ?? 0);
      const seconds = stepSeconds(speeds, blockCount, tokens, true);
      freeAt[h] = begin + speeds.concurrencySlope * seconds;
      if (h === 0) entersAt = begin + seconds;
      at = begin + seconds + travel;
    });
    back = at;
  }
  return back;
}
