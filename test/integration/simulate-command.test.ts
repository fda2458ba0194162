import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { runDaisychain } from '../support/run-daisychain.ts';

const repository = fileURLToPath(new URL('../../', import.meta.url));
const example = join(repository, 'config/scenario.example.yaml');

interface Contestant {
  readonly name: string;
  readonly response_seconds: { mean: number; half_width: number; p50: number; p95: number; p99: number };
  readonly waiting_seconds: { mean: number };
  readonly service_seconds: { mean: number };
  readonly time_to_first_token_seconds?: { mean: number };
  readonly throughput_per_second: number;
  readonly jobs: number;
}

type Scenario = Record<string, unknown> & { workload: Record<string, unknown>; contestants: Record<string, unknown>[] };

describe('daisychain simulate', () => {
  let scenario: Scenario;
  let folder = '';

  beforeAll(async () => {
    scenario = parse(await readFile(example, 'utf8')) as Scenario;
    folder = await mkdtemp(join(tmpdir(), 'daisychain-simulate-'));
  });
  afterAll(async () => {
    await rm(folder, { recursive: true, force: true });
  });

  async function simulate(changes: Record<string, unknown>): Promise<Contestant[]> {
    const document = stringify({ ...scenario, ...changes });
    const { exitCode, stdout, stderr } = await runDaisychain(['simulate', '-', '--json'], document);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    return (JSON.parse(stdout) as { contestants: Contestant[] }).contestants;
  }

  it('compares the contestants of the example on the same jobs', async () => {
    const workload = { ...scenario.workload, jobs: 1500 };
    const contestants = scenario.contestants.filter((one) => one['placement'] !== 'best');
    const results = await simulate({ workload, contestants });
    expect(results.map((result) => result.name)).toEqual(contestants.map((one) => one['name']));
    for (const result of results) {
      expect(result.jobs).toBe(1350);
      expect(result.response_seconds.mean).toBeCloseTo(result.waiting_seconds.mean + result.service_seconds.mean, 6);
      expect(result.response_seconds.p50).toBeLessThanOrEqual(result.response_seconds.p99);
    }
    const named = new Map(results.map((result) => [result.name, result]));
    const mean = (name: string): number => named.get(name)?.response_seconds.mean ?? Number.NaN;
    expect(mean('published method')).toBeLessThan(mean('CG-BP with WS-RR'));
    expect(mean('shared compute')).toBeLessThan(mean('shared compute with whole prompts') / 5);
    expect(named.get('shared compute')?.time_to_first_token_seconds?.mean).toBeGreaterThan(0);
    expect(named.get('published method')).not.toHaveProperty('time_to_first_token_seconds');
  });

  it('routes as PETALS does, and no better than the fastest free chain of the same placement', async () => {
    const contestants = [
      { name: 'petals', placement: 'petals', policy: 'petals' },
      { name: 'jffc', placement: 'petals' },
    ];
    const [petals, jffc] = await simulate({ contestants, workload: { ...scenario.workload, jobs: 2000 } });
    expect(petals?.jobs).toBe(1800);
    expect(jffc?.response_seconds.mean).toBeLessThan(petals?.response_seconds.mean ?? 0);
  });

  it('draws one picture of all contestants that could be simulated', async () => {
    const contestants = [
      { name: 'central queue' },
      { name: 'sent off & "routed"', policy: 'ws-rr', placement: 'cg-bp' },
    ];
    const document = stringify({ ...scenario, contestants, workload: { ...scenario.workload, jobs: 300 } });
    const svg = join(folder, 'picture.svg');
    const { exitCode, stderr } = await runDaisychain(['simulate', '-', '--svg', svg], document);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    const picture = await readFile(svg, 'utf8');
    expect(picture).toMatch(/^<svg [^>]*width="\d+"/);
    for (const text of [
      'central queue',
      'sent off &amp; "routed"',
      'waiting requests',
      'time of arrival (hours)',
      's001',
    ])
      expect(picture).toContain(`>${text}<`);
    expect(picture).not.toMatch(/NaN|Infinity|undefined/);
  });

  it('says where a picture cannot be written', async () => {
    const document = stringify({
      ...scenario,
      contestants: [{ name: 'one' }],
      workload: { ...scenario.workload, jobs: 50 },
    });
    const { exitCode, stderr } = await runDaisychain(['simulate', '-', '--svg', join(folder, 'no', 'x.svg')], document);
    expect(exitCode).toBe(2);
    expect(stderr).toMatch(/--svg .*x\.svg: cannot be written/);
  });

  it('gives the same document for the same seed and another for another', async () => {
    const contestants = [{ name: 'one' }, { name: 'two', policy: 'jsq' }];
    const run = (seed: number) => simulate({ contestants, workload: { ...scenario.workload, jobs: 300, seed } });
    const [first, again, other] = [await run(1), await run(1), await run(2)];
    expect(again).toEqual(first);
    expect(other).not.toEqual(first);
  });

  it('replays a trace beside the scenario, at the rate of the trace, without requests that fit no session', async () => {
    const lines = Array.from({ length: 200 }, (_, k) => `${k * 5},${k === 7 ? 5000 : 500},10`);
    await writeFile(join(folder, 'trace.csv'), `arrival_seconds,input_tokens,output_tokens\n${lines.join('\n')}\n`);
    const { arrival_rate_per_second: _, ...rest } = scenario;
    const workload = { kind: 'trace', trace: 'trace.csv', input_tokens: 500, output_tokens: 10 };
    const contestants = [{ name: 'independent' }, { name: 'shared', service_model: 'shared-compute' }];
    await writeFile(join(folder, 'scenario.yaml'), stringify({ ...rest, workload, contestants }));
    const file = join(folder, 'scenario.yaml');
    const { exitCode, stdout } = await runDaisychain(['simulate', file, '--json']);
    expect(exitCode).toBe(0);
    const document = JSON.parse(stdout) as { contestants: Contestant[]; requests_too_long: number };
    expect(document.requests_too_long).toBe(1);
    expect(document.contestants.map((result) => result.jobs)).toEqual([180, 180]);
    expect(document.contestants[0]?.throughput_per_second).toBeCloseTo(0.2, 1);
    const table = await runDaisychain(['simulate', file]);
    expect(table.stdout).toContain('1 requests are longer than a session');
    expect(table.stdout).toMatch(/^contestant +response s/);
  });

  it('tells which contestants have no plan, and fails only when none has', async () => {
    const impossible = { name: 'whole models', placement: 'jffc-only' };
    const workload = { ...scenario.workload, jobs: 100 };
    const both = await simulate({ workload, contestants: [{ name: 'one' }, impossible] });
    expect(both[1]).toMatchObject({ name: 'whole models', feasible: false });
    const alone = stringify({ ...scenario, workload, contestants: [impossible] });
    const { exitCode, stdout } = await runDaisychain(['simulate', '-'], alone);
    expect(exitCode).toBe(1);
    expect(stdout).toMatch(/whole models +no plan/);
    expect(stdout).toMatch(/leaves 70 of 70 blocks without a server/);
  });

  it.each<[string, Record<string, unknown>, RegExp]>([
    ['a trace that is not there', { workload: { kind: 'trace', trace: 'none.csv' } }, /none\.csv: no such file/],
    ['no rate', { arrival_rate_per_second: undefined }, /arrival_rate_per_second: missing/],
    [
      'more token steps than end in time',
      {
        workload: { kind: 'poisson', jobs: 1_000_000, input_tokens: 2000, output_tokens: 2000 },
        contestants: [{ name: 'one', service_model: 'shared-compute' }],
      },
      /contestants\[0\]: \d+ token steps are too many/,
    ],
  ])('ends with 2 and one line for %s', async (_, changes, expected) => {
    const base = { ...scenario, contestants: [{ name: 'one', service_model: 'independent' }] };
    const servers = (scenario['servers'] as Record<string, unknown>[]).map((server) => {
      return 'workload' in changes && !('contestants' in changes)
        ? {
            id: server['id'],
            memory_bytes: server['memory_bytes'],
            communication_seconds: 1,
            computation_seconds_per_block: 1,
          }
        : server;
    });
    const document = stringify({ ...base, servers, ...changes });
    const { exitCode, stdout, stderr } = await runDaisychain(['simulate', '-'], document);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
    expect(stderr).toMatch(expected);
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
  });
});
