import type { Member } from '../../domain/membership/member.ts';
import type { PlacedSpan, Placement } from '../../domain/model/placement.ts';
import type { FeasiblePlan, PlanningResult } from '../../domain/model/plan.ts';
import type { Span } from '../../domain/model/span.ts';
import { makePlan } from '../../domain/planning/make-plan.ts';
import { decideReplan } from '../../domain/planning/replan-decision.ts';
import { makeRoomiestPlan } from '../../domain/planning/roomiest-plan.ts';
import { plannableServer, type ServiceTimeTerms } from './member-state.ts';
import type { PlanDecision, SwarmDependencies, SwarmOptions } from './swarm-parts.ts';

export interface PlanningRound {
  /** What the planner says; infeasible: nothing is changed. */
  readonly result: PlanningResult;
  readonly decision: Omit<PlanDecision, 'atMs' | 'cause'> | undefined;
  /** Spans to order, in waves; empty when nothing changes. */
  readonly moves: readonly PlacedSpan[];
}

export interface PlanningInput {
  readonly model: SwarmDependencies['model'];
  readonly options: SwarmOptions;
  readonly serviceTimes: ServiceTimeTerms;
  /** Members that may take part, sorted by id. */
  readonly eligible: readonly Member[];
  readonly arrivalRatePerSecond: number;
  /** As measured, or the prior. */
  readonly secondsPerBlock: number;
  /** False: servers that host something keep it. */
  readonly mayMove: boolean;
}

/**
 * One look at the members as they are: the planner's choice, whether it is worth the moves, and the
 * plan that is then in force, with its own chains and bounds.
 */
export function planMembers(input: PlanningInput): PlanningRound {
  const { model, options, eligible, arrivalRatePerSecond } = input;
  const servers = eligible.map((member) => plannableServer(member, input.serviceTimes));
  const current = eligible.flatMap(toldSpan);
  const hosting = new Map<string, Span>(current.map((span) => [span.serverId, span]));
  const pinned = new Map<string, Span>();
  for (const { serverId, isPinned, hosted } of eligible) {
    const span = isPinned ? hosted : input.mayMove ? undefined : hosting.get(serverId);
    if (span !== undefined) pinned.set(serverId, span);
  }
  const snapshot = {
    model,
    servers,
    arrivalRatePerSecond,
    maxLoad: options.maxLoad,
    placementPolicy: options.placementPolicy,
    objective: options.objective,
    reservedSlots: options.reservedSlots,
    pinnedSpans: pinned,
  };
  const wanted = makeRoomiestPlan(snapshot);
  if (wanted.kind === 'infeasible') return { result: wanted, decision: undefined, moves: [] };
  const decision = decideReplan({
    model,
    servers,
    arrivalRatePerSecond,
    current,
    wanted: wanted.placement,
    reservedSlots: wanted.reservedSlots,
    pinned: new Set(pinned.keys()),
    secondsPerBlock: input.secondsPerBlock,
    horizonSeconds: options.horizonSeconds,
    minimumGain: options.minimumGain,
  });
  if (decision.kind === 'keep') {
    const { reason } = decision;
    return {
      result: describe(wanted, current),
      decision: { kind: 'keep', reason, gainSeconds: undefined, costSeconds: undefined },
      moves: [],
    };
  }
  const { reason, gainSeconds, costSeconds, placement, moves } = decision;
  return {
    result: describe(wanted, placement),
    decision: {
      kind: 'change',
      reason,
      gainSeconds: Number.isFinite(gainSeconds) ? gainSeconds : undefined,
      costSeconds,
    },
    moves,
  };

  /** The plan that a placement makes: the wanted one's own, or its figures computed for the other placement. */
  function describe(plan: FeasiblePlan, placement: Placement): PlanningResult {
    if (placement === plan.placement || placement.length === 0) return plan;
    const hosting = new Map(placement.map((span) => [span.serverId, span]));
    const described = makePlan({
      ...snapshot,
      servers: servers.filter((server) => hosting.has(server.id)),
      reservedSlots: 1,
      placementPolicy: 'gbp-cr-fill',
      pinnedSpans: hosting,
    });
    if (described.kind === 'infeasible') return described;
    return {
      ...described,
      placementPolicy: plan.placementPolicy,
      objective: plan.objective,
      reservedSlots: plan.reservedSlots,
    };
  }
}

/** What a member was told to host, or hosts by itself. */
export function toldSpan(member: Member): PlacedSpan[] {
  const span = member.assigned?.span ?? member.ready;
  if (span === undefined || span.blockCount === 0) return [];
  return [{ serverId: member.serverId, firstBlock: span.firstBlock, blockCount: span.blockCount }];
}
