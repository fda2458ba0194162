import { type TransferListItem, Worker } from 'node:worker_threads';
import { DispatcherError } from '../../domain/shared/errors.ts';
import { CLOSE, fromPlainError, type WorkerAnswer, type WorkerCall } from './worker-messages.ts';

/** Longest wait for a thread to end between two computations; then it is stopped in the middle of one. */
const CLOSE_MS = 2_000;

interface Waiting {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

/**
 * A worker thread that answers calls. When the thread dies, every call that waits and every later one
 * is rejected with DSP_INTERNAL, and `onFailure` is told once.
 */
export class WorkerClient<Request> {
  readonly #worker: Worker;
  readonly #name: string;
  readonly #onFailure: (error: DispatcherError) => void;
  readonly #waiting = new Map<number, Waiting>();
  #nextId = 1;
  #failure: DispatcherError | undefined;
  readonly #exited: Promise<void>;

  /**
   * @param module address of the worker's module; `.ts` stands for `.js` in a built program
   * @param name what the thread does, for messages
   */
  constructor(module: URL, name: string, onFailure: (error: DispatcherError) => void) {
    this.#name = name;
    this.#onFailure = onFailure;
    this.#worker = new Worker(module, { name });
    this.#worker.on('message', (answer: WorkerAnswer) => this.#settle(answer));
    this.#worker.on('error', (error) => this.#fail(`stopped: ${error.message}`, error));
    this.#exited = new Promise((resolve) => {
      this.#worker.on('exit', (code) => {
        this.#fail(`ended with code ${code}`);
        resolve();
      });
    });
  }

  /** True once the thread has died or was closed. */
  get hasFailed(): boolean {
    return this.#failure !== undefined;
  }

  /** Calls not yet answered. */
  get waitingCount(): number {
    return this.#waiting.size;
  }

  /** Sends a request and waits for its answer. */
  call<Value>(request: Request, transfer: readonly TransferListItem[] = []): Promise<Value> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    const id = this.#nextId;
    this.#nextId += 1;
    return new Promise<Value>((resolve, reject) => {
      this.#waiting.set(id, { resolve: resolve as (value: unknown) => void, reject });
      this.#send({ id, request }, transfer);
    });
  }

  /** Sends a request that is not answered. */
  post(request: Request): void {
    if (this.#failure === undefined) this.#send({ id: undefined, request }, []);
  }

  /**
   * Stops the thread; calls that wait are rejected with DSP_CANCELLED. The thread ends by itself, since one
   * that is terminated within native code may take the whole process with it.
   * @param patienceMs after which it is terminated all the same; 0 for a thread that runs no native code
   */
  async close(patienceMs = CLOSE_MS): Promise<void> {
    this.#failure ??= new DispatcherError('DSP_CANCELLED', `the ${this.#name} thread was closed`);
    this.#rejectWaiting(this.#failure);
    this.#worker.postMessage(CLOSE);
    const stuck = setTimeout(() => void this.#worker.terminate(), patienceMs);
    await this.#exited;
    clearTimeout(stuck);
  }

  #send(message: WorkerCall<Request>, transfer: readonly TransferListItem[]): void {
    this.#worker.postMessage(message, transfer);
  }

  #settle(answer: WorkerAnswer): void {
    const waiting = this.#waiting.get(answer.id);
    if (waiting === undefined) return;
    this.#waiting.delete(answer.id);
    if ('error' in answer) waiting.reject(fromPlainError(answer.error));
    else waiting.resolve(answer.value);
  }

  #fail(problem: string, cause?: Error): void {
    if (this.#failure !== undefined) return;
    const details = cause === undefined ? {} : { cause };
    this.#failure = new DispatcherError('DSP_INTERNAL', `the ${this.#name} thread ${problem}`, details);
    this.#rejectWaiting(this.#failure);
    this.#onFailure(this.#failure);
  }

  #rejectWaiting(error: DispatcherError): void {
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const { reject } of waiting) reject(error);
  }
}

/** Address of a module beside the caller's, by its name without extension: sources end in .ts, a build in .js. */
export function siblingModule(callerUrl: string, name: string): URL {
  return new URL(`./${name}${callerUrl.endsWith('.ts') ? '.ts' : '.js'}`, callerUrl);
}
