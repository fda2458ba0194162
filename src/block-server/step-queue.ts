import { DispatcherError } from '../domain/shared/errors.ts';
import type { BlockEngine, SpanCache } from './block-engine.ts';
import type { StepResult } from './compute-messages.ts';

/** A long prompt runs in pieces of this many tokens, so that the tokens of other sessions slip in between. */
const CHUNK_TOKENS = 64;

interface Step {
  readonly hidden: Float32Array;
  readonly tokens: number;
  readonly returnTokens: number;
  readonly result: Float32Array;
  done: number;
  computeSeconds: number;
  readonly resolve: (result: StepResult) => void;
  readonly reject: (error: unknown) => void;
}

interface Session {
  readonly cache: SpanCache;
  readonly steps: Step[];
  /** Set when a step failed: the cache is then in an unknown state. */
  failure: unknown;
}

/**
 * Runs the steps of all sessions one after another, taking turns between the sessions chunk by chunk.
 * The steps of one session run in their order. What waits is bounded by the tokens that sessions reserve.
 */
export class StepQueue {
  readonly #engine: BlockEngine;
  /** In the order of their turns. */
  readonly #sessions = new Map<number, Session>();
  #running: { readonly session: number; readonly ended: Promise<void> } | undefined;

  constructor(engine: BlockEngine) {
    this.#engine = engine;
  }

  open(session: number, firstBlock: number, blockCount: number, maxTokens: number): void {
    try {
      const cache = this.#engine.allocateCache(firstBlock, blockCount, maxTokens);
      this.#sessions.set(session, { cache, steps: [], failure: undefined });
    } catch (cause) {
      // The machine has less memory than the host was promised; the session's steps will say so.
      const failure = new DispatcherError('DSP_CACHE_FULL', 'the machine is out of memory for a cache', { cause });
      this.#sessions.set(session, { cache: this.#engine.allocateCache(firstBlock, 0, 0), steps: [], failure });
    }
  }

  add(session: number, hidden: Float32Array, tokens: number, returnTokens: number): Promise<StepResult> {
    const found = this.#sessions.get(session);
    if (found === undefined) return Promise.reject(new DispatcherError('DSP_CANCELLED', 'the session is closed'));
    if (found.failure !== undefined) return Promise.reject(found.failure);
    return new Promise((resolve, reject) => {
      const result = new Float32Array(returnTokens * this.#engine.config.hiddenSize);
      found.steps.push({ hidden, tokens, returnTokens, result, done: 0, computeSeconds: 0, resolve, reject });
      if (this.#running === undefined) void this.#runAll();
    });
  }

  /** Drops the session's cache; its waiting steps are rejected. Resolves when no step of it runs any more. */
  async close(session: number): Promise<void> {
    const found = this.#sessions.get(session);
    if (found === undefined) return;
    this.#sessions.delete(session);
    fail(found, new DispatcherError('DSP_CANCELLED', 'the session was closed'));
    if (this.#running?.session === session) await this.#running.ended;
    this.#engine.freeCache(found.cache);
  }

  async #runAll(): Promise<void> {
    for (let turn = this.#nextTurn(); turn !== undefined; turn = this.#nextTurn()) {
      const [id, session] = turn;
      const ended = this.#runChunk(session);
      this.#running = { session: id, ended };
      await ended;
    }
    this.#running = undefined;
  }

  /** The first session with work; it then goes to the end of the line. */
  #nextTurn(): [number, Session] | undefined {
    for (const [id, session] of this.#sessions) {
      if (session.steps.length === 0) continue;
      this.#sessions.delete(id);
      this.#sessions.set(id, session);
      return [id, session];
    }
    return undefined;
  }

  async #runChunk(session: Session): Promise<void> {
    const step = session.steps[0];
    if (step === undefined) return;
    const { hiddenSize } = this.#engine.config;
    const tokens = Math.min(CHUNK_TOKENS, step.tokens - step.done);
    const rows = step.hidden.subarray(step.done * hiddenSize, (step.done + tokens) * hiddenSize);
    const start = performance.now();
    try {
      const output = await this.#engine.run(session.cache, rows, tokens);
      step.computeSeconds += (performance.now() - start) / 1000;
      keepReturned(step, output, tokens, hiddenSize);
      step.done += tokens;
      if (step.done < step.tokens || session.steps[0] !== step) return;
      session.steps.shift();
      step.resolve({ hidden: step.result, computeSeconds: step.computeSeconds });
    } catch (error) {
      fail(session, error);
    }
  }
}

/** Copies the rows of this chunk that belong to the last `returnTokens` of the step. */
function keepReturned(step: Step, output: Float32Array, tokens: number, hiddenSize: number): void {
  const firstReturned = step.tokens - step.returnTokens;
  const from = Math.max(step.done, firstReturned);
  const to = step.done + tokens;
  if (from >= to) return;
  const rows = output.subarray((from - step.done) * hiddenSize, (to - step.done) * hiddenSize);
  step.result.set(rows, (from - firstReturned) * hiddenSize);
}

function fail(session: Session, error: unknown): void {
  session.failure ??= error;
  for (const step of session.steps.splice(0)) step.reject(error);
}
