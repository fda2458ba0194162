import { type Member, phaseOf } from '../../domain/membership/member.ts';
import type { Membership } from '../../domain/membership/membership.ts';
import type { Scheduler } from '../../domain/scheduling/scheduler.ts';
import type { Clock } from '../ports/clock.ts';
import type { ChainView, PlanView, QueueView, ServerView, SwarmView } from '../ports/swarm-view.ts';
import type { ServerState, TelemetryState } from '../ports/telemetry.ts';
import type { ContributionLedger } from './contribution-ledger.ts';
import { whyNotServing } from './member-state.ts';
import type { Swarm } from './swarm.ts';

export interface LiveSwarmViewDependencies {
  readonly swarm: Swarm;
  readonly membership: Membership;
  readonly scheduler: Scheduler;
  readonly clock: Clock;
  readonly contributions: ContributionLedger;
  readonly modelId: string;
  readonly blockCount: number;
  readonly placementPolicy: string;
  /** Prompt plus output of the longest request. */
  readonly sessionTokens: number;
}

/** Reads the live state for operators (`/admin/v1`, `status`) and for the gauges. Changes nothing. */
export class LiveSwarmView implements SwarmView {
  readonly #deps: LiveSwarmViewDependencies;

  constructor(deps: LiveSwarmViewDependencies) {
    this.#deps = deps;
  }

  servers(): readonly ServerView[] {
    const nowMs = this.#deps.clock.nowMs();
    return this.#deps.membership.members().map((member) => ({
      serverId: member.serverId,
      state: phaseOf(member),
      reason: whyNotServing(member),
      address: member.address,
      protocol: member.protocol,
      memoryBytes: member.memoryBytes,
      hosted: member.ready,
      planned: member.assigned?.span,
      isPinned: member.isPinned,
      cacheBytesFree: member.cacheBytesFree,
      sessions: member.sessions,
      rttSeconds: member.speeds.rttSeconds,
      overheadSecondsPerBlock: member.speeds.overheadSecondsPerBlock,
      prefillSecondsPerTokenPerBlock: member.speeds.prefillSecondsPerTokenPerBlock,
      decodeSecondsPerTokenPerBlock: member.speeds.decodeSecondsPerTokenPerBlock,
      pace: member.pace,
      concurrencySlope: member.measuredSlope ?? member.speeds.concurrencySlope,
      heartbeatAgeSeconds: (nowMs - member.lastSeenMs) / 1000,
      dtype: member.dtype,
      labels: Object.fromEntries(member.labels),
      contribution: this.#deps.contributions.of(member.serverId, nowMs),
    }));
  }

  plan(): PlanView {
    const { swarm, clock, modelId, blockCount, placementPolicy } = this.#deps;
    const { epoch, madeMs, result, inForce, decision, source, search } = swarm.plan;
    const { arrivalRatePerSecond, workload, isWorkloadMeasured } = swarm.demand();
    const nowMs = clock.nowMs();
    return {
      modelId,
      blockCount,
      epoch,
      ageSeconds: madeMs === undefined ? undefined : (nowMs - madeMs) / 1000,
      placementPolicy,
      objective: inForce?.objective,
      reservedSlots: inForce?.reservedSlots,
      slotTokens: this.#slotTokens(),
      placement: inForce?.placement ?? [],
      totalSlots: inForce?.totalSlots ?? 0,
      serviceRatePerSecond: inForce?.serviceRatePerSecond ?? 0,
      arrivalRatePerSecond,
      responseSeconds: inForce?.responseSeconds,
      blockCoverageMin: this.#blockCoverageMin(),
      reason: result?.reason,
      decision: decision && { ...decision, ageSeconds: (nowMs - decision.atMs) / 1000 },
      source,
      search: search && { ...search, ageSeconds: (nowMs - search.atMs) / 1000 },
      pendingMoves: swarm.pendingMoves,
      workload: { ...workload, isMeasured: isWorkloadMeasured },
    };
  }

  chains(): readonly ChainView[] {
    return this.#deps.scheduler.chains.map(({ chain, busy }) => ({
      chainId: chain.id,
      hops: chain.hops,
      slots: chain.slots,
      slotsInUse: busy,
      plannedServiceSeconds: chain.serviceSeconds,
      measuredServiceSeconds: this.#deps.swarm.measuredServiceSeconds(chain.id),
    }));
  }

  queue(): QueueView {
    const { scheduler, clock } = this.#deps;
    const oldestMs = scheduler.oldestArrivalMs();
    return {
      length: scheduler.queueLength,
      limit: scheduler.queueLimit,
      oldestWaitSeconds: oldestMs === undefined ? undefined : (clock.nowMs() - oldestMs) / 1000,
      running: scheduler.runningCount,
    };
  }

  /** Everything the gauges show, in one reading. */
  telemetryState(): TelemetryState {
    const { clock, contributions, swarm, scheduler, membership } = this.#deps;
    const slotTokens = this.#slotTokens();
    const members = membership.members();
    const { inForce, epoch } = swarm.plan;
    return {
      chains: scheduler.chains.map(({ chain, busy, tokens }) => ({
        id: chain.id,
        slots: chain.slots,
        slotsInUse: busy,
        plannedServiceSeconds: chain.serviceSeconds,
        measuredServiceSeconds: swarm.measuredServiceSeconds(chain.id),
        cacheTokens: chain.slots * slotTokens,
        cacheTokensInUse: scheduler.cache === 'tokens' ? tokens : busy * slotTokens,
      })),
      runningRequests: scheduler.runningCount,
      queueLength: scheduler.queueLength,
      servers: countByState(members),
      serverIds: members.map((member) => member.serverId),
      contributions: new Map(members.map(({ serverId }) => [serverId, contributions.of(serverId, clock.nowMs())])),
      blockCoverageMin: this.#blockCoverageMin(),
      planEpoch: epoch,
      planReservedSlots: inForce?.reservedSlots,
      planSlotTokens: slotTokens,
      planResponseSeconds: inForce?.responseSeconds,
      arrivalRatePerSecond: swarm.arrivalRatePerSecond(),
      planGainSeconds: swarm.plan.decision?.gainSeconds,
      pendingMoves: swarm.pendingMoves,
      workload: swarm.demand().workload,
      paces: members.map((member) => ({ serverId: member.serverId, pace: member.pace })),
      isLeader: true,
    };
  }

  /** Tokens for which one slot of the plan has room. */
  #slotTokens(): number {
    return this.#deps.swarm.plannedSlotTokens ?? this.#deps.sessionTokens;
  }

  /** Fewest serving servers that host any one block. */
  #blockCoverageMin(): number {
    const coverage = new Int32Array(this.#deps.blockCount);
    for (const member of this.#deps.membership.members()) {
      if (phaseOf(member) !== 'serving' || member.ready === undefined) continue;
      const end = member.ready.firstBlock + member.ready.blockCount;
      for (let block = member.ready.firstBlock; block < end; block += 1) coverage[block] = (coverage[block] ?? 0) + 1;
    }
    return Math.min(...coverage);
  }
}

function countByState(members: readonly Member[]): Record<ServerState, number> {
  const counts: Record<ServerState, number> = { joining: 0, loading: 0, serving: 0, draining: 0, excluded: 0 };
  for (const member of members) counts[phaseOf(member)] += 1;
  return counts;
}
