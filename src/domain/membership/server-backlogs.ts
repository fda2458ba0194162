interface Backlog {
  /** When the server would be done with all that was sent, one step after another, ms. */
  doneMs: number;
  /** Work of the steps that were not answered, seconds. */
  outstandingSeconds: number;
  steps: number;
}

/**
 * What each server still has to do of the steps that were sent to it: a queue in which they are worked on
 * one after another, in the order they come, and which every answer sets right. It tells each new step how
 * long it would wait were nothing done at the same time. O(1) per step; servers without steps are forgotten.
 */
export class ServerBacklogs {
  readonly #backlogs = new Map<string, Backlog>();

  /**
   * A step is on its way.
   * @param travelSeconds until it is there, >= 0   @param workSeconds of the server for it alone, > 0
   * @returns seconds of others' work before it, >= 0
   */
  sent(serverId: string, travelSeconds: number, workSeconds: number, nowMs: number): number {
    const backlog = this.#backlogs.get(serverId) ?? { doneMs: nowMs, outstandingSeconds: 0, steps: 0 };
    this.#backlogs.set(serverId, backlog);
    const arrivalMs = nowMs + 1000 * travelSeconds;
    const beginMs = Math.max(arrivalMs, backlog.doneMs);
    backlog.doneMs = beginMs + 1000 * workSeconds;
    backlog.outstandingSeconds += workSeconds;
    backlog.steps += 1;
    return (beginMs - arrivalMs) / 1000;
  }

  /** The step was answered, or nobody waits for its answer any more. @param workSeconds as it was sent with */
  ended(serverId: string, workSeconds: number, nowMs: number): void {
    const backlog = this.#backlogs.get(serverId);
    if (backlog === undefined) return;
    backlog.steps -= 1;
    backlog.outstandingSeconds = Math.max(0, backlog.outstandingSeconds - workSeconds);
    if (backlog.steps <= 0) this.#backlogs.delete(serverId);
    else backlog.doneMs = Math.min(backlog.doneMs, nowMs + 1000 * backlog.outstandingSeconds);
  }
}
