import type { FinishedRequest, Telemetry } from '../../src/application/ports/telemetry.ts';

/** Keeps what was reported of requests; the rest is let go. */
export class RecordingTelemetry implements Telemetry {
  readonly finished: FinishedRequest[] = [];

  requestFinished(request: FinishedRequest): void {
    this.finished.push(request);
  }
  dispatchDecided(): void {}
  planMade(): void {}
  hopObserved(): void {}
  failoverEnded(): void {}
  serverJoined(): void {}
  serverLost(): void {}
  blocksMoved(): void {}
  observeState(): void {}
}
