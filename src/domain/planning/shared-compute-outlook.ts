import type { ChainDemand, ComputedChain, HopDemand } from './compute-demand.ts';
import { erlangLoss, estimateOverflow } from './overflow-estimate.ts';

/** How a plan fares where sessions share compute, by approximation. */
export interface SharedComputeOutlook {
  /** Mean response time, seconds; undefined when more arrives than is served. */
  readonly responseSeconds: number | undefined;
  /** Whether the mean is within a tenth of the simulated one; elsewhere only a simulation tells. */
  readonly isTrusted: boolean;
  /** Share of its time that each server works, by server id. */
  readonly utilisation: ReadonlyMap<string, number>;
}

const ROUNDS = 24;
/** Waits grow without end towards a full server: beyond, nothing is trusted anyway. */
const MAX_BUSY = 0.97;
/**
 * A token that waited for a step of another job comes back later, when that job's next step is further on:
 * waits are rarer than for arrivals at random. And a piece of a prompt that joins the queue as the one before
 * leaves finds the other's next piece at its beginning: waits are longer. Both fitted to the simulation.
 */
const RETURN_DELAY = 0.25;
const PIECE_BEHIND_PIECE = 1.3;
/** Where the simulation agrees within a tenth: servers that are not too busy, steps not too long for the way round. */
const TRUSTED_BUSY = 0.5;
const TRUSTED_WAIT_PER_CYCLE = 2.5;
/** Chains with a smaller share of the jobs than this say nothing about the trust. */
const RARELY = 1e-3;

/**
 * The mean response time where sessions share compute, in a fraction of a millisecond: a fixed point of
 * how long jobs take on each chain, how JFFC spreads them over the chains then (`estimateOverflow`), how
 * busy that keeps the servers, and how long steps wait for them, as at a single server with random arrivals
 * (Pollaczek and Khinchine), of the steps of other jobs only.
 * @param demands of the chains   O(rounds * (hops + slots))
 */
export function sharedComputeOutlook(
  chains: readonly ComputedChain[],
  demands: readonly ChainDemand[],
  arrivalRatePerSecond: number,
): SharedComputeOutlook {
  const seconds = demands.map(({ aloneSeconds }) => aloneSeconds);
  let rates = new Float64Array(chains.length);
  let waitPerCycle = 0;
  let servers = new Map<string, ServerLoad>();
  let response: number | undefined;
  for (let round = 0; round < ROUNDS; round += 1) {
    const timed = chains.map(({ slots }, k) => ({ slots, serviceSeconds: seconds[k] ?? 0 }));
    const spread = estimateOverflow(timed, arrivalRatePerSecond);
    const next = spread?.ratesPerSecond ?? timed.map(({ slots, serviceSeconds }) => slots / serviceSeconds);
    rates = rates.map((rate, k) => (round === 0 ? (next[k] ?? 0) : (rate + (next[k] ?? 0)) / 2));
    response = spread?.responseSeconds;
    servers = serverLoads(demands, rates);
    waitPerCycle = 0;
    demands.forEach((demand, k) => {
      const rate = rates[k] ?? 0;
      const others = othersShare(chains[k]?.slots ?? 1, rate * (seconds[k] ?? 0));
      const waits = waitsOnChain(demand, servers, rate * (1 - others));
      seconds[k] = demand.aloneSeconds + waits.perJob;
      if (rate > RARELY * arrivalRatePerSecond)
        waitPerCycle = Math.max(waitPerCycle, waits.whenBusy / demand.cycleSeconds);
    });
  }
  // Near saturation the rounds may not settle: all jobs go somewhere all the same, and no server works more than always.
  const settled = response === undefined ? 1 : arrivalRatePerSecond / rates.reduce((sum, rate) => sum + rate, 0);
  const utilisation = new Map([...servers].map(([id, { busy }]) => [id, Math.min(1, settled * busy)]));
  const busiest = Math.max(0, ...utilisation.values());
  return {
    responseSeconds: response,
    isTrusted: response !== undefined && busiest < TRUSTED_BUSY && waitPerCycle < TRUSTED_WAIT_PER_CYCLE,
    utilisation,
  };
}

interface ServerLoad {
  /** Share of the time, and the mean remaining step found by an arrival at random. */
  busy: number;
  residual: number;
}

function serverLoads(demands: readonly ChainDemand[], rates: Float64Array): Map<string, ServerLoad> {
  const servers = new Map<string, ServerLoad>();
  demands.forEach(({ hops }, k) => {
    for (const { serverId, exclusiveSeconds, exclusiveSquares } of hops) {
      const load = servers.get(serverId) ?? { busy: 0, residual: 0 };
      load.busy += (rates[k] ?? 0) * exclusiveSeconds;
      load.residual += ((rates[k] ?? 0) * exclusiveSquares) / 2;
      servers.set(serverId, load);
    }
  });
  return servers;
}

/** @param ownRate jobs per second of this chain that a job never meets, being one of its few itself */
function waitsOnChain(
  demand: ChainDemand,
  servers: ReadonlyMap<string, ServerLoad>,
  ownRate: number,
): { readonly perJob: number; readonly whenBusy: number } {
  let perCycle = 0;
  let whenBusy = 0;
  let pieces = 0;
  demand.hops.forEach((hop, h) => {
    const { busy, residual } = loadOfOthers(hop, servers, ownRate);
    const wait = residual / (1 - busy);
    perCycle += wait;
    const behind = busy > 0 ? wait / busy : 0;
    whenBusy += behind;
    // The pieces of a prompt wait one by one at the first server; behind it they follow each other.
    const steps = h === 0 ? demand.promptSteps : 1;
    const piece = PIECE_BEHIND_PIECE * behind;
    pieces += steps * busy * piece * returning(hop.longestStepSeconds, (1 - busy) * piece);
  });
  const meeting = whenBusy > 0 ? perCycle / whenBusy : 0;
  const tokens = demand.decodeSteps * perCycle * returning(demand.cycleSeconds, (1 - meeting) * whenBusy);
  return { perJob: pieces + tokens, whenBusy };
}

/** Share of the waits of random arrivals that is left for steps that come back so long after they waited. */
function returning(cycleSeconds: number, waitSeconds: number): number {
  const cycle = cycleSeconds + RETURN_DELAY * waitSeconds;
  return cycle > 0 ? cycleSeconds / cycle : 1;
}

function loadOfOthers(hop: HopDemand, servers: ReadonlyMap<string, ServerLoad>, ownRate: number): ServerLoad {
  const load = servers.get(hop.serverId);
  const busy = Math.max(0, (load?.busy ?? 0) - ownRate * hop.exclusiveSeconds);
  const residual = Math.max(0, (load?.residual ?? 0) - (ownRate * hop.exclusiveSquares) / 2);
  return { busy: Math.min(MAX_BUSY, busy), residual };
}

/**
 * Jobs that one job of a chain finds there beside itself, over those that somebody from outside finds:
 * with one slot none, with many as many.
 * @param busySlots mean, in [0, slots]
 */
function othersShare(slots: number, busySlots: number): number {
  if (slots <= 1) return 0;
  if (!(busySlots > 0)) return 1;
  if (busySlots >= slots) return (slots - 1) / slots;
  let low = busySlots;
  let high = 2 * busySlots;
  while (high * (1 - erlangLoss(slots, high)) < busySlots && high < 1e6) high *= 2;
  for (let step = 0; step < 30; step += 1) {
    const middle = (low + high) / 2;
    if (middle * (1 - erlangLoss(slots, middle)) < busySlots) low = middle;
    else high = middle;
  }
  return (1 - erlangLoss(slots - 1, low)) / (1 - erlangLoss(slots, low));
}
