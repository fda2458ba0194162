import type { FailoverOutcome, FinishedRequest, SearchRun, Telemetry } from '../../src/application/ports/telemetry.ts';

/** Keeps what was reported of requests; the rest is let go. */
export class RecordingTelemetry implements Telemetry {
  readonly finished: FinishedRequest[] = [];
  readonly failovers: FailoverOutcome[] = [];
  readonly searches: SearchRun[] = [];
  /** Blocks that servers were told to load. */
  blocks = 0;

  requestFinished(request: FinishedRequest): void {
    this.finished.push(request);
  }
  dispatchDecided(): void {}
  waitEnded(): void {}
  planMade(): void {}
  planSearched(search: SearchRun): void {
    this.searches.push(search);
  }
  plannerFailed(): void {}
  hopObserved(): void {}
  failoverEnded(outcome: FailoverOutcome): void {
    this.failovers.push(outcome);
  }
  serverJoined(): void {}
  serverLost(): void {}
  blocksMoved(blocks: number): void {
    this.blocks += blocks;
  }
  observeState(): void {}
}
