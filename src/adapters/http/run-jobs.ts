import type {
  AdmittedJob,
  Generation,
  GenerationEvent,
  GenerationRequest,
  InferenceService,
} from '../../application/ports/inference.ts';
import { DispatcherError } from '../../domain/shared/errors.ts';
import type { ClientPresence } from './client-presence.ts';

/** Who takes the events of a request's jobs. */
export interface JobVisitor {
  /** The job got its chain; before its first event. */
  onAssigned(index: number, generation: Generation): void;
  /** The next event is asked for when the promise (where one is returned) resolves. */
  onEvent(index: number, event: GenerationEvent): Promise<void> | undefined;
}

/**
 * Runs all jobs of one request side by side until every one has ended. The first failure, and a
 * client that leaves, stop all of them at once.
 * @throws DispatcherError the first failure
 */
export async function runJobs(
  service: InferenceService,
  jobs: readonly GenerationRequest[],
  presence: ClientPresence,
  visitor: JobVisitor,
): Promise<void> {
  try {
    const admitted = await admit(service, jobs, presence.signal);
    await Promise.all(admitted.map((job, index) => runJob(job, index, presence.signal, visitor)));
  } catch (thrown) {
    // The other jobs of the request would generate for nobody.
    presence.stop(new DispatcherError('DSP_CANCELLED', 'Another part of the same request failed.'));
    throw thrown;
  }
}

async function admit(
  service: InferenceService,
  jobs: readonly GenerationRequest[],
  signal: AbortSignal,
): Promise<readonly AdmittedJob[]> {
  const [first, second] = jobs;
  if (first !== undefined && second === undefined) {
    const generation = service.generate(first, signal);
    return [{ assigned: () => generation }];
  }
  if (service.generateTogether === undefined) {
    throw new DispatcherError('DSP_UNSUPPORTED', 'This dispatcher gives one answer per request.', { param: 'n' });
  }
  return service.generateTogether(jobs, signal);
}

async function runJob(job: AdmittedJob, index: number, signal: AbortSignal, visitor: JobVisitor): Promise<void> {
  const generation = await job.assigned();
  const events = generation.events;
  // Frees the slot at once, also while the next token is being computed or the client's socket is full.
  const release = (): void => {
    events.return?.()?.catch(() => undefined);
  };
  if (signal.aborted) release();
  else signal.addEventListener('abort', release, { once: true });
  let hasEnded = false;
  try {
    visitor.onAssigned(index, generation);
    for (let step = await events.next(); !step.done; step = await events.next()) {
      hasEnded ||= step.value.kind === 'end';
      const pause = visitor.onEvent(index, step.value);
      if (pause !== undefined) await pause;
    }
  } catch (thrown) {
    release();
    throw thrown;
  } finally {
    signal.removeEventListener('abort', release);
  }
  if (signal.aborted) throw signal.reason;
  if (!hasEnded) throw new DispatcherError('DSP_INTERNAL', 'The generation ended without saying why.');
}
