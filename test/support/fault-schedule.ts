import { createRng, type Rng } from '../../src/domain/shared/rng.ts';
import type { FaultSwarm, FaultyServer } from './fault-swarm.ts';
import { until } from './fault-swarm.ts';

/** Error codes with which a stream may end instead of its text. */
const NAMED_ENDS = new Set(['chain_failed', 'no_capacity', 'queue_full', 'deadline_exceeded']);

const PROMPTS = [
  'It is a truth universally acknowledged',
  'She was',
  'My dear Mr. Bennet, said his lady to him one day',
];

interface StreamRequest {
  readonly prompt: string;
  readonly max_tokens: number;
  readonly temperature: number;
  readonly seed: number;
}

interface StreamResult {
  readonly text: string;
  readonly isDone: boolean;
  readonly code: string | undefined;
  /** Longest time between two events, ms. */
  readonly longestPauseMs: number;
}

export interface RealScheduleReport {
  readonly violations: readonly string[];
  readonly completed: number;
  readonly failed: number;
  readonly faults: readonly string[];
  readonly longestPauseMs: number;
}

/** Runs random schedules of faults against processes, and keeps the undisturbed texts to compare with. */
export class FaultSchedules {
  readonly #swarm: FaultSwarm;
  readonly #references = new Map<string, string>();
  #extras = 0;

  constructor(swarm: FaultSwarm) {
    this.#swarm = swarm;
  }

  /** One schedule, from its seed alone; the swarm is whole before it and after it. */
  async run(seed: number): Promise<RealScheduleReport> {
    const rng = createRng(seed, 'schedule');
    const requests = Array.from({ length: 2 + Math.floor(rng.next() * 3) }, () => randomRequest(rng));
    for (const request of requests) await this.#reference(request);
    const faults: string[] = [];
    const streams = requests.map(async (request) => {
      await sleep(rng.next() * 150);
      return this.stream(request);
    });
    const disturbances = Array.from({ length: 1 + Math.floor(rng.next() * 2) }, () => this.#disturb(rng, faults));
    const results = await Promise.all(streams);
    await Promise.all(disturbances);
    const violations: string[] = [];
    for (const [i, result] of results.entries()) {
      const expected = await this.#reference(requests[i] as StreamRequest);
      if (result.isDone && result.text !== expected)
        violations.push(`a text differs: ${JSON.stringify(result.text)} in place of ${JSON.stringify(expected)}`);
      if (!result.isDone && !NAMED_ENDS.has(result.code ?? '')) violations.push(`a stream ended with ${result.code}`);
      if (!expected.startsWith(result.text)) violations.push(`a text went astray: ${JSON.stringify(result.text)}`);
    }
    await this.#swarm.heal();
    violations.push(...(await this.#leftovers()));
    return {
      violations,
      completed: results.filter(({ isDone }) => isDone).length,
      failed: results.filter(({ isDone }) => !isDone).length,
      faults,
      longestPauseMs: Math.max(...results.map(({ longestPauseMs }) => longestPauseMs)),
    };
  }

  async stream(request: StreamRequest): Promise<StreamResult> {
    const reply = await this.#swarm.serve.post('/v1/completions', { model: 'default', stream: true, ...request });
    if (reply.status !== 200) {
      const { error } = (await reply.json()) as { error: { code: string } };
      return { text: '', isDone: false, code: error.code, longestPauseMs: 0 };
    }
    let text = '';
    let isDone = false;
    let code: string | undefined;
    let longestPauseMs = 0;
    let lastMs: number | undefined;
    let rest = '';
    for await (const bytes of (reply.body ?? new ReadableStream()).pipeThrough(new TextDecoderStream())) {
      rest += bytes;
      const events = rest.split('\n\n');
      rest = events.pop() ?? '';
      for (const event of events) {
        if (!event.startsWith('data: ')) continue;
        const nowMs = performance.now();
        longestPauseMs = Math.max(longestPauseMs, nowMs - (lastMs ?? nowMs));
        lastMs = nowMs;
        if (event === 'data: [DONE]') isDone = true;
        else {
          const chunk = JSON.parse(event.slice(6)) as { choices?: { text: string }[]; error?: { code: string } };
          text += chunk.choices?.[0]?.text ?? '';
          code = chunk.error?.code ?? code;
        }
      }
    }
    return { text, isDone, code, longestPauseMs };
  }

  /** What an undisturbed swarm answers. */
  async #reference(request: StreamRequest): Promise<string> {
    const key = JSON.stringify(request);
    const known = this.#references.get(key);
    if (known !== undefined) return known;
    const { text, isDone, code } = await this.stream(request);
    if (!isDone) throw new Error(`an undisturbed request ended with ${code}`);
    this.#references.set(key, text);
    return text;
  }

  async #disturb(rng: Rng, faults: string[]): Promise<void> {
    const kind = pick(['kill', 'kill', 'stop', 'stop', 'cut', 'pause', 'drain', 'join'] as const, rng);
    const server = pick([...this.#swarm.servers.values()], rng);
    const delayMs = rng.next() * 500;
    const lengthMs = 100 + rng.next() * 1_800;
    faults.push(`${kind} ${server.serverId} after ${delayMs.toFixed(0)} ms for ${lengthMs.toFixed(0)} ms`);
    await sleep(delayMs);
    if (kind === 'kill') server.signal('SIGKILL');
    else if (kind === 'drain') server.signal('SIGTERM');
    else if (kind === 'cut') server.proxy.cut();
    else if (kind === 'join') await this.#swarm.add(`extra${this.#extras++}`, 0);
    else if (kind === 'stop') await during(server, 'SIGSTOP', 'SIGCONT', lengthMs);
    else {
      server.proxy.pause();
      await sleep(lengthMs);
      server.proxy.resume();
    }
  }

  async #leftovers(): Promise<string[]> {
    const { serve } = this.#swarm;
    const found: string[] = [];
    const isIdle = async (): Promise<boolean> =>
      (await serve.metric('daisychain_chain_slots_in_use{')) + (await serve.metric('daisychain_queue_length')) === 0;
    await until(isIdle, 5_000, () => 'slots').catch(() => found.push('slots or places in the queue are still taken'));
    const ready = await fetch(`${serve.url}/readyz`);
    if (ready.status !== 200) found.push(`not ready: ${await ready.text()}`);
    const views = await this.#swarm.views();
    // Beats carry what each server has free: with no session it is all of its cache.
    for (const { server_id, sessions } of views) if (sessions > 0) found.push(`${server_id} still has a session`);
    return found;
  }
}

async function during(server: FaultyServer, begin: 'SIGSTOP', end: 'SIGCONT', ms: number): Promise<void> {
  server.signal(begin);
  await sleep(ms);
  server.signal(end);
}

function randomRequest(rng: Rng): StreamRequest {
  const isGreedy = rng.next() < 0.5;
  return {
    prompt: pick(PROMPTS, rng),
    max_tokens: pick([60, 120, 200], rng),
    temperature: isGreedy ? 0 : 0.8,
    seed: isGreedy ? 0 : pick([1, 2], rng),
  };
}

function pick<Item>(items: readonly Item[], rng: Rng): Item {
  return items[Math.floor(rng.next() * items.length)] as Item;
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
