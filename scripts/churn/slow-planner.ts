import type { Clock } from '../../src/application/ports/clock.ts';
import type { Planner } from '../../src/application/ports/planner.ts';
import { InlinePlanner } from '../../src/planner/inline-planner.ts';

/** About what they take in a thread for 50 servers. */
const LOOK_MS = 100;
const SEARCH_MS = 3_000;

/** The product's planner in simulated time: what it answers has taken a while, and the swarm may have changed meanwhile. */
export function createSlowPlanner(clock: Clock, evaluations: number): Planner {
  const planner = new InlinePlanner(evaluations);
  return {
    look: (look, answer) => {
      clock.setTimer(LOOK_MS, () => planner.look(look, answer));
    },
    search: (question, answer) => {
      clock.setTimer(SEARCH_MS, () => planner.search(question, answer));
    },
    ask: (question) => planner.ask(question),
    close: () => planner.close(),
  };
}
