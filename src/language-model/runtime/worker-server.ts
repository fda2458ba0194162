import { parentPort, type TransferListItem } from 'node:worker_threads';
import { invariant } from '../../domain/shared/invariant.ts';
import { CLOSE, toPlainError, type WorkerAnswer, type WorkerCall } from './worker-messages.ts';

/** What a handler answers; `transfer` moves buffers instead of copying them. */
export interface WorkerResult {
  readonly value: unknown;
  readonly transfer?: readonly TransferListItem[];
}

/**
 * Answers the calls of a `WorkerClient` in this worker thread. Calls are handed over in the order they
 * came and may overlap. An error of an unanswered call ends the thread, which the client reports.
 */
export function serveWorker<Request>(handle: (request: Request) => Promise<WorkerResult>): void {
  const port = parentPort;
  invariant(port !== null, 'this module runs in a worker thread');
  port.on('message', (message: WorkerCall<Request> | typeof CLOSE) => {
    // In a worker thread this ends the thread, not the process.
    if (message === CLOSE) process.exit();
    const { id, request } = message;
    const result = handle(request);
    if (id === undefined) {
      result.catch((error: unknown) => {
        throw error;
      });
      return;
    }
    result.then(
      ({ value, transfer }) => port.postMessage({ id, value } satisfies WorkerAnswer, transfer ?? []),
      (error: unknown) => port.postMessage({ id, error: toPlainError(error) } satisfies WorkerAnswer),
    );
  });
}
