import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { runDaisychain as daisychain } from '../support/run-daisychain.ts';

const EXAMPLE = fileURLToPath(new URL('../../config/swarm.example.yaml', import.meta.url));

interface Document {
  readonly feasible: boolean;
  readonly reason?: string;
  readonly cost_per_hour: number | null;
  readonly placement: readonly { readonly server_id: string }[];
  readonly response_seconds: { readonly predicted: number };
  readonly front: readonly { readonly cost_per_hour: number; readonly response_seconds: number }[];
}

describe('daisychain plan --minimise cost', () => {
  it('finds servers of the example that meet the target for less than all of them cost, and the front', async () => {
    const flags = ['--minimise', 'cost', '--response-target', '14', '--json'];
    const { exitCode, stdout } = await daisychain(['plan', EXAMPLE, ...flags]);
    expect(exitCode).toBe(0);
    const plan = JSON.parse(stdout) as Document;
    expect(plan.response_seconds.predicted).toBeLessThanOrEqual(14);
    // The published plan for the same swarm takes four fast servers: 7.2 an hour.
    expect(plan.cost_per_hour).toBeLessThan(7.2);
    expect(plan.front.map((point) => point.cost_per_hour)).toContain(plan.cost_per_hour);
  });

  it('says what is possible, with exit code 1, when no set of servers is fast enough', async () => {
    const flags = ['--minimise', 'cost', '--response-target', '1'];
    const { exitCode, stdout } = await daisychain(['plan', EXAMPLE, ...flags]);
    expect(exitCode).toBe(1);
    expect(stdout).toMatch(/^No plan: no set of servers that was tried is that fast; the fastest answers in [\d.]+ s/);
  });

  it.each([
    [['--minimise', 'cost'], /--minimise cost needs --response-target SECONDS/],
    [['--response-target', '3'], /--response-target goes with --minimise cost/],
    [['--minimise', 'cost', '--response-target', 'soon'], /must be a number from/],
  ])('refuses %j with one line and exit code 2', async (flags, problem) => {
    const { exitCode, stdout, stderr } = await daisychain(['plan', EXAMPLE, ...flags]);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
    expect(stderr).toMatch(problem);
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
  });

  it('names the first server without a cost', async () => {
    const text = (await readFile(EXAMPLE, 'utf8')).replace(
      '{ id: s003, memory_bytes: 20000000000, cost_per_hour: 0.8,',
      '{ id: s003, memory_bytes: 20000000000,',
    );
    const { exitCode, stderr } = await daisychain(['plan', '-', '--minimise', 'cost', '--response-target', '14'], text);
    expect(exitCode).toBe(2);
    expect(stderr).toContain('servers[2].cost_per_hour: missing');
  });
});
