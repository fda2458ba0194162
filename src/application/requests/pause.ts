import { DispatcherError } from '../../domain/shared/errors.ts';
import type { Clock } from '../ports/clock.ts';

/** Waits. @throws DispatcherError DSP_CANCELLED as soon as `signal` aborts */
export function pause(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => {
      cancel();
      reject(new DispatcherError('DSP_CANCELLED', 'the request ended while it waited for a chain'));
    };
    const cancel = clock.setTimer(ms, () => {
      signal.removeEventListener('abort', onAbort);
      resolve();
    });
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
  });
}
