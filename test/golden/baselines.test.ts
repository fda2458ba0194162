import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { createPetalsRouter, createWsRrRouter } from '../../src/domain/planning/baselines/baseline-routing.ts';
import { cgBpReservation, placeCgBp } from '../../src/domain/planning/baselines/cg-bp.ts';
import { placePetals } from '../../src/domain/planning/baselines/petals-placement.ts';
import { cacheSlots } from '../../src/domain/planning/gca.ts';
import { indexSwarm } from '../../src/domain/planning/indexed-swarm.ts';
import { makePlan } from '../../src/domain/planning/make-plan.ts';
import { simulateIndependent } from '../../src/simulation/simulate-independent.ts';
import { simulateRouted } from '../../src/simulation/simulate-routed.ts';
import { summarize } from '../../src/simulation/statistics.ts';

/** Milliseconds and GB (10^9 bytes); blocks and servers count from 1. */
interface GoldenBaseline {
  readonly id: string;
  readonly input: {
    readonly L: number;
    readonly s_m_GB: number;
    readonly s_c_GB: number;
    readonly lambda_per_ms: number;
    readonly l_out: number;
    readonly initial_delay_ms: number;
    readonly M_GB: readonly number[];
    readonly is_high: readonly boolean[];
    readonly tau_p_ms: readonly number[];
    readonly rtt_ms: readonly number[];
    readonly rtt_input_ms: readonly number[];
    readonly rtt_raw_server_server_ms: readonly (readonly number[])[];
    readonly petals_join_order: readonly number[];
    readonly arrival_ms: readonly number[];
    readonly job_size: readonly number[];
  };
  readonly output: {
    readonly petals: { readonly a: number[]; readonly m: number[]; readonly mean_response_ms: number };
    readonly bprr: {
      readonly R: number;
      readonly a: number[];
      readonly m: number[];
      readonly mean_response_ms: number;
    };
  };
}

const file = readFileSync(new URL('data/baselines.json', import.meta.url), 'utf8');
const { instances } = JSON.parse(file) as { instances: GoldenBaseline[] };

/** What a PETALS server of the authors' model reserves and announces. */
const petals = {
  reservedBytes: 2 * 2 ** 30,
  blockBytes: 0.53125 * 1.01 * 2_466_437_120,
  cacheBytesPerBlock: 2 * 14_336 * 4096 * 2,
  lowServerBlocks: 4,
  forward: { high: 20_829.38, low: 5_515.44 },
  network: { high: 3_020.37, low: 6_276.2 },
};

const RELATIVE = 1e-6;

describe.each(instances)('the baselines on $id', ({ input, output }) => {
  const seconds = (values: readonly number[]): Float64Array => Float64Array.from(values, (ms) => ms / 1000);
  const rttSeconds = seconds(input.rtt_ms);
  const cacheBytesPerBlock = Math.round(input.s_c_GB * 1e9);
  const model = { id: 'm', blockCount: input.L, blockBytes: Math.round(input.s_m_GB * 1e9), cacheBytesPerBlock };
  const swarm = indexSwarm(
    model,
    input.M_GB.map((gigabytes, j) => ({
      id: `s${j + 1}`,
      memoryBytes: gigabytes * 1e9,
      communicationSeconds: ((input.rtt_input_ms[j] ?? 0) + (input.l_out - 1) * (input.rtt_ms[j] ?? 0)) / 1000,
      computationSecondsPerBlock: (input.tau_p_ms[j] ?? 0) / 1000,
    })),
  );
  const jobs = {
    count: input.arrival_ms.length,
    arrivalSeconds: seconds(input.arrival_ms),
    sizes: Float64Array.from(input.job_size),
    tokens: undefined,
  };
  const extraSeconds = input.initial_delay_ms / 1000;

  function expectMean(records: ReturnType<typeof simulateRouted>, expectedMs: number): void {
    const total = records.endSeconds.reduce((sum, end, job) => sum + end - (records.arrivalSeconds[job] ?? 0), 0);
    const mean = (1000 * total) / jobs.count;
    expect(Math.abs(mean / expectedMs - 1)).toBeLessThan(RELATIVE);
  }

  it('place and route as BPRR does', () => {
    const cgBp = {
      swarm,
      arrivalRatePerSecond: input.lambda_per_ms * 1000,
      rttSeconds,
      outputTokens: input.l_out,
      isHighPerformance: input.is_high,
    };
    const reserved = cgBpReservation(cgBp);
    expect(reserved).toBe(output.bprr.R);
    const placement = placeCgBp(cgBp, reserved);
    expect([...placement.firstBlock].map((first) => first + 1)).toEqual(output.bprr.a);
    expect([...placement.blockCount]).toEqual(output.bprr.m);
    const router = createWsRrRouter({ swarm, placement, slots: cacheSlots(swarm, placement) });
    expectMean(simulateRouted(router, jobs, extraSeconds), output.bprr.mean_response_ms);
  });

  it('place and route as PETALS does', () => {
    const perBlock = petals.blockBytes + petals.cacheBytesPerBlock;
    const servers = input.M_GB.map((gigabytes, j) => {
      const isHigh = input.is_high[j] === true;
      const fitting = Math.min(Math.floor((gigabytes * 1e9 - petals.reservedBytes) / perBlock), input.L);
      const kind = isHigh ? 'high' : 'low';
      return {
        blockCount: isHigh ? fitting : Math.min(fitting, petals.lowServerBlocks),
        throughput: (count: number) => Math.min(petals.forward[kind] / ((1 + count) / 2), petals.network[kind]),
      };
    });
    const placement = placePetals(
      input.L,
      servers.map(({ blockCount, throughput }) => ({ blockCount, throughput: throughput(blockCount) })),
      input.petals_join_order.map((j) => j - 1),
    );
    expect([...placement.firstBlock].map((first) => first + 1)).toEqual(output.petals.a);
    expect([...placement.blockCount]).toEqual(output.petals.m);
    const slots = placement.blockCount.map((count) =>
      Math.floor((petals.cacheBytesPerBlock * count) / cacheBytesPerBlock),
    );
    const router = createPetalsRouter({
      swarm,
      placement,
      slots,
      rttSeconds,
      serverRttSeconds: input.rtt_raw_server_server_ms.map((row) => seconds(row)),
      outputTokens: input.l_out,
      sessionsPerServer: Math.floor(petals.cacheBytesPerBlock / cacheBytesPerBlock),
    });
    expectMean(simulateRouted(router, jobs, extraSeconds), output.petals.mean_response_ms);
  });
});

describe.each(instances)('this planner on $id', ({ input, output }) => {
  it('answers sooner than both baselines on the same requests', () => {
    const plan = makePlan({
      model: {
        id: 'm',
        blockCount: input.L,
        blockBytes: Math.round(input.s_m_GB * 1e9),
        cacheBytesPerBlock: Math.round(input.s_c_GB * 1e9),
      },
      servers: input.M_GB.map((gigabytes, j) => ({
        id: `s${j + 1}`,
        memoryBytes: gigabytes * 1e9,
        communicationSeconds: ((input.rtt_input_ms[j] ?? 0) + (input.l_out - 1) * (input.rtt_ms[j] ?? 0)) / 1000,
        computationSecondsPerBlock: (input.tau_p_ms[j] ?? 0) / 1000,
      })),
      arrivalRatePerSecond: input.lambda_per_ms * 1000,
      maxLoad: 0.7,
      placementPolicy: 'gbp-cr',
      objective: 'lower',
    });
    const jobs = {
      count: input.arrival_ms.length,
      arrivalSeconds: Float64Array.from(input.arrival_ms, (ms) => ms / 1000),
      sizes: Float64Array.from(input.job_size),
      tokens: undefined,
    };
    const chains = plan.kind === 'feasible' ? plan.chains : [];
    const meanMs = 1000 * summarize(simulateIndependent({ chains, jobs }), 0).response.mean + input.initial_delay_ms;
    expect(meanMs).toBeLessThan(0.75 * output.bprr.mean_response_ms);
    expect(meanMs).toBeLessThan(0.75 * output.petals.mean_response_ms);
  });
});

it('covers four runs', () => {
  expect(instances).toHaveLength(4);
});
