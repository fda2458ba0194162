import type { ModelShape } from '../../src/domain/model/model.ts';
import type { Server } from '../../src/domain/model/server.ts';
import { cacheSlots, composeChains } from '../../src/domain/planning/gca.ts';
import type { IndexedSwarm } from '../../src/domain/planning/indexed-swarm.ts';
import { indexPlacement, indexSwarm } from '../../src/domain/planning/indexed-swarm.ts';
import { makePlan } from '../../src/domain/planning/make-plan.ts';
import { computeResponseBound, serviceRate } from '../../src/domain/planning/response-time-bounds.ts';
import { createRng } from '../../src/domain/shared/rng.ts';
import { markdownTable, mean, percent } from './markdown.ts';
import { solveAllocations } from './optimal-allocation.ts';
import type { Outcome, RenderedSection, ResultsSection } from './results-section.ts';

interface Cell {
  readonly kind: 'allocation' | 'placement';
  readonly seed: number;
}
/** Named ratios to the optimum, each >= 1 up to rounding; absent where there is no such plan. */
type Value = Readonly<Record<string, number>>;

const ALLOCATIONS = 40;
const PLACEMENTS = 24;
const MAX_LOAD = 0.7;
const RATE_SHARES = [0.1, 0.3, 0.5, 0.7, 0.9];

/** Small swarms, solved to the optimum: by an integer programme, or by trying every placement. */
export const optimalityGap: ResultsSection<Cell, Value> = {
  title: 'How far from the optimum',
  cells: () => [
    ...Array.from({ length: ALLOCATIONS }, (_, seed) => ({ kind: 'allocation', seed }) as const),
    ...Array.from({ length: PLACEMENTS }, (_, seed) => ({ kind: 'placement', seed }) as const),
  ],
  run: ({ kind, seed }) => (kind === 'allocation' ? allocationGap(seed) : placementGap(seed)),
  render,
};

function drawSwarm(seed: number, blocks: number, count: number): { model: ModelShape; servers: Server[] } {
  const rng = createRng(seed, 'small swarm');
  const servers = Array.from({ length: count }, (_, j) => ({
    id: `s${j}`,
    memoryBytes: Math.floor(20 + 60 * rng.next()),
    communicationSeconds: 0.2 + rng.next(),
    computationSecondsPerBlock: 0.05 + 0.2 * rng.next(),
  }));
  return { model: { id: 'small', blockCount: blocks, blockBytes: 10, cacheBytesPerBlock: 1 }, servers };
}

/** GCA's slots and rate against an integer programme's, on the placement of \`gbp-cr-fill\`. */
async function allocationGap(seed: number): Promise<Value> {
  const { model, servers } = drawSwarm(seed, 10, 8);
  const plan = makePlan({
    model,
    servers,
    arrivalRatePerSecond: 0.5,
    maxLoad: MAX_LOAD,
    placementPolicy: 'gbp-cr-fill',
    objective: 'lower',
  });
  if (plan.kind === 'infeasible') return {};
  const swarm = indexSwarm(model, servers);
  const placement = indexPlacement(swarm, plan.placement);
  const optimum = await solveAllocations(swarm, placement, cacheSlots(swarm, placement));
  const value: Record<string, number> = { rate: optimum.largestRate() / plan.serviceRatePerSecond };
  for (const share of RATE_SHARES) {
    const target = share * plan.serviceRatePerSecond;
    const fewest = optimum.fewestSlots(target);
    if (fewest !== undefined) value[`slots ${share}`] = slotsTaken(plan.chains, target) / fewest;
  }
  return value;
}

/** Slots of the chains, fastest first, until they serve the rate. */
function slotsTaken(chains: readonly { slots: number; serviceSeconds: number }[], rate: number): number {
  let left = rate * (1 - 1e-12);
  let taken = 0;
  for (const { slots, serviceSeconds } of chains) {
    if (left <= 0) break;
    const needed = Math.min(slots, Math.ceil(left * serviceSeconds));
    taken += needed;
    left -= needed / serviceSeconds;
  }
  return taken;
}

/** The lower bound of each method's plan over the smallest that any placement reaches with GCA's chains. */
function placementGap(seed: number): Value {
  const { model, servers } = drawSwarm(seed, 6, 4);
  const swarm = indexSwarm(model, servers);
  const largest = everyPlacement(swarm, (chains) => serviceRate(chains), Math.max);
  const arrivalRatePerSecond = (0.2 + 0.1 * (seed % 6)) * largest;
  const optimum = everyPlacement(
    swarm,
    (chains) => computeResponseBound('lower', chains, arrivalRatePerSecond) ?? Number.POSITIVE_INFINITY,
    Math.min,
  );
  const value: Record<string, number> = {};
  for (const placementPolicy of ['gbp-cr', 'gbp-cr-fill', 'cg-bp', 'petals', 'best'] as const) {
    const plan = makePlan({
      model,
      servers,
      arrivalRatePerSecond,
      maxLoad: MAX_LOAD,
      placementPolicy,
      objective: 'lower',
    });
    if (plan.kind === 'feasible' && plan.responseSeconds !== undefined) {
      value[placementPolicy] = plan.responseSeconds.lower / optimum;
    }
  }
  return value;
}

type Chains = readonly { readonly slots: number; readonly serviceSeconds: number }[];

/** Folds a figure of the chains of every placement there is, each server holding any span or nothing. */
function everyPlacement(
  swarm: IndexedSwarm,
  figure: (chains: Chains) => number,
  better: (a: number, b: number) => number,
): number {
  const firstBlock = new Int32Array(swarm.serverIds.length);
  const blockCount = new Int32Array(swarm.serverIds.length);
  let best: number | undefined;
  const place = (j: number): void => {
    if (j === firstBlock.length) {
      const chains = composeChains(swarm, { firstBlock, blockCount });
      if (chains === undefined || chains.length === 0) return;
      const own = figure(chains);
      best = best === undefined ? own : better(best, own);
      return;
    }
    firstBlock[j] = 0;
    blockCount[j] = 0;
    place(j + 1);
    const most = Math.floor((swarm.memoryBytes[j] ?? 0) / (swarm.blockBytes + swarm.cacheBytesPerBlock));
    for (let count = 1; count <= Math.min(most, swarm.blockCount); count += 1) {
      for (let first = 0; first + count <= swarm.blockCount; first += 1) {
        firstBlock[j] = first;
        blockCount[j] = count;
        place(j + 1);
      }
    }
  };
  place(0);
  return best ?? Number.NaN;
}

function render(outcomes: readonly Outcome<Cell, Value>[]): RenderedSection {
  const of = (kind: Cell['kind'], name: string): number[] =>
    outcomes.flatMap(({ cell, value }) => (cell.kind === kind && value[name] !== undefined ? [value[name]] : []));
  const row = (label: string, ratios: readonly number[]): string[] => [
    label,
    String(ratios.length),
    percent(ratios.filter((ratio) => ratio < 1 + 1e-6).length / ratios.length),
    `${mean(ratios).toFixed(3)}`,
    `${Math.max(...ratios).toFixed(3)}`,
  ];
  const head = ['', 'swarms', 'optimal', 'ratio on average', 'worst'];
  return {
    markdown: `Cache given the placement: 8 servers of random memory and speed, 10 blocks, placed by \`gbp-cr-fill\`; GCA against integer programmes
over every chain that there is (\`highs\`). First the largest service rate over GCA's, then the slots that GCA takes, fastest chains first, to serve a share of its
own rate, over the fewest that serve it.

${markdownTable(head, [row('service rate', of('allocation', 'rate')), ...RATE_SHARES.map((share) => row(`slots for ${percent(share)} of the rate`, of('allocation', `slots ${share}`)))])}

Placement: 4 servers, 6 blocks, at 20 to 70 % of the largest service rate; the lower bound of each method's plan over the smallest of every placement that there is, with GCA's chains.

${markdownTable(
  head,
  ['gbp-cr', 'gbp-cr-fill', 'cg-bp', 'petals', 'best'].map((name) => row(`\`${name}\``, of('placement', name))),
)}`,
    charts: [],
  };
}
