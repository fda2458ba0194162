import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { SwarmHarness } from '../support/swarm-harness.ts';
import { blockServiceTarget } from './block-service-target.ts';
import { configTargets } from './config-target.ts';
import type { FuzzTarget } from './fuzz-target.ts';
import { grpcTargets } from './grpc-target.ts';
import { httpTargets } from './http-target.ts';
import { RandomInput } from './random-input.ts';

export interface FuzzOptions {
  /** Inputs to all targets together. */
  readonly inputs: number;
  readonly seed: number;
  /** `target:index`: that one input alone. */
  readonly only?: string | undefined;
  readonly onProgress?: (line: string) => void;
}

export interface FuzzReport {
  /** Inputs by target. */
  readonly counts: Readonly<Record<string, number>>;
  /** `target:index` and what was wrong; the first ones. */
  readonly problems: readonly string[];
  /** Requests that became text: inputs that went all the way. */
  readonly completedRequests: number;
}

const AT_ONCE = 12;
const MAX_PROBLEMS = 20;
/** An input that is not answered by then hangs, ms. */
const PATIENCE_MS = 15_000;

/**
 * Throws random inputs at every front of two running dispatchers (one whose chains must keep serving,
 * one that hostile servers may upset), at a block server, and at the configuration. Afterwards nothing may be held:
 * no slot, no lease, no session, no member, no handle.
 */
export async function fuzz(options: FuzzOptions): Promise<FuzzReport> {
  const { seed, onProgress = () => undefined } = options;
  const problems: string[] = [];
  const note = (problem: string): void => {
    if (problems.length < MAX_PROBLEMS) problems.push(problem);
  };
  const onStray = (error: unknown): void =>
    note(`stray error: ${error instanceof Error ? error.stack : String(error)}`);
  process.on('uncaughtException', onStray);
  process.on('unhandledRejection', onStray);
  const folder = mkdtempSync(path.join(tmpdir(), 'daisychain-fuzz-'));
  const settings = {
    'scheduling.default_deadline_seconds': 5,
    'http.receive_timeout_seconds': 2,
    'swarm.lease_seconds': 2,
    'swarm.heartbeat_interval_seconds': 0.5,
  };
  const serving = await SwarmHarness.start(settings);
  const upset = await SwarmHarness.start(settings);
  const server = await serving.addServer('real');
  await until(async () => (await serving.get('/readyz')).ok, 'the swarm never served');
  const http = httpTargets(serving.dispatcher.httpUrl);
  const blocks = await blockServiceTarget();
  const grpc = grpcTargets(serving.dispatcher.grpcAddress, upset.dispatcher.grpcAddress);
  try {
    const targets = [...http.targets, ...grpc.targets, blocks.target, ...configTargets(folder)];
    const counts = await throwInputs(targets, options, note, onProgress);
    http.close();
    grpc.close();
    for (const problem of await leaks(serving, upset, [server.host, blocks.host])) note(problem);
    const completedRequests = await serving.metric('daisychain_requests_total{outcome="completed"');
    onProgress(`${completedRequests} requests became text`);
    return { counts, problems, completedRequests };
  } finally {
    http.close();
    grpc.close();
    await Promise.all([serving.stop(), upset.stop(), blocks.close()]);
    rmSync(folder, { recursive: true, force: true });
    process.off('uncaughtException', onStray);
    process.off('unhandledRejection', onStray);
    onProgress(`seed ${seed}`);
  }
}

async function throwInputs(
  targets: readonly FuzzTarget[],
  { inputs, seed, only }: FuzzOptions,
  note: (problem: string) => void,
  onProgress: (line: string) => void,
): Promise<Record<string, number>> {
  const total = targets.reduce((sum, { weight }) => sum + weight, 0);
  const jobs = targets.map((target) => ({ target, count: Math.ceil((inputs * target.weight) / total) }));
  const counts: Record<string, number> = {};
  const runOne = async (target: FuzzTarget, index: number): Promise<void> => {
    const name = `${target.name}:${index}`;
    if (only !== undefined && only !== name) return;
    const late = sleep(PATIENCE_MS, `no answer within ${PATIENCE_MS / 1000} s`, { ref: false });
    try {
      const problem = await Promise.race([target.run(new RandomInput(seed, name)), late]);
      if (problem !== undefined) note(`${name}: ${problem}`);
    } catch (error) {
      note(`${name}: ${error instanceof Error ? error.stack : String(error)}`);
    }
    counts[target.name] = (counts[target.name] ?? 0) + 1;
  };
  for (const { target, count } of jobs) {
    const startedMs = performance.now();
    let next = 0;
    const work = async (): Promise<void> => {
      for (let index = next++; index < count; index = next++) await runOne(target, index);
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
    onProgress(`${target.name}: ${count} inputs in ${((performance.now() - startedMs) / 1000).toFixed(1)} s`);
  }
  return counts;
}

/** What is still held although every client has gone. */
async function leaks(
  serving: SwarmHarness,
  upset: SwarmHarness,
  hosts: readonly { usage(): { readonly sessions: number } }[],
): Promise<string[]> {
  const held = async (): Promise<Record<string, number>> => ({
    'slots in use': await serving.metric('daisychain_chain_slots_in_use'),
    'waiting requests': await serving.metric('daisychain_queue_length'),
    'running requests': await serving.metric('vllm:num_requests_running'),
    'sessions at servers': hosts.reduce((sum, host) => sum + host.usage().sessions, 0),
    'members of the upset swarm': Object.keys(await upset.servers()).length,
    'servers lost': 1 - Object.keys(await serving.servers()).length,
  });
  let latest: Record<string, number> = {};
  await until(async () => {
    latest = await held();
    return Object.values(latest).every((count) => count === 0);
  }, '').catch(() => undefined);
  const found = Object.entries(latest).flatMap(([what, count]) => (count === 0 ? [] : [`left over: ${count} ${what}`]));
  const after = await serving.post('/v1/completions', { model: 'default', prompt: 'hi', max_tokens: 2 });
  if (after.status !== 200) found.push(`it does not serve any more: ${after.status} ${await after.text()}`);
  return found;
}

async function until(isSo: () => Promise<boolean>, failure: string): Promise<void> {
  const limit = performance.now() + 8_000;
  while (!(await isSo())) {
    if (performance.now() > limit) throw new Error(failure);
    await sleep(20);
  }
}
