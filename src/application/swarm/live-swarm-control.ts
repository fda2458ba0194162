import type { Member } from '../../domain/membership/member.ts';
import type { Membership } from '../../domain/membership/membership.ts';
import type { PlanningResult } from '../../domain/model/plan.ts';
import type { Span } from '../../domain/model/span.ts';
import { DispatcherError } from '../../domain/shared/errors.ts';
import type { Planner } from '../ports/planner.ts';
import type { HypotheticalServer, PlanOutlook, SwarmChange, SwarmControl } from '../ports/swarm-control.ts';
import { plannableServer } from './member-state.ts';
import type { Swarm } from './swarm.ts';
import type { SwarmOptions } from './swarm-parts.ts';
import { predictionTerms } from './swarm-sight.ts';

export interface LiveSwarmControlDependencies {
  readonly swarm: Pick<Swarm, 'askForPlan' | 'drain' | 'arrivalRatePerSecond' | 'serviceTimes' | 'plannedModel'>;
  readonly membership: Pick<Membership, 'members'>;
  readonly planner: Pick<Planner, 'ask'>;
  readonly planning: Pick<
    SwarmOptions,
    'placementPolicy' | 'objective' | 'reservedSlots' | 'maxLoad' | 'serviceModel' | 'prefillChunk'
  >;
}

type PlannedServer = Pick<Member, 'serverId' | 'memoryBytes' | 'speeds' | 'pace' | 'isPinned' | 'hosted'>;

/** A server on this link adds no round trip worth counting, unless the question says more. */
const DEFAULT_RTT_SECONDS = 0.0005;

/** What operators may do to the live swarm, and ask of it. */
export class LiveSwarmControl implements SwarmControl {
  readonly #deps: LiveSwarmControlDependencies;

  constructor(deps: LiveSwarmControlDependencies) {
    this.#deps = deps;
  }

  replan(): void {
    this.#deps.swarm.askForPlan();
  }

  drainServer(serverId: string): boolean {
    return this.#deps.swarm.drain(serverId);
  }

  /** Plans over a copy of the members: neither they nor the live plan change. */
  async whatIf(change: SwarmChange): Promise<PlanOutlook> {
    const { membership, swarm, planning, planner } = this.#deps;
    const servers = changedServers(membership.members(), change);
    const arrivalRatePerSecond = change.arrivalRatePerSecond ?? swarm.arrivalRatePerSecond();
    const serviceTimes = swarm.serviceTimes();
    const pinned = servers.filter((server) => server.isPinned && server.hosted !== undefined);
    const result = await planner.ask({
      snapshot: {
        model: swarm.plannedModel(),
        servers: servers.map((server) => plannableServer(server, serviceTimes)),
        arrivalRatePerSecond,
        maxLoad: planning.maxLoad,
        placementPolicy: planning.placementPolicy,
        objective: planning.objective,
        reservedSlots: planning.reservedSlots,
        pinnedSpans: new Map(pinned.map((server) => [server.serverId, server.hosted as Span])),
      },
      prediction: predictionTerms(servers, serviceTimes, planning),
    });
    return outlookOf(result, planning.placementPolicy, arrivalRatePerSecond);
  }
}

/** The servers that would be planned for, by id: those of now that may get work, as the change would have them. */
function changedServers(members: readonly Member[], change: SwarmChange): readonly PlannedServer[] {
  const registered = new Set(members.map((member) => member.serverId));
  const removed = new Set(change.removedServerIds);
  change.removedServerIds.forEach((serverId, index) => {
    if (!registered.has(serverId)) throw invalid(`remove_servers[${index}]`, `no server '${serverId}' is registered`);
  });
  const servers = new Map<string, PlannedServer>();
  for (const member of members) {
    if (removed.has(member.serverId) || member.exclusion !== undefined || member.isDraining) continue;
    servers.set(member.serverId, member);
  }
  change.addedServers.forEach((added, index) => {
    const isTaken = servers.has(added.serverId) || (registered.has(added.serverId) && !removed.has(added.serverId));
    if (isTaken)
      throw invalid(
        `add_servers[${index}].server_id`,
        `'${added.serverId}' is there already: choose another id, or remove it in the same question`,
      );
    servers.set(added.serverId, toPlannedServer(added));
  });
  return [...servers.values()].sort((a, b) => (a.serverId < b.serverId ? -1 : 1));
}

function toPlannedServer(added: HypotheticalServer): PlannedServer {
  return {
    serverId: added.serverId,
    memoryBytes: added.memoryBytes,
    speeds: {
      overheadSecondsPerBlock: added.overheadSecondsPerBlock,
      prefillSecondsPerTokenPerBlock: added.prefillSecondsPerTokenPerBlock,
      decodeSecondsPerTokenPerBlock: added.decodeSecondsPerTokenPerBlock,
      rttSeconds: added.rttSeconds ?? DEFAULT_RTT_SECONDS,
      bandwidthBytesPerSecond: undefined,
      concurrencySlope: 1,
    },
    pace: 1,
    isPinned: false,
    hosted: undefined,
  };
}

function outlookOf(result: PlanningResult, placementPolicy: string, arrivalRatePerSecond: number): PlanOutlook {
  if (result.kind === 'infeasible') {
    return {
      isFeasible: false,
      reason: result.reason,
      placementPolicy,
      reservedSlots: undefined,
      placement: [],
      chains: [],
      totalSlots: 0,
      serviceRatePerSecond: 0,
      arrivalRatePerSecond,
      responseSeconds: undefined,
    };
  }
  return {
    isFeasible: true,
    reason: result.reason,
    placementPolicy: result.placementPolicy,
    reservedSlots: result.reservedSlots,
    placement: result.placement,
    chains: result.chains,
    totalSlots: result.totalSlots,
    serviceRatePerSecond: result.serviceRatePerSecond,
    arrivalRatePerSecond,
    responseSeconds: result.responseSeconds,
  };
}

function invalid(param: string, problem: string): DispatcherError {
  return new DispatcherError('DSP_INVALID_ARGUMENT', `${param}: ${problem}`, { param });
}
