import type { HopTiming, OpenChainRequest, TransportHop } from '../../application/ports/chain-transport.ts';
import { DispatcherError } from '../../domain/shared/errors.ts';
import { Deadline } from '../wire/deadline.ts';
import { MAX_STEPS_IN_FLIGHT } from '../wire/limits.ts';
import { isFinite32 } from '../wire/tensor.ts';
import type { ConnectHop, HopLink, HopStep } from './hop-link.ts';

export interface HopLaneListener {
  opened(): void;
  /** A checked answer: `returnTokens` rows of finite values. Answers come in the order of the steps. */
  answered(step: HopStep, hidden: Float32Array): void;
  failed(error: DispatcherError): void;
}

/**
 * Steps of one session at one hop: those that wait, those at the server, the clock that runs while
 * the server owes an answer, and the checks of what it answers.
 *
 * The clock starts when a step is sent to an idle server and starts anew with every valid answer
 * while others are still owed, so each answer has the whole limit and part of an answer has no effect.
 */
export class HopLane {
  readonly #hop: TransportHop;
  readonly #hiddenSize: number;
  readonly #stepTimeoutMs: number;
  readonly #listener: HopLaneListener;
  readonly #link: HopLink;
  readonly #deadline: Deadline;
  readonly #waiting: HopStep[] = [];
  readonly #inFlight: HopStep[] = [];
  #isOpen = false;
  #owedSinceMs = performance.now();
  #steps = 0;
  #roundTripMs = 0;
  #computeSeconds = 0;

  constructor(request: OpenChainRequest, hop: TransportHop, connect: ConnectHop, listener: HopLaneListener) {
    this.#hop = hop;
    this.#hiddenSize = request.hiddenSize;
    this.#stepTimeoutMs = request.stepTimeoutMs;
    this.#listener = listener;
    this.#deadline = new Deadline(() => this.#expire());
    this.#link = connect(request, hop, {
      opened: () => this.#opened(),
      answered: (index, hidden, computeSeconds) => this.#answered(index, hidden, computeSeconds),
      failed: (error) => listener.failed(error),
    });
    this.#deadline.set(request.stepTimeoutMs);
  }

  /** Steps not yet sent. */
  get backlog(): number {
    return this.#waiting.length;
  }

  enqueue(step: HopStep): void {
    this.#waiting.push(step);
  }

  /** Sends what may be sent. @param nextBacklog answers of this hop that the next one has not taken yet */
  pump(nextBacklog: number): void {
    while (this.#isOpen && this.#waiting.length > 0 && this.#inFlight.length + nextBacklog < MAX_STEPS_IN_FLIGHT) {
      const step = this.#waiting.shift() as HopStep;
      if (this.#inFlight.length === 0) this.#startClock();
      this.#inFlight.push(step);
      this.#link.send(step);
    }
  }

  /** Time in which several steps were under way counts once. */
  timing(): HopTiming {
    return {
      serverId: this.#hop.serverId,
      steps: this.#steps,
      roundTripSeconds: this.#roundTripMs / 1000,
      computeSeconds: this.#computeSeconds,
    };
  }

  close(): void {
    this.#deadline.dispose();
    this.#link.close();
  }

  #startClock(): void {
    this.#owedSinceMs = performance.now();
    this.#deadline.set(this.#stepTimeoutMs);
  }

  #opened(): void {
    if (this.#isOpen) {
      this.#listener.failed(this.#badOutput('opened the session twice'));
      return;
    }
    this.#isOpen = true;
    this.#deadline.clear();
    this.#listener.opened();
  }

  #answered(index: number, hidden: Float32Array, computeSeconds: number): void {
    const step = this.#inFlight[0];
    const problem = this.#problemOf(step, index, hidden, computeSeconds);
    if (step === undefined || problem !== undefined) {
      this.#listener.failed(this.#badOutput(problem ?? 'answered a step that was not sent'));
      return;
    }
    this.#inFlight.shift();
    this.#steps += 1;
    this.#roundTripMs += performance.now() - this.#owedSinceMs;
    this.#computeSeconds += computeSeconds;
    if (this.#inFlight.length > 0) this.#startClock();
    else this.#deadline.clear();
    this.#listener.answered(step, hidden);
  }

  #problemOf(
    step: HopStep | undefined,
    index: number,
    hidden: Float32Array,
    computeSeconds: number,
  ): string | undefined {
    if (step === undefined) return `answered step ${index}, which it does not have`;
    if (index !== step.index) return `answered step ${index} in place of step ${step.index}`;
    if (hidden.length !== step.returnTokens * this.#hiddenSize) {
      return `answered ${hidden.length / this.#hiddenSize} rows in place of ${step.returnTokens}`;
    }
    if (!(computeSeconds >= 0 && computeSeconds < Number.POSITIVE_INFINITY))
      return 'answered with a compute time that is not a time';
    if (!isFinite32(hidden)) return 'answered with values that are NaN or infinite';
    return undefined;
  }

  #badOutput(problem: string): DispatcherError {
    return new DispatcherError('DSP_BAD_OUTPUT', `Server ${this.#hop.serverId} ${problem}.`, {
      serverId: this.#hop.serverId,
    });
  }

  #expire(): void {
    const what = this.#isOpen ? 'answer a step' : 'open a session';
    const { serverId } = this.#hop;
    this.#listener.failed(
      new DispatcherError('DSP_STEP_TIMEOUT', `Server ${serverId} did not ${what} within ${this.#stepTimeoutMs} ms.`, {
        serverId,
      }),
    );
  }
}
