import type { IndexedPlacement, IndexedSwarm } from '../indexed-swarm.ts';
import { JobLedger } from './job-ledger.ts';

/** A path through placed servers: hop h runs `blockCounts[h]` blocks at `servers[h]`. */
export interface Route {
  readonly servers: readonly number[];
  readonly blockCounts: readonly number[];
}

/** What a baseline router does with one job. */
export interface RoutedJob {
  readonly route: Route;
  readonly waitSeconds: number;
  /** T of the route for a job of mean size. */
  readonly serviceSeconds: number;
}

/** A router that picks a path for each job when it arrives and sends it off at once: no central queue. */
export interface BaselineRouter {
  /**
   * @param size the job's size, mean 1   @param extraSeconds spent outside the servers, part of the job's end
   * @returns undefined when no path has servers with enough slots even when they are empty
   */
  route(nowSeconds: number, size: number, extraSeconds: number): RoutedJob | undefined;
}

interface RoutedSwarm {
  readonly swarm: IndexedSwarm;
  readonly placement: IndexedPlacement;
  /** n_j. */
  readonly slots: ArrayLike<number>;
}

/**
 * WS-RR, waiting-penalised shortest-path routing: the routing of BPRR. A server without enough slots
 * that seem free costs a guess of its waiting time, which is also part of when its release is expected.
 */
export function createWsRrRouter(routed: RoutedSwarm): BaselineRouter {
  const { swarm, placement, slots } = routed;
  const ledger = new JobLedger(slots);
  const waitAt = (server: number, blocks: number, now: number): number => {
    if (ledger.believedFreeSlots(server, now) >= blocks) return 0;
    const held = placement.blockCount[server] ?? 0;
    return serviceSecondsAt(swarm, server, held) / Math.max(1, ledger.believedJobs(server, now));
  };
  return {
    route: (now, size, extraSeconds) => {
      const route = shortestRoute(
        routed,
        (_, server, blocks) => waitAt(server, blocks, now) + serviceSecondsAt(swarm, server, blocks),
        () => 0,
      );
      if (route === undefined) return undefined;
      let waitSeconds = 0;
      forEachHop(route, (server, blocks) => {
        const truth = ledger.secondsUntilFree(server, blocks, now, 'actual');
        waitSeconds = Math.max(waitSeconds, waitAt(server, blocks, now), truth);
      });
      const serviceSeconds = routeSeconds(swarm, route);
      forEachHop(route, (server, blocks) => {
        ledger.hold(server, {
          slots: blocks,
          believedEndSeconds: now + serviceSeconds + extraSeconds + waitSeconds,
          endSeconds: now + extraSeconds + size * serviceSeconds + waitSeconds,
        });
      });
      return { route, waitSeconds, serviceSeconds };
    },
  };
}

export interface PetalsRoutingInput extends RoutedSwarm {
  /** RTT between orchestrator and server j, seconds. */
  readonly rttSeconds: ArrayLike<number>;
  /** RTT between servers i and j, seconds. */
  readonly serverRttSeconds: readonly ArrayLike<number>[];
  readonly outputTokens: number;
  /** Sessions that the fixed cache of a server has room for. */
  readonly sessionsPerServer: number;
}

/** What one exchange costs beside the network and the blocks, seconds. */
const HOP_OVERHEAD_SECONDS = 0.018;
/** A server that seems full is avoided at this price, seconds. */
const FULL_SERVER_SECONDS = 10;

/**
 * Routing as PETALS clients do it: the shortest path for one token, servers passing hidden states on
 * directly, with a fixed penalty for servers whose cache seems full. What a job waits is no part of
 * when its release is expected.
 */
export function createPetalsRouter(input: PetalsRoutingInput): BaselineRouter {
  const { swarm, slots, rttSeconds, serverRttSeconds, outputTokens, sessionsPerServer } = input;
  const ledger = new JobLedger(slots);
  return {
    route: (now, size, extraSeconds) => {
      const route = shortestRoute(
        input,
        (from, server, blocks) => {
          const rtt = from < 0 ? (rttSeconds[server] ?? 0) : (serverRttSeconds[from]?.[server] ?? 0);
          const computation = ((swarm.computationSeconds[server] ?? 0) * blocks) / outputTokens;
          const penalty = ledger.believedJobs(server, now) >= sessionsPerServer ? FULL_SERVER_SECONDS : 0;
          return rtt / 2 + HOP_OVERHEAD_SECONDS + computation + penalty;
        },
        (last) => (rttSeconds[last] ?? 0) / 2,
      );
      if (route === undefined) return undefined;
      let waitSeconds = 0;
      forEachHop(route, (server, blocks) => {
        for (const clock of ['believed', 'actual'] as const) {
          waitSeconds = Math.max(waitSeconds, ledger.secondsUntilFree(server, blocks, now, clock));
        }
      });
      const serviceSeconds = routeSeconds(swarm, route);
      forEachHop(route, (server, blocks) => {
        ledger.hold(server, {
          slots: blocks,
          believedEndSeconds: now + serviceSeconds + extraSeconds,
          endSeconds: now + extraSeconds + size * serviceSeconds + waitSeconds,
        });
      });
      return { route, waitSeconds, serviceSeconds };
    },
  };
}

/**
 * Shortest path over servers: each hop's cost may depend on the server before (-1: the orchestrator).
 * Ends grow along a path, so one pass over the servers by their ends does.   O(J^2)
 */
function shortestRoute(
  { swarm, placement, slots }: RoutedSwarm,
  hopSeconds: (from: number, server: number, blocks: number) => number,
  lastSeconds: (server: number) => number,
): Route | undefined {
  const servers = swarm.serverIds.map((_, j) => j).filter((j) => (placement.blockCount[j] ?? 0) > 0);
  const endOf = (j: number): number => (placement.firstBlock[j] ?? 0) + (placement.blockCount[j] ?? 0);
  servers.sort((a, b) => endOf(a) - endOf(b));
  const distance = new Float64Array(swarm.serverIds.length).fill(Number.POSITIVE_INFINITY);
  const previous = new Int32Array(swarm.serverIds.length).fill(-1);
  for (const j of servers) {
    const consider = (from: number, position: number, before: number): void => {
      const blocks = endOf(j) - position;
      const isReachable = (placement.firstBlock[j] ?? 0) <= position && blocks > 0 && (slots[j] ?? 0) >= blocks;
      if (!isReachable || before === Number.POSITIVE_INFINITY) return;
      const length = before + hopSeconds(from, j, blocks);
      if (length < (distance[j] ?? 0)) {
        distance[j] = length;
        previous[j] = from;
      }
    };
    consider(-1, 0, 0);
    for (const i of servers) {
      if (endOf(i) >= endOf(j)) break;
      consider(i, endOf(i), distance[i] ?? Number.POSITIVE_INFINITY);
    }
  }
  let last = -1;
  let best = Number.POSITIVE_INFINITY;
  for (const j of servers) {
    if (endOf(j) !== swarm.blockCount) continue;
    const length = (distance[j] ?? 0) + lastSeconds(j);
    if (length < best) {
      best = length;
      last = j;
    }
  }
  if (last < 0) return undefined;
  const path: number[] = [];
  const blockCounts: number[] = [];
  for (let j = last; j >= 0; j = previous[j] ?? -1) {
    const from = previous[j] ?? -1;
    path.push(j);
    blockCounts.push(endOf(j) - (from < 0 ? 0 : endOf(from)));
  }
  return { servers: path.reverse(), blockCounts: blockCounts.reverse() };
}

function routeSeconds(swarm: IndexedSwarm, route: Route): number {
  let seconds = 0;
  forEachHop(route, (server, blocks) => {
    seconds += serviceSecondsAt(swarm, server, blocks);
  });
  return seconds;
}

function serviceSecondsAt(swarm: IndexedSwarm, server: number, blocks: number): number {
  return (swarm.communicationSeconds[server] ?? 0) + (swarm.computationSeconds[server] ?? 0) * blocks;
}

function forEachHop(route: Route, visit: (server: number, blocks: number) => void): void {
  route.servers.forEach((server, h) => {
    visit(server, route.blockCounts[h] ?? 0);
  });
}
