/** A thread that computes plans, which would hold up the event loop. Started by `planning-thread.ts`. */
import { setPriority } from 'node:os';
import { serveWorker, type WorkerResult } from '../language-model/runtime/worker-server.ts';
import { answerPlanning } from './answer-planning.ts';
import type { PlanningRequest } from './planning-messages.ts';

/** Steps of niceness: a third of the processor that a thread of normal priority gets where both want it. */
const BACKGROUND_NICENESS = 5;

serveWorker<PlanningRequest>(async (request): Promise<WorkerResult> => {
  if (request.kind === 'start') {
    // On Linux a priority belongs to a thread; elsewhere it would be that of the whole process.
    if (request.isBackground && process.platform === 'linux') setPriority(BACKGROUND_NICENESS);
    return { value: undefined };
  }
  return { value: answerPlanning(request, () => performance.now()) };
});
