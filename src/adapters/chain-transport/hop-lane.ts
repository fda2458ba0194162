import type {
  HopTiming,
  LoadedStep,
  OpenChainRequest,
  ServerLoad,
  TransportHop,
} from '../../application/ports/chain-transport.ts';
import type { Clock } from '../../application/ports/clock.ts';
import { DispatcherError } from '../../domain/shared/errors.ts';
import { Deadline } from '../wire/deadline.ts';
import { MAX_STEPS_IN_FLIGHT } from '../wire/limits.ts';
import { isFinite32 } from '../wire/tensor.ts';
import type { HopHistory } from './hop-history.ts';
import type { ConnectHop, HopLink, HopStep } from './hop-link.ts';

/** A step before the lane gives it its number at this hop, and says which rows it wants back. */
export type LaneStep = Omit<HopStep, 'index' | 'returnTokens'>;

interface SentStep extends HopStep {
  /** From the lane's own history. */
  readonly isReplay: boolean;
  /** Until it ended. */
  load: LoadedStep | undefined;
}

export interface HopLaneListener {
  opened(): void;
  /**
   * A checked answer, finite values, in the order of the steps. Rows that were passed on before are cut
   * off, from the step too; where none is left, `hidden` is undefined.
   */
  answered(step: LaneStep, hidden: Float32Array | undefined): void;
  failed(error: DispatcherError): void;
}

export interface HopLaneParts {
  readonly connect: ConnectHop;
  readonly clock: Clock;
  /** Takes the inputs of every answered step, if the hop is to be replaceable. */
  readonly history: HopHistory | undefined;
  /** Positions below this one were passed on by the hop that this one replaces: their answers are dropped. */
  readonly passedOn: number;
  /** Steps to send before all others. Undefined when there are no more. */
  readonly replay: () => LaneStep | undefined;
  /** How many rows of the answer, the last ones, somebody needs. Asked when the step is sent. */
  readonly rowsWanted: (step: LaneStep) => number;
}

/**
 * Steps of one session at one hop: those that wait, those at the server, the clock that runs while
 * the server owes an answer, and the checks of what it answers.
 *
 * The clock starts when a step is sent to an idle server and starts anew with every valid answer
 * while others are still owed, so each answer has the whole limit and part of an answer has no effect.
 */
export class HopLane {
  readonly history: HopHistory | undefined;
  readonly #hop: TransportHop;
  readonly #hiddenSize: number;
  readonly #stepTimeoutMs: number;
  readonly #listener: HopLaneListener;
  readonly #link: HopLink;
  readonly #deadline: Deadline;
  readonly #clock: Clock;
  readonly #replay: () => LaneStep | undefined;
  readonly #rowsWanted: (step: LaneStep) => number;
  readonly #load: ServerLoad | undefined;
  #waiting: LaneStep[] = [];
  #inFlight: SentStep[] = [];
  #nextIndex = 0;
  #isOpen = false;
  #failure: DispatcherError | undefined;
  #passedOn: number;
  #owedSinceMs: number;
  #steps = 0;
  #roundTripMs = 0;
  #computeSeconds = 0;
  #aheadSeconds = 0;

  constructor(request: OpenChainRequest, hop: TransportHop, parts: HopLaneParts, listener: HopLaneListener) {
    this.#hop = hop;
    this.history = parts.history;
    this.#clock = parts.clock;
    this.#replay = parts.replay;
    this.#rowsWanted = parts.rowsWanted;
    this.#passedOn = parts.passedOn;
    this.#owedSinceMs = parts.clock.nowMs();
    this.#hiddenSize = request.hiddenSize;
    this.#stepTimeoutMs = request.stepTimeoutMs;
    this.#load = request.load;
    this.#listener = listener;
    this.#deadline = new Deadline(() => this.#expire(), parts.clock);
    this.#link = this.#connect(request, parts.connect);
    this.#deadline.set(request.stepTimeoutMs);
  }

  /** Steps not yet sent. */
  get backlog(): number {
    return this.#waiting.length;
  }

  /** Why the hop is lost, if it is: it then takes steps and sends none. */
  get failure(): DispatcherError | undefined {
    return this.#failure;
  }

  get hop(): TransportHop {
    return this.#hop;
  }

  /** Positions whose answers have been passed on, by this hop or by one that it replaced. */
  get passedOn(): number {
    return this.#passedOn;
  }

  enqueue(step: LaneStep): void {
    this.#waiting.push(step);
  }

  /** Sends what may be sent. @param nextBacklog answers of this hop that the next one has not taken yet */
  pump(nextBacklog: number): void {
    while (this.#isOpen && this.#failure === undefined && this.#inFlight.length + nextBacklog < MAX_STEPS_IN_FLIGHT) {
      const replayed = this.#replay();
      const next = replayed ?? this.#waiting.shift();
      if (next === undefined) return;
      const isPassedOn = next.position + next.tokens <= this.#passedOn;
      const step: SentStep = {
        ...next,
        index: this.#nextIndex,
        returnTokens: isPassedOn ? 0 : this.#rowsWanted(next),
        isReplay: replayed !== undefined,
        load: this.#load?.sent(this.#hop.serverId, this.#hop.blockCount, next.tokens),
      };
      this.#nextIndex += 1;
      if (this.#inFlight.length === 0) this.#startClock();
      this.#inFlight.push(step);
      this.#aheadSeconds += step.load?.aheadSeconds ?? 0;
      this.#link.send(step);
    }
  }

  /** Hands over the steps that came from the hop before and were not answered, in order, for another hop to take. */
  takeSteps(): LaneStep[] {
    this.#unload();
    const steps = [...this.#inFlight.filter((step) => !step.isReplay), ...this.#waiting];
    this.#inFlight = [];
    this.#waiting = [];
    return steps;
  }

  timing(): HopTiming {
    return {
      serverId: this.#hop.serverId,
      steps: this.#steps,
      roundTripSeconds: this.#roundTripMs / 1000,
      computeSeconds: this.#computeSeconds,
      ...(this.#load !== undefined && { aheadSeconds: this.#aheadSeconds }),
    };
  }

  /** Lets go of the server. Steps stay until they are taken. */
  detach(error: DispatcherError): void {
    if (this.#failure !== undefined) return;
    this.#failure = error;
    this.close();
  }

  close(): void {
    this.#unload();
    this.#deadline.dispose();
    this.#link.close();
  }

  /** The server will not answer what it was sent. */
  #unload(): void {
    for (const step of this.#inFlight) {
      step.load?.ended();
      step.load = undefined;
    }
  }

  /** A link that cannot even be started fails like any other: later, through the listener. */
  #connect(request: OpenChainRequest, connect: ConnectHop): HopLink {
    try {
      return connect(request, this.#hop, {
        opened: () => this.#opened(),
        answered: (index, hidden, computeSeconds) => this.#answered(index, hidden, computeSeconds),
        failed: (error) => this.#fail(error),
      });
    } catch (cause) {
      const error =
        cause instanceof DispatcherError
          ? cause
          : new DispatcherError('DSP_INTERNAL', 'A stream could not be started.', { cause });
      queueMicrotask(() => this.#fail(error));
      return { send: () => undefined, close: () => undefined };
    }
  }

  #startClock(): void {
    this.#owedSinceMs = this.#clock.nowMs();
    this.#deadline.set(this.#stepTimeoutMs);
  }

  #opened(): void {
    if (this.#isOpen) {
      this.#fail(this.#badOutput('opened the session twice'));
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
      this.#fail(this.#badOutput(problem ?? 'answered a step that was not sent'));
      return;
    }
    this.#inFlight.shift();
    step.load?.ended();
    this.#steps += 1;
    this.#roundTripMs += this.#clock.nowMs() - this.#owedSinceMs;
    this.#computeSeconds += computeSeconds;
    if (this.#inFlight.length > 0) this.#startClock();
    else this.#deadline.clear();
    this.history?.append(step.position, step.tokens, step.hidden);
    this.#passOn(step, hidden);
  }

  #passOn(step: HopStep, hidden: Float32Array): void {
    const end = step.position + step.tokens;
    const known = this.#passedOn;
    if (end <= known) {
      this.#listener.answered(step, undefined);
      return;
    }
    this.#passedOn = end;
    if (step.position >= known) {
      this.#listener.answered(step, hidden);
      return;
    }
    const tokens = end - known;
    const rows = hidden.subarray(Math.max(0, hidden.length - tokens * this.#hiddenSize));
    this.#listener.answered({ ...step, position: known, tokens }, rows);
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

  #fail(error: DispatcherError): void {
    if (this.#failure !== undefined) return;
    this.detach(error);
    this.#listener.failed(error);
  }

  #badOutput(problem: string): DispatcherError {
    return new DispatcherError('DSP_BAD_OUTPUT', `Server ${this.#hop.serverId} ${problem}.`, {
      serverId: this.#hop.serverId,
    });
  }

  #expire(): void {
    const what = this.#isOpen ? 'answer a step' : 'open a session';
    const { serverId } = this.#hop;
    this.#fail(
      new DispatcherError('DSP_STEP_TIMEOUT', `Server ${serverId} did not ${what} within ${this.#stepTimeoutMs} ms.`, {
        serverId,
      }),
    );
  }
}
