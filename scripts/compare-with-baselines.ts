/**
 * Mean response times of this planner against the PETALS and BPRR baselines as the paper's authors
 * model them: BLOOM-176B on 10 to 40 servers, a share eta of them fast, at European round trips.
 * Prints a Markdown table of means over the runs, in seconds.
 *
 *   node scripts/compare-with-baselines.ts [runs]
 */
import type { PlacementPolicy, PlanningObjective } from '../src/domain/model/plan.ts';
import { createPetalsRouter, createWsRrRouter } from '../src/domain/planning/baselines/baseline-routing.ts';
import { cgBpReservation, placeCgBp } from '../src/domain/planning/baselines/cg-bp.ts';
import { placePetals } from '../src/domain/planning/baselines/petals-placement.ts';
import { uncoveredBlocks } from '../src/domain/planning/gbp-cr.ts';
import { cacheSlots } from '../src/domain/planning/gca.ts';
import { indexSwarm } from '../src/domain/planning/indexed-swarm.ts';
import { makePlan } from '../src/domain/planning/make-plan.ts';
import { createRng } from '../src/domain/shared/rng.ts';
import type { JobRecords } from '../src/simulation/job-records.ts';
import { createIndependentPredictor } from '../src/simulation/response-predictor.ts';
import { simulateIndependent } from '../src/simulation/simulate-independent.ts';
import { simulateRouted } from '../src/simulation/simulate-routed.ts';
import { poissonJobs } from '../src/simulation/workloads.ts';
import type { Topology } from './experiments/rtt-topology.ts';
import { drawTopology, loadAnchors } from './experiments/rtt-topology.ts';

const RUNS = Number(process.argv[2] ?? 20);
const JOBS = 300;
const RATE = 0.2;
const MAX_LOAD = 0.7;
const OUTPUT_TOKENS = 20;
/** Spent outside the servers by every request. */
const EXTRA_SECONDS = 0.07;
const FIRST_TOKEN_EXTRA_SECONDS = 0.05;
const model = { id: 'bloom-176b', blockCount: 70, blockBytes: 1_320_000_000, cacheBytesPerBlock: 115_834_880 };
const high = {
  memoryBytes: 40e9,
  computationSecondsPerBlock: 0.0896907994,
  forward: 20_829.38,
  network: 3_020.37,
};
const low = { memoryBytes: 20e9, computationSecondsPerBlock: 0.1783815988, forward: 5_515.44, network: 6_276.2 };
const petals = {
  reserved: 2 * 2 ** 30,
  block: 0.53125 * 1.01 * 2_466_437_120,
  cache: 2 * 14_336 * 4096 * 2,
  lowBlocks: 4,
};

const COLUMNS = ['PETALS', 'BPRR', 'c = 7', 'c by bound', 'fill, c by bound', 'best, predicted'] as const;

function runOnce(topology: Topology, fastServers: number, seed: number): number[] {
  const isFast = Array.from(topology.rttSeconds, (_, j) => j < fastServers);
  const servers = isFast.map((fast, j) => ({
    id: `s${String(j).padStart(2, '0')}`,
    memoryBytes: (fast ? high : low).memoryBytes,
    communicationSeconds: FIRST_TOKEN_EXTRA_SECONDS + OUTPUT_TOKENS * (topology.rttSeconds[j] ?? 0),
    computationSecondsPerBlock: (fast ? high : low).computationSecondsPerBlock,
  }));
  const swarm = indexSwarm(model, servers);
  const jobs = poissonJobs({ jobs: JOBS, seed, ratePerSecond: RATE });
  const planned = (placementPolicy: PlacementPolicy, objective: PlanningObjective, reservedSlots?: number): number => {
    const plan = makePlan({
      model,
      servers,
      arrivalRatePerSecond: RATE,
      maxLoad: MAX_LOAD,
      placementPolicy,
      objective,
      reservedSlots,
      predictor: objective === 'predicted' ? createIndependentPredictor(RATE, seed + 1) : undefined,
    });
    if (plan.kind === 'infeasible') return Number.NaN;
    return EXTRA_SECONDS + meanResponse(simulateIndependent({ chains: plan.chains, jobs }));
  };
  return [
    runPetals(),
    runBprr(),
    planned('gbp-cr', 'lower', 7),
    planned('gbp-cr', 'lower'),
    planned('gbp-cr-fill', 'lower'),
    planned('best', 'predicted'),
  ];

  function runBprr(): number {
    const input = {
      swarm,
      arrivalRatePerSecond: RATE,
      rttSeconds: topology.rttSeconds,
      outputTokens: OUTPUT_TOKENS,
      isHighPerformance: isFast,
    };
    const placement = placeCgBp(input, cgBpReservation(input));
    const router = createWsRrRouter({ swarm, placement, slots: cacheSlots(swarm, placement) });
    return meanResponse(simulateRouted(router, jobs, EXTRA_SECONDS));
  }

  function runPetals(): number {
    const joining = isFast.map((fast) => {
      const kind = fast ? high : low;
      const fitting = Math.floor((kind.memoryBytes - petals.reserved) / (petals.block + petals.cache));
      const blockCount = fast ? fitting : Math.min(fitting, petals.lowBlocks);
      return { blockCount, throughput: Math.min(kind.forward / ((1 + blockCount) / 2), kind.network) };
    });
    const placement = placePetals(model.blockCount, joining, shuffled(servers.length, seed));
    if (uncoveredBlocks(placement, model.blockCount) > 0) return Number.NaN;
    const router = createPetalsRouter({
      swarm,
      placement,
      slots: placement.blockCount.map((count) => Math.floor((petals.cache * count) / model.cacheBytesPerBlock)),
      ...topology,
      outputTokens: OUTPUT_TOKENS,
      sessionsPerServer: Math.floor(petals.cache / model.cacheBytesPerBlock),
    });
    return meanResponse(simulateRouted(router, jobs, EXTRA_SECONDS));
  }
}

function meanResponse(records: JobRecords): number {
  const total = records.endSeconds.reduce((sum, end, job) => sum + end - (records.arrivalSeconds[job] ?? 0), 0);
  return total / records.endSeconds.length;
}

function shuffled(count: number, seed: number): number[] {
  const rng = createRng(seed, 'join order');
  const order = Array.from({ length: count }, (_, j) => j);
  for (let i = count - 1; i > 0; i -= 1) {
    const other = Math.floor(rng.next() * (i + 1));
    [order[i], order[other]] = [order[other] ?? 0, order[i] ?? 0];
  }
  return order;
}

const anchors = loadAnchors();
console.log(`| servers, eta | ${COLUMNS.join(' | ')} | best against BPRR |`);
console.log(`|${'---|'.repeat(COLUMNS.length + 2)}`);
for (const servers of [10, 20, 30, 40]) {
  for (const eta of [0.1, 0.2, 0.3, 0.4]) {
    const sums = COLUMNS.map(() => 0);
    for (let run = 0; run < RUNS; run += 1) {
      const seed = 10_000 * servers + Math.round(1000 * eta) + run;
      const topology = drawTopology(anchors, servers, createRng(seed, 'topology'));
      runOnce(topology, Math.floor(eta * servers + 1e-9), seed).forEach((seconds, column) => {
        sums[column] = (sums[column] ?? 0) + seconds / RUNS;
      });
    }
    const [, bprr = Number.NaN] = sums;
    const gain = 100 * (1 - (sums.at(-1) ?? Number.NaN) / bprr);
    const cells = sums.map((mean) => (Number.isNaN(mean) ? 'not placed' : mean.toFixed(2)));
    console.log(`| ${servers}, ${eta} | ${cells.join(' | ')} | ${gain.toFixed(1)} % |`);
  }
}
