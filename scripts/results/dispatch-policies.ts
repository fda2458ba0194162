import { makePlan } from '../../src/domain/planning/make-plan.ts';
import { computeResponseBounds } from '../../src/domain/planning/response-time-bounds.ts';
import { createRng } from '../../src/domain/shared/rng.ts';
import { simulateIndependent } from '../../src/simulation/simulate-independent.ts';
import { QUEUE_POLICIES, simulatePolicy } from '../../src/simulation/simulate-policy.ts';
import { poissonJobs } from '../../src/simulation/workloads.ts';
import { ARRIVAL_RATE, drawBloomSwarm, MAX_LOAD } from '../experiments/bloom-swarm.ts';
import { markdownTable, mean, percent, seconds } from './markdown.ts';
import { meanResponse } from './mean-response.ts';
import type { Outcome, RenderedSection, ResultsSection } from './results-section.ts';

interface Cell {
  readonly load: number;
  readonly run: number;
}
interface Value {
  readonly means: Readonly<Record<string, number>>;
  /** Mean service time under JFFC over its mean response. */
  readonly serviceShare: number;
  readonly lower: number;
  readonly upper: number;
}

const LOADS = [0.1, 0.3, 0.5, 0.7, 0.8, 0.9];
const POLICIES = ['jffc', ...QUEUE_POLICIES] as const;
const JOBS = 20_000;
const WARM_UP = 0.1;
const MAX_RUNS = 4;

/** Who gets the next job: JFFC's one queue against policies with a queue per chain, by load. */
export const dispatchPolicies: ResultsSection<Cell, Value> = {
  title: 'Dispatch policies against load',
  cells: ({ runs }) =>
    LOADS.flatMap((load) => Array.from({ length: Math.min(runs, MAX_RUNS) }, (_, run) => ({ load, run }))),
  run: ({ load, run }) => {
    const bloom = drawBloomSwarm('simulator', 20, 0.2, 42 + 1000 * run);
    const plan = makePlan({
      ...bloom,
      arrivalRatePerSecond: ARRIVAL_RATE,
      maxLoad: MAX_LOAD,
      placementPolicy: 'gbp-cr-fill',
      objective: 'lower',
      reservedSlots: 7,
    });
    if (plan.kind === 'infeasible') throw new Error(plan.reason);
    const { chains } = plan;
    const ratePerSecond = load * plan.serviceRatePerSecond;
    const jobs = poissonJobs({ jobs: JOBS, seed: 42 + run, ratePerSecond });
    const central = simulateIndependent({ chains, jobs });
    const service = { ...central, arrivalSeconds: central.startSeconds };
    const means: Record<string, number> = { jffc: meanResponse(central, WARM_UP) };
    for (const policy of QUEUE_POLICIES) {
      means[policy] = meanResponse(simulatePolicy(policy, { chains, jobs, rng: createRng(run, 'policy') }), WARM_UP);
    }
    const bounds = computeResponseBounds(chains, ratePerSecond);
    return {
      means,
      serviceShare: meanResponse(service, WARM_UP) / (means['jffc'] ?? 1),
      lower: bounds?.lower ?? Number.NaN,
      upper: bounds?.upper ?? Number.NaN,
    };
  },
  render,
};

function render(outcomes: readonly Outcome<Cell, Value>[]): RenderedSection {
  const rows = LOADS.map((load) => {
    const own = outcomes.filter(({ cell }) => cell.load === load).map(({ value }) => value);
    const policies = POLICIES.map((policy) => mean(own.map((value) => value.means[policy] ?? Number.NaN)));
    return { load, policies, own };
  });
  const best = rows
    .filter(({ policies: [jffc = 0, ...others] }) => jffc <= Math.min(...others))
    .map(({ load }) => load);
  const table = markdownTable(
    ['load', ...POLICIES.map((policy) => policy.toUpperCase()), 'bounds of Theorem 4', "service's share"],
    rows.map(({ load, policies, own }) => [
      String(load),
      ...policies.map(seconds),
      `${seconds(mean(own.map(({ lower }) => lower)))} to ${seconds(mean(own.map(({ upper }) => upper)))}`,
      percent(mean(own.map(({ serviceShare }) => serviceShare))),
    ]),
  );
  const values = rows.flatMap(({ load, policies }) =>
    POLICIES.map((policy, at) => ({ load, policy: policy.toUpperCase(), seconds: policies[at] })),
  );
  return {
    markdown: `20 servers, a fifth of them fast, \`gbp-cr-fill\` with 7 sessions reserved, ${JOBS} requests a run, mean response in seconds. JSQ
and JIQ send a job to any free chain, which costs most while chains are free; SA-JSQ and SED take the fastest. JFFC has the smallest mean at loads of
${best.join(', ')}; where it has not, SED keeps a job waiting for a chain that is more than twice as fast.

${table}

![Mean response time by load](dispatch-policies.svg)`,
    charts: [
      {
        name: 'dispatch-policies',
        spec: {
          width: 420,
          height: 260,
          data: { values },
          mark: { type: 'line', point: true },
          encoding: {
            x: { field: 'load', type: 'quantitative', title: 'load: arrivals over the service rate' },
            y: {
              field: 'seconds',
              type: 'quantitative',
              scale: { type: 'log' },
              title: 'mean response, s (log scale)',
            },
            color: { field: 'policy', type: 'nominal', sort: null, title: null },
          },
        },
      },
    ],
  };
}
