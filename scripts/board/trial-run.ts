import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findPrometheus } from '../../test/deployment/find-prometheus.ts';
import { startPrometheus } from '../../test/deployment/start-prometheus.ts';
import { startAgent } from '../../test/support/agent-process.ts';
import { ServeProcess } from '../../test/support/serve-process.ts';
import type { TimeRange } from './prometheus-queries.ts';

/** What happens when, seconds after the start. */
const TIMES = { rush: 60, calm: 150, kill: 200, join: 260, end: 360 };
const CALM_CLIENTS = 4;
const RUSH_CLIENTS = 16;
const THINK_MS = 700;

/**
 * Six minutes of a swarm of four servers with the bundled model: a calm beginning, a rush that fills the queue, a
 * server that is killed, another that joins.
 * @param look called before everything is stopped, with the address of the Prometheus and the time of the run
 */
export async function runTrial(look: (prometheus: string, range: TimeRange) => Promise<void>): Promise<void> {
  const programs = findPrometheus();
  if (programs === undefined) throw new Error('there is no prometheus on this machine, nor apt-get to fetch it with');
  const folder = mkdtempSync(join(tmpdir(), 'daisychain-board-'));
  const serve = new ServeProcess(['--embedded-swarm'], {
    DAISYCHAIN_OFFLINE: '1',
    // Otherwise no better plans are searched for, and the panels of searches stay empty.
    DAISYCHAIN_PLANNER__OBJECTIVE: 'predicted',
  });
  const stops: (() => unknown)[] = [];
  try {
    await serve.ready(60_000);
    const prometheus = await startPrometheus(programs.prometheus, { target: serve.url, folder });
    stops.push(() => prometheus.stop());
    const startMs = Date.now();
    const at = (seconds: number): Promise<void> => pause(Math.max(0, startMs + 1000 * seconds - Date.now()));
    const over = new AbortController();
    const rushOver = new AbortController();
    stops.push(() => over.abort());
    const clients = Array.from({ length: CALM_CLIENTS }, (_, i) => ask(serve, i, over.signal));
    await at(TIMES.rush);
    clients.push(...Array.from({ length: RUSH_CLIENTS }, (_, i) => ask(serve, CALM_CLIENTS + i, rushOver.signal)));
    await at(TIMES.calm);
    rushOver.abort();
    await at(TIMES.kill);
    process.kill(serve.serverProcess('embedded-2'), 'SIGKILL');
    await at(TIMES.join);
    const joined = startAgent(/gRPC ([^\s,]+)/.exec(serve.stdout)?.[1] ?? '', [
      '--server-id',
      'newcomer',
      '--memory-bytes',
      '12MB',
    ]);
    stops.push(() => joined.child.kill('SIGTERM'));
    await at(TIMES.end);
    await look(prometheus.url, { startSeconds: Math.floor(startMs / 1000), endSeconds: Math.floor(Date.now() / 1000) });
    over.abort();
    await Promise.all(clients);
  } finally {
    for (const stop of stops.reverse()) await stop();
    await serve.stop();
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** A client that asks again and again: lengths differ, some leave in mid-stream, some are in a hurry. */
async function ask(serve: ServeProcess, client: number, signal: AbortSignal): Promise<void> {
  for (let turn = 0; !signal.aborted; turn += 1) {
    const body = {
      model: 'default',
      prompt: 'It is a truth',
      max_tokens: 40 + 40 * ((client + turn) % 6),
      stream: true,
    };
    const headers = {
      'content-type': 'application/json',
      ...(turn % 9 === 8 ? { 'x-daisychain-deadline-ms': '400' } : {}),
    };
    const isLeaving = turn % 11 === 10;
    try {
      const leave = isLeaving ? AbortSignal.timeout(300) : null;
      await (await serve.post('/v1/completions', body, { headers, signal: leave })).text();
    } catch (error) {
      if (!isLeaving) throw error;
    }
    await pause(THINK_MS);
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
