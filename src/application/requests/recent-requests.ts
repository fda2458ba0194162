import type { Clock } from '../ports/clock.ts';
import type { RequestJournal, RequestTimes } from '../ports/request-journal.ts';
import type { RequestTrace } from '../ports/request-tracer.ts';
import { RequestStory } from './request-story.ts';

/**
 * Requests that wait or run, and the last ones that ended. Those under way are as many as the queue
 * and the slots hold; of the ended ones it keeps `capacity`.
 */
export class RecentRequests implements RequestJournal {
  readonly #clock: Clock;
  readonly #capacity: number;
  readonly #listeners: readonly ((times: RequestTimes) => void)[];
  readonly #underWay = new Map<string, RequestStory>();
  /** In the order of their end: the first one is forgotten first. */
  readonly #ended = new Map<string, RequestTimes>();

  /**
   * @param capacity ended requests kept, >= 0
   * @param listeners told of every request that ended, once
   */
  constructor(clock: Clock, capacity: number, listeners: readonly ((times: RequestTimes) => void)[] = []) {
    this.#clock = clock;
    this.#capacity = capacity;
    this.#listeners = listeners;
  }

  /** A request arrived. Its story must end: that is what bounds those under way. */
  open(requestId: string, modelId: string, trace?: RequestTrace): RequestStory {
    const story = new RequestStory(requestId, modelId, this.#clock, (ended) => this.#keep(ended), trace);
    this.#underWay.set(requestId, story);
    return story;
  }

  find(requestId: string): RequestTimes | undefined {
    return this.#underWay.get(requestId)?.times() ?? this.#ended.get(requestId);
  }

  /** Requests under way and ended ones that it holds. */
  get size(): { readonly underWay: number; readonly ended: number } {
    return { underWay: this.#underWay.size, ended: this.#ended.size };
  }

  #keep(story: RequestStory): void {
    const { requestId } = story;
    const times = story.times();
    for (const listener of this.#listeners) listener(times);
    story.trace?.end(times);
    // A later request with the same id is the one that is asked for.
    if (this.#underWay.get(requestId) !== story) return;
    this.#underWay.delete(requestId);
    this.#ended.delete(requestId);
    this.#ended.set(requestId, times);
    if (this.#ended.size > this.#capacity) this.#ended.delete(this.#ended.keys().next().value as string);
  }
}
