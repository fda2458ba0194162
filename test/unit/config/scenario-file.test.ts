import { describe, expect, it } from 'vitest';
import { ConfigError } from '../../../src/config/config-error.ts';
import { parseScenarioFile } from '../../../src/config/scenario-file.ts';

type Fields = Record<string, unknown>;

const scenario: Fields = {
  model: { id: 'm', block_count: 3, block_bytes: 10, cache_bytes_per_block: 1 },
  arrival_rate_per_second: 0.2,
  servers: [{ id: 'a', memory_bytes: 100, communication_seconds: 1, computation_seconds_per_block: 0.5 }],
  workload: { kind: 'poisson' },
  contestants: [{ name: 'one' }],
};

const withWorkload = (fields: Fields): Fields => ({ ...scenario, workload: { kind: 'poisson', ...fields } });
const withContestants = (...contestants: Fields[]): Fields => ({
  ...scenario,
  contestants: contestants.map((contestant, k) => ({ name: `c${k}`, ...contestant })),
});

function problem(document: unknown): string {
  try {
    parseScenarioFile(JSON.stringify(document), 'scenario.json');
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    return (error as ConfigError).message;
  }
  return 'no problem';
}

describe('a scenario file', () => {
  it('fills in the published method, exponential jobs and seed 1', () => {
    const parsed = parseScenarioFile(JSON.stringify(scenario), 'scenario.json');
    expect(parsed.workload).toMatchObject({ kind: 'poisson', seed: 1, time_scale: 1 });
    expect(parsed.contestants).toEqual([
      {
        name: 'one',
        placement: 'gbp-cr',
        objective: 'lower',
        policy: 'jffc',
        cache: 'slots',
        order: 'fifo',
        service_model: 'independent',
        prefill_chunk_tokens: 256,
      },
    ]);
    expect(parsed.swarm.model.blockCount).toBe(3);
  });

  it.each<[string, unknown, RegExp]>([
    ['no workload', { ...scenario, workload: undefined }, /workload: missing/],
    [
      'an unknown kind',
      withWorkload({ kind: 'uniform' }),
      /workload\.kind: must be one of poisson, bursty, trace, not "uniform"/,
    ],
    ['no jobs', withWorkload({ jobs: 0 }), /workload\.jobs: must be at least 1/],
    ['too many jobs', withWorkload({ jobs: 1e9 }), /workload\.jobs: must be at most 1000000/],
    ['a trace without a file', withWorkload({ kind: 'trace' }), /workload\.trace: missing/],
    ['a file without a trace', withWorkload({ trace: 'x.csv' }), /workload\.trace: goes with kind: trace/],
    ['half the tokens', withWorkload({ input_tokens: 5 }), /workload\.output_tokens: missing/],
    [
      'bursts only',
      withWorkload({ kind: 'bursty', burst_factor: 10, burst_share: 0.2 }),
      /burst_share: times burst_factor/,
    ],
    ['no contestants', { ...scenario, contestants: [] }, /contestants: must have at least one/],
    ['a nameless contestant', { ...scenario, contestants: [{}] }, /contestants\[0\]\.name: missing/],
    [
      'two of one name',
      withContestants({ name: 'x' }, { name: 'x' }),
      /contestants\[1\]\.name: "x" is contestants\[0\]'s/,
    ],
    [
      'an unknown placement',
      withContestants({ placement: 'random' }),
      /contestants\[0\]\.placement: must be one of gbp-cr/,
    ],
    ['an unknown policy', withContestants({ policy: 'lifo' }), /contestants\[0\]\.policy: must be one of jffc/],
    ['an unknown cache', withContestants({ cache: 'pages' }), /contestants\[0\]\.cache: must be one of slots/],
    [
      'tokens without their size',
      withContestants({ cache: 'tokens' }),
      /\]\.cache: tokens needs model\.cache_bytes_per_token/,
    ],
    [
      'an order without a queue',
      withContestants({ policy: 'sed', order: 'shortest' }),
      /\]\.order: goes with policy jffc/,
    ],
    [
      'plans for longer sessions',
      withContestants({ plan_tokens: 5 }),
      /\]\.plan_tokens: must be at most model\.session/,
    ],
    [
      'a compute load of slots',
      withContestants({ max_compute_load: 2 }),
      /\]\.max_compute_load: goes with cache: tokens/,
    ],
    ['an unknown key', withContestants({ speed: 1 }), /contestants\[0\]\.speed: unknown key/],
    [
      'best by surrogate',
      withContestants({ placement: 'best', objective: 'surrogate' }),
      /contestants\[0\]\.objective/,
    ],
    ['shared compute without speeds', withContestants({ service_model: 'shared-compute' }), /needs speeds .*"a"/],
    [
      'shared compute under another policy',
      withContestants({ service_model: 'shared-compute', policy: 'sed' }),
      /contestants\[0\]\.policy: must be jffc/,
    ],
    [
      'a router that knows no tokens on a trace',
      { ...withContestants({ policy: 'ws-rr' }), workload: { kind: 'trace', trace: 'x.csv' } },
      /contestants\[0\]\.policy: ws-rr knows no tokens/,
    ],
  ])('with %s is refused with the path', (_, document, expected) => {
    expect(problem(document)).toMatch(expected);
  });
});
