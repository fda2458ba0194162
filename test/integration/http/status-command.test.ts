import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { reportFailure } from '../../../src/commands/failure-report.ts';
import { buildStatusCommand } from '../../../src/commands/status.ts';
import { FakeSwarmView } from '../../support/fake-swarm-view.ts';
import { buildTestFront, type TestFront } from '../../support/http-front.ts';

let front: TestFront;
let swarm: FakeSwarmView;
let url: string;
beforeEach(async () => {
  swarm = new FakeSwarmView();
  front = buildTestFront({}, { swarm });
  url = await front.listen();
});
afterEach(() => front.app.close());

async function run(
  args: readonly string[],
  until?: AbortSignal,
  terminal: { readonly isTTY?: true; readonly columns?: number; readonly rows?: number } = {},
): Promise<{ stdout: string; exitCode: number; text: string }> {
  const stdout = Object.assign(new PassThrough(), terminal);
  let written = '';
  stdout.on('data', (part) => {
    written += part;
  });
  const command = buildStatusCommand(
    { stdout, stderr: new PassThrough(), env: {}, setExitCode: () => undefined },
    until,
  );
  command.exitOverride().configureOutput({ outputError: () => undefined, writeErr: () => undefined });
  try {
    await command.parseAsync([...args], { from: 'user' });
    return { stdout: written, exitCode: 0, text: '' };
  } catch (error) {
    return { stdout: written, ...reportFailure(error) };
  }
}

describe('daisychain status', () => {
  test('shows readiness, plan, servers with why they do not serve, and chains', async () => {
    const { stdout, exitCode } = await run(['--url', `${url}/`]);
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^Ready: tiny-austen, 8 blocks, at http:\/\/127/);
    expect(stdout).toMatch(/^plan +epoch 3 \(best, search by predicted\), 12 s old$/m);
    expect(stdout).toMatch(/^latest search +7.0 s ago: keep after 1.50 s and 60 plans, no change would/m);
    expect(stdout).toMatch(/^requests +2 running in 4 slots, 1 of at most 100 waiting, the oldest for 0.8 s$/m);
    expect(stdout).toMatch(/^s1 +serving +0\.\.7 +0\.\.7 +2 +1\.0 GB +0\.5 ms +1\.00 +20 ms +1\.5 s ago$/m);
    expect(stdout).toMatch(/^s2 +loading +- +4\.\.7 +0 +- .* loads blocks 4\.\.7$/m);
    expect(stdout).toMatch(/^c0ffee000001 +2 of 4 +2\.50 s +2\.25 s +s1 \[0\.\.7\]$/m);
  });

  test('shows a dispatcher that is not ready with its reasons', async () => {
    front.service.reasons = ['block 3 is served by nobody'];
    swarm.serverList = [];
    swarm.chainList = [];
    const { stdout, exitCode } = await run(['--url', url]);
    expect(exitCode).toBe(0);
    expect(stdout).toContain('Not ready');
    expect(stdout).toContain('  block 3 is served by nobody\n');
    expect(stdout).toContain('no server has joined\n');
  });

  test('prints one JSON document', async () => {
    const { stdout } = await run(['--url', url, '--json']);
    expect(JSON.parse(stdout)).toMatchObject({
      is_ready: true,
      plan: { epoch: 3 },
      queue: { length: 1 },
      servers: [{ server_id: 's1' }, {}],
      chains: [{ slots: 4 }],
    });
  });

  test('lets no name of a server reach the terminal as a command to it', async () => {
    swarm.serverList = [{ ...swarm.serverList[0]!, serverId: 'evil\u001b[2J\u202e' }];
    const { stdout } = await run(['--url', url]);
    expect(stdout).toContain('evil [2J ');
    expect(stdout).not.toContain('\u001b');
  });

  test('watches until it is ended, also while the dispatcher is away', async () => {
    const end = new AbortController();
    const watching = run(['--url', url, '--watch', '0.1'], end.signal);
    await new Promise((resolve) => setTimeout(resolve, 150));
    await front.app.close();
    await new Promise((resolve) => setTimeout(resolve, 200));
    end.abort();
    const { stdout, exitCode } = await watching;
    expect(exitCode).toBe(0);
    expect(stdout.match(/^Ready: /gm)?.length).toBeGreaterThanOrEqual(1);
    expect(stdout).toContain('no dispatcher answers');
  });

  test('fits the terminal: the least telling columns go, and what is long goes on in the next line', async () => {
    const hop = (at: number) => ({ serverId: `embedded-${at}`, firstBlock: 2 * at, blockCount: 2 });
    swarm.chainList = [{ ...swarm.chainList[0]!, hops: [0, 1, 2, 3].map(hop) }];
    const { stdout } = await run(['--url', url], undefined, { isTTY: true, columns: 80, rows: 24 });
    for (const line of stdout.split('\n')) expect(line.length, line).toBeLessThanOrEqual(80);
    expect(stdout).toMatch(/^latest look +12 s ago .*\n {16}\S/m);
    expect(stdout).toMatch(/^s2 +loading +- +4\.\.7 .* loads blocks 4\.\.7$/m);
    expect(stdout).not.toContain('rtt');
    expect(stdout).toMatch(
      /^c0ffee000001 .* embedded-0 \[0\.\.1\] -> embedded-1 \[2\.\.3\]\n +-> embedded-2 \[4\.\.5\]\n +-> embedded-3/m,
    );
    const wide = await run(['--url', url], undefined, { isTTY: true, columns: 200, rows: 24 });
    expect(wide.stdout).toContain('rtt');
  });

  test('watches on a terminal by writing over what is there, no further than its last line', async () => {
    const end = new AbortController();
    const watching = run(['--url', url, '--watch', '0.1'], end.signal, { isTTY: true, columns: 100, rows: 10 });
    await new Promise((resolve) => setTimeout(resolve, 500));
    end.abort();
    const [first = '', second = '', ...more] = (await watching).stdout.split('\u001b[H').slice(1);
    expect(more.join('')).not.toContain('\u001b[2J');
    for (const screen of [first, second]) {
      const lines = screen.split('\u001b[K\n');
      expect(lines).toHaveLength(10);
      expect(lines[0]).toMatch(/^Ready: /);
      expect(lines[8]).toMatch(/^and \d+ more lines$/);
      expect(lines[9]).toBe('\u001b[J');
    }
  });

  test('fails in one line when nothing answers', async () => {
    await front.app.close();
    const { exitCode, text } = await run(['--url', url]);
    expect(exitCode).toBe(1);
    expect(text).toMatch(/^daisychain: no dispatcher answers at http:\/\/127\.0\.0\.1:\d+: .*ECONNREFUSED.*\n$/);
  });

  test.each<[string, string, string]>([
    ['no JSON', 'text/html', '<html>'],
    ['another JSON', 'application/json', '{"status":"ready","epoch":"x"}'],
  ])('fails in one line when something else answers: %s', async (_what, type, body) => {
    const other = createServer((_request, response) => response.writeHead(200, { 'content-type': type }).end(body));
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const { exitCode, text } = await run(['--url', `http://127.0.0.1:${(other.address() as AddressInfo).port}`]);
    expect(exitCode).toBe(1);
    expect(text).toMatch(/^daisychain: http:.* does not answer as a dispatcher does .*\n$/);
    other.close();
    other.closeAllConnections();
  });

  test.each([
    ['--url', 'not a url'],
    ['--url', 'ftp://x'],
    ['--watch', '0'],
    ['--json', '--watch'],
    ['--api-key-file', '/nonexistent'],
  ])('is wrong usage: %s %s', async (...args) => {
    const { exitCode, text } = await run(args);
    expect(exitCode).toBe(2);
    expect(text).toMatch(/^daisychain: .*\n$/);
  });
});
