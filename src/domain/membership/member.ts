import type { Span } from '../model/span.ts';

/** Speeds of a server, seconds; what it declares of itself until something better is known. */
export interface DeclaredSpeeds {
  readonly overheadSecondsPerBlock: number;
  readonly prefillSecondsPerTokenPerBlock: number;
  readonly decodeSecondsPerTokenPerBlock: number;
  readonly rttSeconds: number;
  /** Undefined: not limited by what is known. */
  readonly bandwidthBytesPerSecond: number | undefined;
  /** beta: 1 = steps of sessions run one after another, 0 = batched for free. */
  readonly concurrencySlope: number;
}

/** A validated registration. */
export interface Registration {
  readonly serverId: string;
  readonly modelId: string;
  readonly address: string;
  readonly protocol: 'grpc' | 'petals';
  readonly memoryBytes: number;
  readonly speeds: DeclaredSpeeds;
  readonly hosted: Span | undefined;
  readonly isPinned: boolean;
  readonly labels: ReadonlyMap<string, string>;
  readonly dtype: string;
  readonly weightsDigest: string;
  /** What whoever opens a session there must show; secret. */
  readonly sessionToken?: string | undefined;
  /** PEM of the certificate that the server shows at its address; undefined: no TLS there. */
  readonly certificate?: string | undefined;
}

/**
 * joining: registered, no span given yet. loading: told a span, not ready. serving: hosts its span.
 * draining: takes no new work. excluded: left out of plans for a while, with a reason.
 */
export type ServerPhase = 'joining' | 'loading' | 'serving' | 'draining' | 'excluded';

/** Why a server is no longer a member. */
export type LossReason = 'stream_ended' | 'lease_expired' | 'left' | 'replaced';

export interface AssignedSpan {
  readonly epoch: number;
  readonly span: Span;
  readonly assignedMs: number;
}

export interface Exclusion {
  readonly reason: string;
  readonly untilMs: number;
  /** It holds for the server's next incarnations too. */
  readonly isSticky: boolean;
}

/** What a server says of itself from time to time. */
export interface HeartbeatReport {
  readonly cacheBytesFree: number;
  /** Undefined where the server does not tell how many it has. */
  readonly sessions: number | undefined;
  /** Where it turns out to be more than was declared: cache that others held at that time. */
  readonly memoryBytes?: number | undefined;
  readonly speeds: DeclaredSpeeds | undefined;
}

/** A registered server; a new incarnation with every Join. */
export interface Member extends Registration {
  readonly incarnation: number;
  readonly joinedMs: number;
  readonly speeds: DeclaredSpeeds;
  readonly lastSeenMs: number;
  /** What the current plan wants it to host. */
  readonly assigned: AssignedSpan | undefined;
  /** What it says it hosts and accepts sessions for. */
  readonly ready: Span | undefined;
  readonly exclusion: Exclusion | undefined;
  /** Exclusions so far. */
  readonly faults: number;
  readonly isDraining: boolean;
  /** Measured over declared times, > 0: 1 as declared, 2 twice as slow. What plans reckon with. */
  readonly pace: number;
  /** beta as measured, [0, 1]; undefined: what it declares holds. */
  readonly measuredSlope: number | undefined;
  readonly cacheBytesFree: number | undefined;
  readonly sessions: number;
}

export function phaseOf(member: Member): ServerPhase {
  if (member.exclusion !== undefined) return 'excluded';
  if (member.isDraining) return 'draining';
  if (member.ready !== undefined) return 'serving';
  return member.assigned === undefined || member.assigned.span.blockCount === 0 ? 'joining' : 'loading';
}

/** Whether it was told blocks that it does not serve yet. */
export function isLoading(member: Member): boolean {
  return member.exclusion === undefined && member.ready === undefined && (member.assigned?.span.blockCount ?? 0) > 0;
}
