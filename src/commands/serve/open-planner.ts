import type { Logger } from 'pino';
import type { Clock } from '../../application/ports/clock.ts';
import type { Planner } from '../../application/ports/planner.ts';
import type { Telemetry } from '../../application/ports/telemetry.ts';
import type { Config } from '../../config/schema.ts';
import { ThreadPlanner } from '../../planner/thread-planner.ts';

/** The planner in threads of its own, whose failures are told. */
export function openPlanner(
  { planner }: Pick<Config, 'planner'>,
  clock: Clock,
  telemetry: Telemetry,
  log: Logger,
): Planner {
  return new ThreadPlanner({
    clock,
    budget: { evaluations: planner.search_evaluations, timeMs: planner.search_seconds * 1000 },
    timeLimitMs: planner.time_limit_seconds * 1000,
    onFailure: (thread, cause, reason) => {
      telemetry.plannerFailed(cause);
      log.warn({ thread, cause, reason }, 'a planning thread failed: the last plan stays, and it is started anew');
    },
  });
}
