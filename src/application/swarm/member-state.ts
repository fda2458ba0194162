import type { HeartbeatReport, Member } from '../../domain/membership/member.ts';
import type { Server } from '../../domain/model/server.ts';
import {
  communicationSeconds,
  computationSecondsPerBlock,
  oneWaySeconds,
  type SharedServerSpeeds,
  stepSeconds,
  type TokenWorkload,
} from '../../domain/planning/service-times.ts';
import { type DispatcherError, isServerFault } from '../../domain/shared/errors.ts';

/** What turns a member's speeds into the mean service times that the planner reckons with. */
export interface ServiceTimeTerms {
  readonly workload: TokenWorkload;
  /** Fixed cost of one message to a server beside its round trip, seconds. */
  readonly overheadSeconds: number;
  /** Bytes of one token's hidden state on the wire. */
  readonly hiddenBytesPerToken: number;
  /** Jobs at once that a chain may start, over those that still raise its throughput; undefined: what its cache holds. */
  readonly maxComputeLoad?: number | undefined;
}

/** A member, or what one would be, as the planner sees it. */
export function plannableServer(
  member: Pick<Member, 'serverId' | 'memoryBytes' | 'speeds'> & Partial<Pick<Member, 'pace'>>,
  terms: ServiceTimeTerms,
): Server {
  const speeds = { ...member.speeds, overheadSeconds: terms.overheadSeconds };
  const pace = member.pace ?? 1;
  return {
    id: member.serverId,
    memoryBytes: member.memoryBytes,
    communicationSeconds: pace * communicationSeconds(speeds, terms.workload, terms.hiddenBytesPerToken),
    computationSecondsPerBlock: pace * computationSecondsPerBlock(speeds, terms.workload),
  };
}

/** Its speeds as they are measured, for predictions. */
export function predictableSpeeds(
  { speeds, pace, measuredSlope }: Pick<Member, 'speeds' | 'pace'> & Partial<Pick<Member, 'measuredSlope'>>,
  { overheadSeconds }: Pick<ServiceTimeTerms, 'overheadSeconds'>,
): SharedServerSpeeds {
  const { bandwidthBytesPerSecond } = speeds;
  return {
    rttSeconds: pace * speeds.rttSeconds,
    overheadSeconds: pace * overheadSeconds,
    overheadSecondsPerBlock: pace * speeds.overheadSecondsPerBlock,
    prefillSecondsPerTokenPerBlock: pace * speeds.prefillSecondsPerTokenPerBlock,
    decodeSecondsPerTokenPerBlock: pace * speeds.decodeSecondsPerTokenPerBlock,
    bandwidthBytesPerSecond: bandwidthBytesPerSecond && bandwidthBytesPerSecond / pace,
    concurrencySlope: measuredSlope ?? speeds.concurrencySlope,
  };
}

/** Seconds that a generated token spends at a member that does nothing else, by what it declares of itself. */
export function expectedDecodeSeconds(member: Pick<Member, 'speeds'>, terms: ServiceTimeTerms, blocks: number): number {
  const speeds = { ...member.speeds, overheadSeconds: terms.overheadSeconds };
  const travel = 2 * oneWaySeconds(speeds, 1, terms.hiddenBytesPerToken);
  return travel + stepSeconds(speeds, blocks, 1, false);
}

/** Why a member does not serve, in words for operators; undefined when it does. */
export function whyNotServing(member: Member): string | undefined {
  const { serverId, assigned, exclusion } = member;
  if (exclusion !== undefined) return `${serverId} is excluded: ${exclusion.reason}`;
  if (member.isDraining) return `${serverId} is draining: it gets no new work`;
  if (member.ready !== undefined) return undefined;
  if (assigned === undefined) return `${serverId} waits for a plan`;
  if (assigned.span.blockCount === 0) return `${serverId} has no part in the plan`;
  const { firstBlock, blockCount } = assigned.span;
  return `${serverId} loads blocks ${firstBlock}..${firstBlock + blockCount - 1}`;
}

/** Why nothing serves, in words for operators; at least one reason. */
export function explainUnready(
  members: readonly Member[],
  planProblem: string | undefined,
  isPlanPending: boolean,
): readonly string[] {
  if (members.length === 0) return ['no server has joined yet'];
  const waiting = members.map((member) => whyNotServing(member)).filter((reason) => reason !== undefined);
  const reasons = [...(planProblem === undefined ? [] : [planProblem]), ...waiting];
  return isPlanPending || reasons.length === 0 ? [...reasons, 'a plan is being made'] : reasons;
}

/**
 * Whether a failure tells of the server's fault. A refusal of blocks right after an order to move is
 * none: the request was faster than the order.
 */
export function isMembersFault(error: DispatcherError, member: Member, nowMs: number, settleMs: number): boolean {
  if (error.code === 'DSP_SPAN_NOT_HOSTED') return nowMs - (member.assigned?.assignedMs ?? 0) > settleMs;
  return isServerFault(error);
}

/** Whether a heartbeat says anything of the cache: a server that runs nothing and has none free does not count it. */
export function tellsOfCache(report: Pick<HeartbeatReport, 'cacheBytesFree' | 'sessions'>): boolean {
  return report.cacheBytesFree > 0 || report.sessions !== 0;
}
