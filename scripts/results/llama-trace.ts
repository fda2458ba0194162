import type { PlacementPolicy } from '../../src/domain/model/plan.ts';
import { createWsRrRouter } from '../../src/domain/planning/baselines/baseline-routing.ts';
import { cgBpReservation, placeCgBp } from '../../src/domain/planning/baselines/cg-bp.ts';
import { cacheSlots } from '../../src/domain/planning/gca.ts';
import { indexSwarm } from '../../src/domain/planning/indexed-swarm.ts';
import { makePlan } from '../../src/domain/planning/make-plan.ts';
import { createRng } from '../../src/domain/shared/rng.ts';
import type { JobRecords } from '../../src/simulation/job-records.ts';
import { createIndependentPredictor } from '../../src/simulation/response-predictor.ts';
import { simulateIndependent } from '../../src/simulation/simulate-independent.ts';
import { simulateRouted } from '../../src/simulation/simulate-routed.ts';
import { summarize } from '../../src/simulation/statistics.ts';
import type { SimulatedJobs } from '../../src/simulation/workloads.ts';
import { traceJobs } from '../../src/simulation/workloads.ts';
import { readAzureTrace } from '../experiments/azure-trace.ts';
import { drawTopology, loadAnchors } from '../experiments/rtt-topology.ts';
import { markdownTable, mean, seconds } from './markdown.ts';
import type { Outcome, RenderedSection, ResultsSection } from './results-section.ts';

interface Cell {
  /** Service times are multiplied by this. */
  readonly factor: number;
  readonly run: number;
}
type Value = Readonly<Record<string, { readonly mean: number; readonly p95: number; readonly waiting: number }>>;

const FACTORS = [1, 4];
const METHODS = ['BPRR', 'JFFC-only', 'c = 7', 'c = 20', 'c = 35', '`best`'];
const REQUESTS = 1000;
const RATE = 2.57;
const TOKENS = { input: 2048, output: 28 };
const MAX_RUNS = 6;
const MODEL = { id: 'llama-2-7b', blockCount: 32, blockBytes: 437_500_000, cacheBytesPerBlock: 33_600_000 };
/** Tokens per second of work beside the network: 0.86 GFLOP per token and block, one block's bytes per output token. */
const FAST = { memoryBytes: 40e9, prefill: 0.86e-3 / 120, decode: 0.4375 / 1020 };
const SLOW = { memoryBytes: 20e9, prefill: 0.86e-3 / 80, decode: 0.4375 / 510 };

/** The setting of the paper's test on real servers, as far as its parameters are known. */
export const llamaTrace: ResultsSection<Cell, Value> = {
  title: 'LLaMA-2-7B on nine servers',
  cells: ({ runs }) =>
    FACTORS.flatMap((factor) => Array.from({ length: Math.min(runs, MAX_RUNS) }, (_, run) => ({ factor, run }))),
  run: runCell,
  render,
};

function runCell({ factor, run }: Cell): Value {
  const topology = drawTopology(loadAnchors(), 9, createRng(42 + run, 'topology'));
  const isFast = Array.from(topology.rttSeconds, (_, j) => j % 3 === 0);
  const servers = isFast.map((fast, j) => {
    const kind = fast ? FAST : SLOW;
    return {
      id: `s${j}`,
      memoryBytes: kind.memoryBytes,
      communicationSeconds: factor * TOKENS.output * ((topology.rttSeconds[j] ?? 0) + 0.018),
      computationSecondsPerBlock: factor * (0.001 + TOKENS.input * kind.prefill + (TOKENS.output - 1) * kind.decode),
    };
  });
  const jobs = drawJobs();
  const of = (records: JobRecords): Value[string] => {
    const { response, waiting } = summarize(records, 0);
    return { mean: response.mean, p95: response.p95, waiting: waiting.mean };
  };
  const planned = (placementPolicy: PlacementPolicy, reservedSlots?: number): Value[string] => {
    const isBest = placementPolicy === 'best';
    const plan = makePlan({
      model: MODEL,
      servers,
      arrivalRatePerSecond: RATE,
      maxLoad: 0.7,
      placementPolicy,
      objective: isBest ? 'predicted' : 'lower',
      reservedSlots,
      predictor: isBest ? createIndependentPredictor(RATE, 7) : undefined,
    });
    if (plan.kind === 'infeasible') throw new Error(plan.reason);
    return of(simulateIndependent({ chains: plan.chains, jobs }));
  };
  const swarm = indexSwarm(MODEL, servers);
  const input = {
    swarm,
    arrivalRatePerSecond: RATE,
    rttSeconds: topology.rttSeconds.map((rtt) => factor * rtt),
    outputTokens: TOKENS.output,
    isHighPerformance: isFast,
  };
  const placement = placeCgBp(input, cgBpReservation(input));
  const bprr = createWsRrRouter({ swarm, placement, slots: cacheSlots(swarm, placement) });
  const values = [
    of(simulateRouted(bprr, jobs)),
    planned('jffc-only'),
    planned('gbp-cr', 7),
    planned('gbp-cr', 20),
    planned('gbp-cr', 35),
    planned('best'),
  ];
  return Object.fromEntries(METHODS.map((name, at) => [name, values[at] ?? { mean: 0, p95: 0, waiting: 0 }]));
}

/** Each job's size: its own tokens' work over that of the mean job, on a middling server. */
function drawJobs(): SimulatedJobs {
  const requests = readAzureTrace(REQUESTS);
  const { arrivalSeconds, count } = traceJobs(requests, 1);
  const work = requests.map(
    ({ inputTokens, outputTokens }) => outputTokens * 0.05 + 32 * (inputTokens * 0.9e-5 + outputTokens * 0.65e-3),
  );
  const meanWork = mean(work);
  return { count, arrivalSeconds, sizes: Float64Array.from(work, (own) => own / meanWork), tokens: undefined };
}

function render(outcomes: readonly Outcome<Cell, Value>[]): RenderedSection {
  const rows = FACTORS.flatMap((factor) => {
    const own = outcomes.filter(({ cell }) => cell.factor === factor).map(({ value }) => value);
    return METHODS.map((name) => {
      const of = (field: keyof Value[string]): string =>
        seconds(mean(own.map((value) => value[name]?.[field] ?? Number.NaN)));
      return [`x ${factor}`, name, of('mean'), of('p95'), of('waiting')];
    });
  });
  return {
    markdown: `Three servers of 40 GB and six of 20 GB, the first ${REQUESTS} requests of Azure's trace, planned for ${RATE} a second. The paper publishes
measured times only (response 31.4 s with PETALS, 19.8 BPRR, 10.0 JFFC-only, 7.3 its own method with c = 35), not the service times of its servers; "x 4" makes them
about as long as its table says. Means of the drawn topologies, seconds.

${markdownTable(['service times', 'method', 'mean response', 'p95', 'mean waiting'], rows)}`,
    charts: [],
  };
}
