import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { GoldenPlan } from '../support/golden-plans.ts';
import { loadGoldenPlans } from '../support/golden-plans.ts';
import { runDaisychain as daisychain } from '../support/run-daisychain.ts';

function swarmDocument(golden: GoldenPlan): string {
  return JSON.stringify({
    model: {
      id: golden.model.id,
      block_count: golden.model.blockCount,
      block_bytes: golden.model.blockBytes,
      cache_bytes_per_block: golden.model.cacheBytesPerBlock,
    },
    arrival_rate_per_second: golden.arrivalRatePerSecond,
    max_load: golden.maxLoad,
    servers: golden.servers.map((server) => ({
      id: server.id,
      memory_bytes: server.memoryBytes,
      communication_seconds: server.communicationSeconds,
      computation_seconds_per_block: server.computationSecondsPerBlock,
    })),
  });
}

describe('daisychain plan', () => {
  const golden = new Map(loadGoldenPlans().map((one) => [one.id, one]));
  const bloom = golden.get('P02_default') as GoldenPlan;
  const tooSmall = golden.get('P11_infeasible') as GoldenPlan;
  let folder = '';
  let file = '';

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'daisychain-plan-'));
    file = join(folder, 'swarm.json');
    await writeFile(file, swarmDocument(bloom));
  });
  afterAll(async () => {
    await rm(folder, { recursive: true, force: true });
  });

  it('prints exactly one JSON document with the plan', async () => {
    const { exitCode, stdout, stderr } = await daisychain(['plan', file, '--json', '--reserved-slots', '7']);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    const plan = JSON.parse(stdout) as Record<string, unknown>;
    expect(Object.keys(plan)).toEqual([
      'feasible',
      'placement_policy',
      'objective',
      'reserved_slots',
      'placement',
      'chains',
      'total_slots',
      'service_rate_per_second',
      'response_seconds',
      'planning_milliseconds',
    ]);
    expect(plan).toMatchObject({
      feasible: true,
      placement_policy: 'gbp-cr',
      objective: null,
      reserved_slots: 7,
      placement: bloom.atReservedSlots.placement,
      total_slots: 7,
    });
    expect(plan['planning_milliseconds']).toBeGreaterThan(0);
    const { lower, predicted } = plan['response_seconds'] as { lower: number; predicted: number };
    expect(predicted).toBeCloseTo(lower, 9);
  });

  it('searches the reservation, and reads YAML from standard input', async () => {
    const document = swarmDocument(bloom);
    const args = ['plan', '-', '--json', '--placement', 'gbp-cr-fill', '--objective', 'lower'];
    const { exitCode, stdout } = await daisychain(args, `# a comment makes it YAML\n${document}`);
    expect(exitCode).toBe(0);
    const plan = JSON.parse(stdout) as { reserved_slots: number; response_seconds: { lower: number } };
    expect(plan.reserved_slots).toBe(bloom.search.lower_fill.c);
    expect(plan.response_seconds.lower).toBeCloseTo(bloom.search.lower_fill.v, 9);
  });

  it('prints a table for people', async () => {
    const { exitCode, stdout } = await daisychain(['plan', file]);
    expect(exitCode).toBe(0);
    expect(stdout).toContain('Plan of P02_default, 70 blocks');
    expect(stdout).toMatch(/s011 +0\.\.23 +24/);
    expect(stdout).toMatch(/s011 \(24\) -> s001 \(24\) -> s018 \(22\)/);
  });

  it('ends with 1 and says what is missing when the blocks do not fit', async () => {
    const args = ['plan', '-', '--reserved-slots', '7'];
    const json = await daisychain([...args, '--json'], swarmDocument(tooSmall));
    expect(json.exitCode).toBe(1);
    expect(JSON.parse(json.stdout)).toMatchObject({ feasible: false, placement_policy: 'gbp-cr' });
    expect(JSON.parse(json.stdout).reason).toMatch(/places for 63 of 70 blocks/);
    const table = await daisychain(args, swarmDocument(tooSmall));
    expect(table).toMatchObject({ exitCode: 1, stderr: '' });
    expect(table.stdout).toMatch(/^No plan: .*14\.63 GB of memory/);
  });

  it('has no response time and a reason when more arrives than can be served', async () => {
    const { exitCode, stdout } = await daisychain(['plan', file, '--json', '--arrival-rate', '50']);
    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ feasible: true, response_seconds: null });
    expect(JSON.parse(stdout).reason).toMatch(/50 requests per second arrive and the chains serve/);
  });

  describe('where sessions share the compute of servers', () => {
    const shared = {
      model: {
        id: 'm',
        block_count: 24,
        block_bytes: 1e9,
        cache_bytes_per_token_per_block: 50_000,
        session_tokens: 2000,
      },
      arrival_rate_per_second: 0.5,
      workload: { input_tokens: 1000, output_tokens: 10 },
      servers: Array.from({ length: 6 }, (_, j) => ({
        id: `s${j}`,
        memory_bytes: (12 + 4 * j) * 1e9,
        rtt_seconds: 0.02,
        prefill_seconds_per_token_per_block: 0.00004,
        decode_seconds_per_token_per_block: 0.001,
      })),
    };
    const run = (...args: string[]) =>
      daisychain(['plan', '-', '--service-model', 'shared-compute', ...args], JSON.stringify(shared));
    const plan = async (...args: string[]) => {
      const { exitCode, stdout } = await run('--json', ...args);
      expect(exitCode).toBe(0);
      return JSON.parse(stdout) as {
        objective: string;
        placement: { server_id: string; utilisation: number }[];
        response_seconds: { predicted: number };
        reason: string;
      };
    };

    it('predicts, and plans by the prediction', async () => {
      const greedy = await plan('--placement', 'gbp-cr');
      const best = await plan('--placement', 'best', '--objective', 'predicted');
      expect(best.objective).toBe('predicted');
      expect(best.response_seconds.predicted).toBeLessThanOrEqual(greedy.response_seconds.predicted);
      for (const { utilisation } of [...greedy.placement, ...best.placement]) {
        expect(utilisation).toBeGreaterThanOrEqual(0);
        expect(utilisation).toBeLessThan(1);
      }
    });

    it('says which server would have to work more than it can', async () => {
      const overloaded = await plan('--placement', 'gbp-cr-fill', '--arrival-rate', '30');
      expect(overloaded.response_seconds).toBeNull();
      const [, server = '', share = ''] =
        /server (s\d) would have to work (\d+) % of its time/.exec(overloaded.reason) ?? [];
      const busiest = overloaded.placement.find(({ server_id }) => server_id === server);
      expect(busiest?.utilisation).toBeGreaterThan(1);
      expect(busiest?.utilisation).toBeCloseTo(Number(share) / 100, 2);
      const { stdout } = await run('--placement', 'gbp-cr-fill', '--arrival-rate', '30');
      expect(stdout).toMatch(/server +blocks +count +busy/);
      expect(stdout).toContain(`${share} %`);
    });
  });

  it('plans the example swarm of the repository', async () => {
    const example = fileURLToPath(new URL('../../config/swarm.example.yaml', import.meta.url));
    const { exitCode, stdout } = await daisychain(['plan', example, '--json']);
    expect(exitCode).toBe(0);
    const plan = JSON.parse(stdout) as {
      reserved_slots: number;
      response_seconds: { lower: number; predicted: number };
    };
    // The published default: 20 servers, 0.2 requests per second; 7 reserved slots are what it is known for.
    expect(plan.reserved_slots).toBe(7);
    expect(plan.response_seconds.predicted).toBeCloseTo(11.79, 1);
  });

  it('keeps the pinned spans of a swarm file', async () => {
    const document = JSON.parse(swarmDocument(bloom)) as { servers: Record<string, unknown>[] };
    const pinned = { ...document.servers[2], pinned_span: { first_block: 30, block_count: 5 } };
    const servers = document.servers.map((server, j) => (j === 2 ? pinned : server));
    const { exitCode, stdout } = await daisychain(['plan', '-', '--json'], JSON.stringify({ ...document, servers }));
    expect(exitCode).toBe(0);
    expect((JSON.parse(stdout) as { placement: unknown[] }).placement).toContainEqual({
      server_id: document.servers[2]?.['id'],
      first_block: 30,
      block_count: 5,
    });
  });

  it('plans with a baseline, which searches nothing', async () => {
    const { exitCode, stdout } = await daisychain(['plan', file, '--json', '--placement', 'cg-bp']);
    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ feasible: true, placement_policy: 'cg-bp', objective: null });
  });

  it.each<[string, string[], RegExp]>([
    ['speeds that are missing', ['plan', '-', '--service-model', 'shared-compute'], /servers\[0\]: .* needs speeds/],
    ['a surrogate for all placements', ['plan', '-', '--placement', 'best', '--objective', 'surrogate'], /gbp-cr only/],
  ])('ends with 2 and one line for %s', async (_, args, expected) => {
    const { exitCode, stdout, stderr } = await daisychain(args, swarmDocument(bloom));
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
    expect(stderr).toMatch(expected);
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
  });

  it.each<[string, string[], RegExp]>([
    ['a file that is not there', ['plan', 'nowhere.json'], /nowhere\.json: no such file/],
    ['no file', ['plan'], /missing required argument 'file'/],
    ['a placement that does not exist', ['plan', '-', '--placement', 'random'], /Allowed choices are gbp-cr/],
    ['an objective that does not exist', ['plan', '-', '--objective', 'magic'], /Allowed choices are lower/],
    ['no reserved slot', ['plan', '-', '--reserved-slots', '0'], /must be a whole number from 1/],
    ['a rate that is no number', ['plan', '-', '--arrival-rate', 'x'], /must be a number from/],
    ['a load above 1', ['plan', '-', '--max-load', '2'], /must be a number from 0\.001 to 1/],
    ['an empty document', ['plan', '-'], /standard input: is empty/],
  ])('ends with 2 and one line for %s', async (_, args, expected) => {
    const { exitCode, stdout, stderr } = await daisychain(args);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
    expect(stderr).toMatch(expected);
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
  });
});
