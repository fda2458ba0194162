import type { CompletionOutcome } from '../../domain/model/job.ts';
import { DispatcherError } from '../../domain/shared/errors.ts';
import type { Clock } from '../ports/clock.ts';
import type { GenerationEvent } from '../ports/inference.ts';
import type { RequestOutcome, Telemetry } from '../ports/telemetry.ts';
import type { RequestStory } from './request-story.ts';

/**
 * The times and counts of one request, reported to telemetry exactly once, at its end. Where it has a
 * story, that is told the same, for whoever asks about this one request.
 */
export class RequestRecord {
  readonly #clock: Clock;
  readonly #telemetry: Telemetry;
  readonly #arrivedMs: number;
  #assignedMs: number | undefined;
  #firstTokenMs: number | undefined;
  #lastTokenMs: number | undefined;
  #promptTokens = 0;
  #completionTokens = 0;
  #finishReason: 'stop' | 'length' | undefined;
  readonly story: RequestStory | undefined;

  constructor(clock: Clock, telemetry: Telemetry, story?: RequestStory) {
    this.#clock = clock;
    this.#telemetry = telemetry;
    this.story = story;
    this.#arrivedMs = clock.nowMs();
  }

  assigned(): void {
    this.#assignedMs = this.#clock.nowMs();
  }

  /** Since the request got its slot, seconds. */
  serviceSeconds(): number {
    const nowMs = this.#clock.nowMs();
    return (nowMs - (this.#assignedMs ?? nowMs)) / 1000;
  }

  observe(event: GenerationEvent, promptTokens: number): void {
    this.#promptTokens = promptTokens;
    if (event.kind === 'token') {
      this.#lastTokenMs = this.#clock.nowMs();
      this.#firstTokenMs ??= this.#lastTokenMs;
      this.#completionTokens += 1;
      this.story?.tokenMade(this.#lastTokenMs, promptTokens);
    } else if (event.kind === 'end') {
      this.#finishReason = event.finishReason;
      this.#completionTokens = event.completionTokens;
      this.story?.generationEnded(promptTokens, event.completionTokens);
    }
  }

  /** The request was refused, expired, or left before it had a slot. */
  neverRan(error: unknown): void {
    this.#report(outcomeOf(error));
  }

  /** The request gave its slot back. */
  finished(outcome: CompletionOutcome): void {
    this.#report(outcome);
  }

  #report(outcome: RequestOutcome): void {
    this.story?.ended(outcome);
    const seconds = (untilMs: number | undefined): number | undefined =>
      untilMs === undefined ? undefined : (untilMs - this.#arrivedMs) / 1000;
    const first = this.#firstTokenMs;
    const last = this.#lastTokenMs;
    const hasSpacing = first !== undefined && last !== undefined && this.#completionTokens > 1;
    this.#telemetry.requestFinished({
      outcome,
      promptTokens: this.#promptTokens,
      completionTokens: this.#completionTokens,
      responseSeconds: this.#assignedMs === undefined ? undefined : seconds(this.#clock.nowMs()),
      queueSeconds: seconds(this.#assignedMs),
      timeToFirstTokenSeconds: seconds(first),
      timePerOutputTokenSeconds: hasSpacing ? (last - first) / 1000 / (this.#completionTokens - 1) : undefined,
      finishReason: this.#finishReason,
    });
  }
}

function outcomeOf(error: unknown): RequestOutcome {
  if (!(error instanceof DispatcherError)) return 'failed';
  if (error.code === 'DSP_CANCELLED') return 'cancelled';
  if (error.code === 'DSP_DEADLINE_EXCEEDED') return 'expired';
  return 'rejected';
}
