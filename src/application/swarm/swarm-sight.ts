import type { Member } from '../../domain/membership/member.ts';
import type { PlacedSpan } from '../../domain/model/placement.ts';
import { isSameSpan, type Span } from '../../domain/model/span.ts';
import type { Demand } from '../../domain/planning/demand-drift.ts';
import type { LiveLook } from '../../domain/planning/live-look.ts';
import { type SharedServerSpeeds, stepSeconds } from '../../domain/planning/service-times.ts';
import { type ChunkBounds, prefillChunkTokens } from '../../domain/scheduling/prefill-chunk.ts';
import type { PredictionTerms } from '../ports/planner.ts';
import { plannableServer, predictableSpeeds, type ServiceTimeTerms } from './member-state.ts';
import type { SwarmDependencies, SwarmOptions } from './swarm-parts.ts';

/** The swarm as it was when the planner was asked. */
export interface SwarmSight {
  readonly look: LiveLook;
  readonly prediction: PredictionTerms;
  /** Members that may take part, sorted by id. */
  readonly members: readonly Member[];
  readonly demand: Demand;
}

export interface SightInput {
  readonly model: SwarmDependencies['model'];
  readonly options: SwarmOptions;
  readonly serviceTimes: ServiceTimeTerms;
  /** All of them, sorted by id. */
  readonly members: readonly Member[];
  readonly demand: Demand;
  /** As measured, or the prior. */
  readonly secondsPerBlock: number;
  /** False: servers that host something keep it. */
  readonly mayMove: boolean;
}

/** What the planner is asked about the members as they are. */
export function seeSwarm(input: SightInput): SwarmSight {
  const { model, options, serviceTimes, demand } = input;
  const members = plannableMembers(input.members);
  const current = members.flatMap(toldSpan);
  const hosting = new Map<string, Span>(current.map((span) => [span.serverId, span]));
  const pinnedSpans = new Map<string, Span>();
  for (const { serverId, isPinned, hosted } of members) {
    const span = isPinned ? hosted : input.mayMove ? undefined : hosting.get(serverId);
    if (span !== undefined) pinnedSpans.set(serverId, span);
  }
  const { maxLoad, placementPolicy, objective, reservedSlots, horizonSeconds, minimumGain } = options;
  const look = {
    model,
    servers: members.map((member) => plannableServer(member, serviceTimes)),
    current,
    pinnedSpans,
    arrivalRatePerSecond: demand.arrivalRatePerSecond,
    maxLoad,
    placementPolicy,
    objective,
    reservedSlots,
    secondsPerBlock: input.secondsPerBlock,
    horizonSeconds,
    minimumGain,
  };
  return { look, prediction: predictionTerms(members, serviceTimes, options), members, demand };
}

/** What predictions for these servers are made from. */
export function predictionTerms(
  members: readonly (Pick<Member, 'serverId' | 'speeds' | 'pace'> & Partial<Pick<Member, 'measuredSlope'>>)[],
  terms: ServiceTimeTerms,
  { serviceModel, prefillChunk }: Pick<SwarmOptions, 'serviceModel' | 'prefillChunk'>,
): PredictionTerms {
  if (serviceModel === 'independent') return { serviceModel };
  const speeds = new Map(members.map((member) => [member.serverId, predictableSpeeds(member, terms)]));
  return {
    serviceModel,
    speeds,
    meanTokens: terms.workload,
    hiddenBytesPerToken: terms.hiddenBytesPerToken,
    prefillChunkTokens: usualPiece([...speeds.values()], terms, prefillChunk),
  };
}

/** About the pieces in which prompts travel while others generate tokens on the way: the slowest server decides. */
function usualPiece(
  speeds: readonly SharedServerSpeeds[],
  { workload }: ServiceTimeTerms,
  bounds: ChunkBounds,
): number {
  let prefillSeconds = 0;
  let tokenSeconds = 0;
  for (const server of speeds) {
    if (server.prefillSecondsPerTokenPerBlock <= prefillSeconds) continue;
    prefillSeconds = server.prefillSecondsPerTokenPerBlock;
    tokenSeconds = stepSeconds(server, 1, 1, false);
  }
  const hop = { prefillSeconds, tokenSeconds };
  return prefillChunkTokens({ tokens: workload.inputTokens, hops: [hop, hop], generating: 1 }, bounds);
}

/** Those that may get work. */
function plannableMembers(members: readonly Member[]): readonly Member[] {
  return members.filter((member) => member.exclusion === undefined && !member.isDraining);
}

/** Members of a sight that are as they were: still there, and told nothing else since. */
export function unchangedMembers(sight: SwarmSight, members: readonly Member[]): readonly Member[] {
  const now = new Map(plannableMembers(members).map((member) => [member.serverId, member]));
  return sight.members.flatMap((before) => {
    const member = now.get(before.serverId);
    if (member === undefined || member.incarnation !== before.incarnation) return [];
    const [told] = toldSpan(before);
    const [tells] = toldSpan(member);
    const isSame = told === undefined || tells === undefined ? told === tells : isSameSpan(told, tells);
    return isSame ? [member] : [];
  });
}

/** What a member was told to host, or hosts by itself. */
function toldSpan(member: Member): PlacedSpan[] {
  const span = member.assigned?.span ?? member.ready;
  if (span === undefined || span.blockCount === 0) return [];
  return [{ serverId: member.serverId, firstBlock: span.firstBlock, blockCount: span.blockCount }];
}
