import type { IndexedPlacement, IndexedSwarm } from '../indexed-swarm.ts';

/**
 * CG-BP, conservative greedy block placement: the placement of the authors' earlier method (BPRR,
 * with WS-RR as its routing), a baseline. Every server gets as many blocks as leave room for R jobs
 * each; one after another, fastest first, each goes where blocks lack capacity most. Pinned servers come
 * before all others and stay where they are.
 */
export interface CgBpInput {
  readonly swarm: IndexedSwarm;
  /** lambda, 1/s. */
  readonly arrivalRatePerSecond: number;
  /** Round trip between orchestrator and server j, seconds; where unknown, tau^c_j with one output token. */
  readonly rttSeconds: Float64Array;
  /** Generated tokens per job that the round trips count for. */
  readonly outputTokens: number;
  /** Servers of the faster kind, by position. */
  readonly isHighPerformance: readonly boolean[];
}

/** Added to the slowest server's time per block for a block that no server holds yet, seconds. */
const UNSERVED_PENALTY_SECONDS = 0.001;

/**
 * R: jobs that the placement leaves room for on every block. A rough guess x of the jobs in service,
 * from the arrival rate and a typical service time, plus its square root; at most what the memory
 * allows, at least 1.   O(J)
 */
export function cgBpReservation(input: CgBpInput): number {
  const { swarm, arrivalRatePerSecond, rttSeconds, outputTokens, isHighPerformance } = input;
  const { blockCount, blockBytes, cacheBytesPerBlock } = swarm;
  const servers = swarm.serverIds.length;
  const hasHigh = isHighPerformance.includes(true);
  const hops = hasHigh ? Math.min(3, Math.max(2, Math.ceil(blockCount / 50))) : Math.max(3, Math.ceil(blockCount / 5));
  const high = meanWhere(swarm.computationSeconds, (j) => isHighPerformance[j] === true);
  const low = meanWhere(swarm.computationSeconds, (j) => isHighPerformance[j] !== true) ?? high ?? 0;
  const perBlock = high === undefined ? low : 0.7 * high + 0.3 * low;
  const meanRtt = meanWhere(rttSeconds, () => true) ?? 0;
  const serviceSeconds = outputTokens * meanRtt * hops + (perBlock * blockCount) / hops;
  const inService = arrivalRatePerSecond * serviceSeconds;
  const memory = swarm.memoryBytes.reduce((sum, bytes) => sum + bytes, 0);
  const places = blockCount + servers;
  const fitting = Math.max(1, Math.floor((memory - blockBytes * places) / (cacheBytesPerBlock * places)));
  return Math.max(1, Math.ceil(Math.min(inService + Math.sqrt(Math.max(inService, 1)), fitting)));
}

/**
 * @param reservedSlots R   @returns every server that can hold a block, placed   O(J L m log m) at worst
 */
export function placeCgBp(input: CgBpInput, reservedSlots: number): IndexedPlacement {
  const { swarm } = input;
  const { blockCount, blockBytes, cacheBytesPerBlock } = swarm;
  const servers = swarm.serverIds.length;
  const counts = Int32Array.from(swarm.memoryBytes, (memory) =>
    Math.min(Math.floor(memory / (blockBytes + reservedSlots * cacheBytesPerBlock)), blockCount),
  );
  for (const [j, span] of swarm.pinned) counts[j] = span.blockCount;
  const secondsPerBlock = Float64Array.from(counts, (count, j) => {
    const computation = ((swarm.computationSeconds[j] ?? 0) * count) / input.outputTokens;
    return ((input.rttSeconds[j] ?? 0) + computation) / count;
  });
  const order = Array.from({ length: servers }, (_, j) => j)
    .filter((j) => (counts[j] ?? 0) > 0)
    .sort(
      (a, b) =>
        Number(swarm.pinned.has(b)) - Number(swarm.pinned.has(a)) ||
        (secondsPerBlock[a] ?? 0) - (secondsPerBlock[b] ?? 0),
    );
  const worst = order.reduce((most, j) => Math.max(most, secondsPerBlock[j] ?? 0), 0) + UNSERVED_PENALTY_SECONDS;
  const capacity = new Float64Array(blockCount);
  const lack = new Float64Array(blockCount).fill(reservedSlots * worst);
  const firstBlock = new Int32Array(servers);
  const placed = new Int32Array(servers);
  for (const j of order) {
    const count = counts[j] ?? 0;
    const start =
      swarm.pinned.get(j)?.firstBlock ??
      (capacity.some((slots) => slots < reservedSlots)
        ? mostLacking(capacity, lack, reservedSlots, count)
        : leastServed(capacity, count));
    const free = Math.max(0, (swarm.memoryBytes[j] ?? 0) - blockBytes * count);
    const slots = Math.floor(free / (cacheBytesPerBlock * count));
    const gain = worst - (secondsPerBlock[j] ?? 0);
    for (let b = start; b < start + count; b += 1) {
      lack[b] = (lack[b] ?? 0) - gain * Math.min(Math.max(0, reservedSlots - (capacity[b] ?? 0)), slots);
      capacity[b] = (capacity[b] ?? 0) + slots;
    }
    firstBlock[j] = start;
    placed[j] = count;
  }
  return { firstBlock, blockCount: placed };
}

/** First start whose window has a block short of capacity, with the largest sum of lack. */
function mostLacking(capacity: Float64Array, lack: Float64Array, reservedSlots: number, count: number): number {
  let best = 0;
  let bestLack = Number.NEGATIVE_INFINITY;
  for (let start = 0; start + count <= capacity.length; start += 1) {
    const window = capacity.subarray(start, start + count);
    if (!window.some((slots) => slots < reservedSlots)) continue;
    const sum = lack.subarray(start, start + count).reduce((total, value) => total + value, 0);
    if (sum > bestLack) {
      bestLack = sum;
      best = start;
    }
  }
  return best;
}

/**
 * First start whose window, sorted ascending, comes first in lexicographic order: the one with most
 * blocks of the smallest capacity, among those the one with most of the next, and so on.
 * O(L) per distinct capacity that is needed to decide
 */
function leastServed(capacity: Float64Array, count: number): number {
  let starts = Array.from({ length: capacity.length - count + 1 }, (_, start) => start);
  for (const value of [...new Set(capacity)].sort((a, b) => a - b)) {
    if (starts.length === 1) break;
    // before[b]: blocks below b with this capacity.
    const before = new Int32Array(capacity.length + 1);
    capacity.forEach((slots, b) => {
      before[b + 1] = (before[b] ?? 0) + (slots === value ? 1 : 0);
    });
    const inWindow = (start: number): number => (before[start + count] ?? 0) - (before[start] ?? 0);
    const most = starts.reduce((largest, start) => Math.max(largest, inWindow(start)), 0);
    starts = starts.filter((start) => inWindow(start) === most);
  }
  return starts[0] ?? 0;
}

function meanWhere(values: Float64Array, isCounted: (position: number) => boolean): number | undefined {
  const counted = [...values].filter((_, j) => isCounted(j));
  return counted.length === 0 ? undefined : counted.reduce((sum, value) => sum + value, 0) / counted.length;
}
