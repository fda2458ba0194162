import { DispatcherError } from '../domain/shared/errors.ts';
import type { BlockEngine, EngineStep } from './block-engine.ts';
import type { StepResult } from './compute-messages.ts';
import type { SpanCache } from './span-cache.ts';

/**
 * Tokens of one batch. A long prompt runs in pieces of at most this many, so that the tokens of other sessions
 * travel with it instead of waiting for it.
 */
const BATCH_TOKENS = 64;

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

/** A piece of a session's next step, in a batch. */
interface Piece {
  readonly session: Session;
  readonly step: Step;
  readonly tokens: number;
}

/**
 * Runs the steps of all sessions in batches: the next token of each session that has one, and pieces of prompts
 * in what room is left, taking turns. The steps of one session run in their order. What waits is bounded by the
 * tokens that sessions reserve.
 */
export class StepQueue {
  readonly #engine: BlockEngine;
  /** In the order of their turns. */
  readonly #sessions = new Map<number, Session>();
  /** The batch that runs. */
  #batch: Promise<void> | undefined;

  constructor(engine: BlockEngine) {
    this.#engine = engine;
  }

  open(session: number, firstBlock: number, blockCount: number, maxTokens: number): void {
    const cache = this.#engine.allocateCache(firstBlock, blockCount, maxTokens);
    this.#sessions.set(session, { cache, steps: [], failure: undefined });
  }

  add(session: number, hidden: Float32Array, tokens: number, returnTokens: number): Promise<StepResult> {
    const found = this.#sessions.get(session);
    if (found === undefined) return Promise.reject(new DispatcherError('DSP_CANCELLED', 'the session is closed'));
    if (found.failure !== undefined) return Promise.reject(found.failure);
    return new Promise((resolve, reject) => {
      const result = new Float32Array(returnTokens * this.#engine.config.hiddenSize);
      found.steps.push({ hidden, tokens, returnTokens, result, done: 0, computeSeconds: 0, resolve, reject });
      if (this.#batch === undefined) void this.#runAll();
    });
  }

  /** Drops the session's cache; its waiting steps are rejected. Resolves when no step of it runs any more. */
  async close(session: number): Promise<void> {
    const found = this.#sessions.get(session);
    if (found === undefined) return;
    this.#sessions.delete(session);
    fail(found, new DispatcherError('DSP_CANCELLED', 'the session was closed'));
    await this.#batch;
    found.cache.free();
  }

  async #runAll(): Promise<void> {
    for (let pieces = this.#nextBatch(); pieces.length > 0; pieces = this.#nextBatch()) {
      this.#batch = this.#runBatch(pieces);
      await this.#batch;
    }
    this.#batch = undefined;
  }

  /** Single tokens first, as they fill the batch least and somebody reads along; who took part goes to the end of the line. */
  #nextBatch(): Piece[] {
    const waiting = [...this.#sessions].filter(([, { steps }]) => steps.length > 0);
    const rest = (step: Step): number => step.tokens - step.done;
    const isSingle = ([, { steps }]: [number, Session]): boolean => steps[0] !== undefined && rest(steps[0]) === 1;
    const pieces: Piece[] = [];
    let room = BATCH_TOKENS;
    for (const [id, session] of [...waiting.filter(isSingle), ...waiting.filter((each) => !isSingle(each))]) {
      const step = session.steps[0];
      if (step === undefined || room === 0) continue;
      const tokens = Math.min(room, rest(step));
      room -= tokens;
      pieces.push({ session, step, tokens });
      this.#sessions.delete(id);
      this.#sessions.set(id, session);
    }
    return pieces;
  }

  /** Only the session that finds no memory fails, not those that run with it. */
  #hasRoom({ session, tokens }: Piece): boolean {
    try {
      this.#engine.makeRoom(session.cache, tokens);
      return true;
    } catch (error) {
      fail(session, error);
      return false;
    }
  }

  async #runBatch(batch: readonly Piece[]): Promise<void> {
    const pieces = batch.filter((piece) => this.#hasRoom(piece));
    const { hiddenSize } = this.#engine.config;
    const steps = pieces.map(({ session, step, tokens }): EngineStep => {
      const hidden = step.hidden.subarray(step.done * hiddenSize, (step.done + tokens) * hiddenSize);
      return { cache: session.cache, hidden, tokens };
    });
    const start = performance.now();
    let outputs: Float32Array[];
    try {
      outputs = await this.#engine.run(steps);
    } catch (error) {
      for (const { session } of pieces) fail(session, error);
      return;
    }
    const seconds = (performance.now() - start) / 1000;
    for (const [i, piece] of pieces.entries())
      finishPiece(piece, outputs[i] ?? new Float32Array(0), seconds, hiddenSize);
  }
}

/** Hands the rows of a piece over; the step's answer goes out with its last piece. */
function finishPiece(
  { session, step, tokens }: Piece,
  output: Float32Array,
  seconds: number,
  hiddenSize: number,
): void {
  step.computeSeconds += seconds;
  const firstReturned = step.tokens - step.returnTokens;
  const from = Math.max(step.done, firstReturned);
  step.done += tokens;
  if (from < step.done) {
    const skipped = from - (step.done - tokens);
    step.result.set(output.subarray(skipped * hiddenSize), (from - firstReturned) * hiddenSize);
  }
  // A session that was closed in the meantime has no steps any more.
  if (step.done < step.tokens || session.steps[0] !== step) return;
  session.steps.shift();
  step.resolve({ hidden: step.result, computeSeconds: step.computeSeconds });
}

function fail(session: Session, error: unknown): void {
  session.failure ??= error;
  for (const step of session.steps.splice(0)) step.reject(error);
}
