import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { PrometheusMetrics } from '../../../../src/adapters/observability/metrics.ts';
import {
  FAILOVER_OUTCOMES,
  REPLAN_REASONS,
  REQUEST_OUTCOMES,
  SERVER_LOSS_REASONS,
  SERVER_STATES,
  type TelemetryState,
} from '../../../../src/application/ports/telemetry.ts';

const DOCUMENT = readFileSync(new URL('../../../../docs/metrics.md', import.meta.url), 'utf8');

const STATE: TelemetryState = {
  chains: [
    {
      id: 'aaa',
      slots: 4,
      slotsInUse: 1,
      plannedServiceSeconds: 2,
      measuredServiceSeconds: 2.5,
      cacheTokens: 400,
      cacheTokensInUse: 100,
    },
    {
      id: 'bbb',
      slots: 2,
      slotsInUse: 2,
      plannedServiceSeconds: 3,
      measuredServiceSeconds: undefined,
      cacheTokens: 100,
      cacheTokensInUse: 25,
    },
  ],
  runningRequests: 3,
  queueLength: 5,
  servers: { joining: 0, loading: 1, serving: 3, draining: 0, excluded: 0 },
  serverIds: ['s1'],
  contributions: new Map([['s1', { tokens: 120, blockSeconds: 480.5, uptimeSeconds: 60.25 }]]),
  blockCoverageMin: 1,
  planEpoch: 7,
  planReservedSlots: 4,
  planSlotTokens: 1024,
  planResponseSeconds: { lower: 1, upper: 2, predicted: 1.5 },
  arrivalRatePerSecond: 0.5,
  planGainSeconds: 12.5,
  pendingMoves: 2,
  workload: { inputTokens: 300, outputTokens: 80 },
  paces: [{ serverId: 's1', pace: 1.5 }],
  isLeader: true,
};

function createMetrics(state: TelemetryState = STATE): PrometheusMetrics {
  const metrics = new PrometheusMetrics({ modelName: 'tiny-austen', includesProcess: false });
  metrics.observeState(() => state);
  return metrics;
}

const COMPLETED = {
  outcome: 'completed',
  promptTokens: 10,
  completionTokens: 5,
  responseSeconds: 1.2,
  queueSeconds: 0.2,
  timeToFirstTokenSeconds: 0.4,
  timePerOutputTokenSeconds: 0.05,
  finishReason: 'length',
} as const;

/** `name{labels}` -> value, model_name left out. */
async function scrape(metrics: PrometheusMetrics): Promise<Map<string, number>> {
  const samples = new Map<string, number>();
  for (const line of (await metrics.render()).split('\n')) {
    if (line === '' || line.startsWith('#')) continue;
    expect(line).toContain('model_name="tiny-austen"');
    const space = line.lastIndexOf(' ');
    const name = line
      .slice(0, space)
      .replace(/,?model_name="tiny-austen"/, '')
      .replace('{}', '')
      .replace('{,', '{');
    samples.set(name, Number(line.slice(space + 1)));
  }
  return samples;
}

describe('the scrape', () => {
  test('has the families of the documentation, all of them and no other', async () => {
    const metrics = createMetrics();
    metrics.hopObserved('s1', 0.01);
    const documented = [...DOCUMENT.matchAll(/^\| `((?:daisychain_|vllm:)[a-z0-9_:]+)`/gm)].map((match) => match[1]);
    const exported = [...(await metrics.render()).matchAll(/^# TYPE (\S+)/gm)].map((match) => match[1]);
    expect(documented.toSorted()).toEqual(exported.toSorted());
    expect(documented.length).toBeGreaterThan(35);
  });

  test('documents every value of every closed label', () => {
    for (const value of [
      ...REQUEST_OUTCOMES,
      ...REPLAN_REASONS,
      ...FAILOVER_OUTCOMES,
      ...SERVER_LOSS_REASONS,
      ...SERVER_STATES,
    ]) {
      expect(DOCUMENT).toContain(`\`${value}\``);
    }
  });

  test('documents the labels that the samples have', async () => {
    const metrics = createMetrics();
    metrics.hopObserved('s1', 0.01);
    metrics.requestFinished(COMPLETED);
    const rows = new Map([...DOCUMENT.matchAll(/^\| `([a-z0-9_:]+)` \|(.*)$/gm)].map((match) => [match[1], match[2]]));
    for (const sample of (await scrape(metrics)).keys()) {
      const family = sample.split('{')[0]!;
      const row = rows.get(family) ?? rows.get(family.replace(/_(bucket|sum|count)$/, ''));
      expect(row, sample).toBeDefined();
      for (const [, label] of sample.matchAll(/([a-z_]+)="/g))
        if (label !== 'le') expect(row, sample).toContain(`\`${label}\``);
    }
  });

  test('shows series of closed labels before their first event', async () => {
    const samples = await scrape(createMetrics());
    for (const outcome of REQUEST_OUTCOMES)
      expect(samples.get(`daisychain_requests_total{outcome="${outcome}"}`)).toBe(0);
    for (const reason of REPLAN_REASONS) expect(samples.get(`daisychain_replans_total{reason="${reason}"}`)).toBe(0);
  });

  test('counts a completed request under both names', async () => {
    const metrics = createMetrics();
    metrics.requestFinished(COMPLETED);
    const samples = await scrape(metrics);
    expect(samples.get('daisychain_requests_total{outcome="completed"}')).toBe(1);
    expect(samples.get('daisychain_generation_tokens_total')).toBe(5);
    expect(samples.get('vllm:prompt_tokens_total')).toBe(10);
    expect(samples.get('daisychain_response_seconds_sum')).toBe(1.2);
    expect(samples.get('vllm:e2e_request_latency_seconds_count')).toBe(1);
    expect(samples.get('vllm:request_success_total{finished_reason="length"}')).toBe(1);
    expect(samples.get('vllm:request_queue_time_seconds_bucket{le="0.3"}')).toBe(1);
  });

  test('keeps requests that never ran out of the times', async () => {
    const metrics = createMetrics();
    metrics.requestFinished({
      outcome: 'rejected',
      promptTokens: 0,
      completionTokens: 0,
      responseSeconds: undefined,
      queueSeconds: undefined,
      timeToFirstTokenSeconds: undefined,
      timePerOutputTokenSeconds: undefined,
      finishReason: undefined,
    });
    const samples = await scrape(metrics);
    expect(samples.get('daisychain_requests_total{outcome="rejected"}')).toBe(1);
    expect(samples.get('daisychain_response_seconds_count')).toBe(0);
    expect(samples.get('daisychain_queue_seconds_count')).toBe(0);
  });

  test('reads the gauges at the scrape', async () => {
    const samples = await scrape(createMetrics());
    expect(samples.get('daisychain_chain_slots{chain="aaa"}')).toBe(4);
    expect(samples.get('daisychain_chain_service_seconds{chain="aaa",kind="measured"}')).toBe(2.5);
    expect(samples.has('daisychain_chain_service_seconds{chain="bbb",kind="measured"}')).toBe(false);
    expect(samples.get('daisychain_servers{state="serving"}')).toBe(3);
    expect(samples.get('daisychain_plan_response_seconds{bound="predicted"}')).toBe(1.5);
    expect(samples.get('vllm:num_requests_running')).toBe(3);
    expect(samples.get('vllm:num_requests_waiting')).toBe(5);
    expect(samples.get('vllm:kv_cache_usage_perc')).toBe(0.25);
  });

  test('forgets chains and servers that are gone', async () => {
    let state = STATE;
    const metrics = new PrometheusMetrics({ modelName: 'tiny-austen', includesProcess: false });
    metrics.observeState(() => state);
    metrics.hopObserved('s1', 0.01);
    expect((await scrape(metrics)).get('daisychain_hop_seconds_count{server="s1"}')).toBe(1);
    state = { ...STATE, chains: [], serverIds: [], paces: [], planResponseSeconds: undefined };
    const text = await metrics.render();
    expect(text).not.toMatch(/chain="|server="|bound="/);
  });

  test('bounds the servers it remembers between scrapes', async () => {
    const metrics = createMetrics();
    for (let i = 0; i < 5_000; i += 1) metrics.hopObserved(`server-${i}`, 0.01);
    metrics.observeState(() => ({ ...STATE, serverIds: Array.from({ length: 5_000 }, (_, i) => `server-${i}`) }));
    const samples = await scrape(metrics);
    expect([...samples.keys()].filter((name) => name.startsWith('daisychain_hop_seconds_count'))).toHaveLength(1_024);
  });

  test('survives figures that are none', async () => {
    const metrics = createMetrics();
    metrics.requestFinished({
      ...COMPLETED,
      responseSeconds: Number.NaN,
      queueSeconds: -1,
      timeToFirstTokenSeconds: Number.POSITIVE_INFINITY,
    });
    metrics.hopObserved('s1', Number.NaN);
    metrics.dispatchDecided(Number.NaN);
    metrics.blocksMoved(0);
    const samples = await scrape(metrics);
    expect(samples.get('daisychain_response_seconds_count')).toBe(0);
    expect(samples.get('daisychain_queue_seconds_sum')).toBe(0);
  });

  test('adds the process on demand', async () => {
    expect(await new PrometheusMetrics({ modelName: 'm' }).render()).toContain('process_cpu_seconds_total');
  });
});

describe("vLLM's names", () => {
  test('can be left out, and the rest is the same', async () => {
    const families = async (includesVllmNames: boolean): Promise<string[]> => {
      const metrics = new PrometheusMetrics({ modelName: 'm', includesProcess: false, includesVllmNames });
      metrics.observeState(() => STATE);
      metrics.requestFinished(COMPLETED);
      return [...(await metrics.render()).matchAll(/^# TYPE (\S+)/gm)].map((match) => match[1]!);
    };
    const all = await families(true);
    expect(all.some((name) => name.startsWith('vllm:'))).toBe(true);
    expect(await families(false)).toEqual(all.filter((name) => !name.startsWith('vllm:')));
  });
});
