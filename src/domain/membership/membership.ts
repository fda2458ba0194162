import { isSameSpan, type Span } from '../model/span.ts';
import { invariant } from '../shared/invariant.ts';
import { JoinHistory } from './join-history.ts';
import {
  type Exclusion,
  type HeartbeatReport,
  isLoading,
  type LossReason,
  type Member,
  type Registration,
} from './member.ts';
import type { MembershipEffect } from './membership-effects.ts';
import { hasChangedSpeed } from './speed-change.ts';

export interface MembershipOptions {
  /** A server that says nothing for this long is lost, ms > 0. */
  readonly leaseMs: number;
  /** A server that is told a span and is not ready after this long is excluded, ms > 0. */
  readonly loadTimeoutMs: number;
  /** How long a server that failed is left out of plans, ms > 0. */
  readonly exclusionMs: number;
  /** Servers at most, >= 1. */
  readonly limit: number;
  /** A relative change of a speed above this makes the plan stale, > 0. */
  readonly speedChangeThreshold: number;
  /** A server that joins more often than this within `flapWindowMs` is left out of plans for a while, >= 1. */
  readonly flapLimit: number;
  /** ms > 0 */
  readonly flapWindowMs: number;
}

const NOTHING: readonly MembershipEffect[] = [];

/** What outlives a server's stream. */
interface Remembered {
  readonly exclusion: Exclusion | undefined;
  readonly faults: number;
  readonly isDraining: boolean;
  readonly untilMs: number;
}

/** How long an operator's order to drain outlives the server's stream, in leases. */
const DRAIN_MEMORY_LEASES = 20;

/** Exclusions grow to 64 times the first at most. */
const MAX_DOUBLINGS = 6;

/**
 * Who is in the swarm: leases, incarnations, what each server was told to host and says it hosts.
 * Pure: time comes in, effects go out. A message from an older incarnation of a server changes nothing.
 */
export class Membership {
  readonly #options: MembershipOptions;
  readonly #members = new Map<string, Member>();
  /** Joining again is no way around an exclusion, or an order to drain. Bounded like the members. */
  readonly #remembered = new Map<string, Remembered>();
  readonly #history: JoinHistory;
  #lastIncarnation = 0;

  constructor(options: MembershipOptions) {
    this.#options = options;
    const { flapLimit, flapWindowMs, limit } = options;
    this.#history = new JoinHistory({ limit: flapLimit, windowMs: flapWindowMs, capacity: 2 * limit });
  }

  get isFull(): boolean {
    return this.#members.size >= this.#options.limit;
  }

  /** Members sorted by id: the order the planner breaks ties by. */
  members(): Member[] {
    return [...this.#members.values()].sort((a, b) => (a.serverId < b.serverId ? -1 : a.serverId > b.serverId ? 1 : 0));
  }

  get(serverId: string): Member | undefined {
    return this.#members.get(serverId);
  }

  /** Why a validated registration is not taken, naming the remedy; undefined when it is. */
  whyRefused(registration: Registration, nowMs: number): string | undefined {
    const { serverId, address } = registration;
    const live = this.#members.get(serverId);
    if (live === undefined) return this.isFull ? 'the swarm is full (limits.max_servers)' : undefined;
    const isOther = live.address !== address;
    if (!isOther || this.#history.patternWith(serverId, address, nowMs) !== 'contested') return undefined;
    return (
      `server_id: '${serverId}' is in use at ${live.address}, and the two replaced each other more than ` +
      `${this.#options.flapLimit} times: give each agent an id of its own (--server-id)`
    );
  }

  /** A validated registration that is not refused. A live member of the same id is replaced: its stream counts no more. */
  join(registration: Registration, nowMs: number): { incarnation: number; effects: readonly MembershipEffect[] } {
    const previous = this.#members.get(registration.serverId);
    invariant(previous !== undefined || !this.isFull, 'the caller refuses a join beyond the limit');
    const past = previous ?? this.#remembered.get(registration.serverId);
    this.#remembered.delete(registration.serverId);
    this.#lastIncarnation += 1;
    const incarnation = this.#lastIncarnation;
    const hosted = (registration.hosted?.blockCount ?? 0) > 0 ? registration.hosted : undefined;
    const member: Member = {
      ...registration,
      incarnation,
      joinedMs: nowMs,
      lastSeenMs: nowMs,
      assigned: undefined,
      ready: hosted,
      exclusion: stickyExclusion(past?.exclusion, nowMs),
      faults: past?.faults ?? 0,
      // A server that was restarted since holds nothing, and is as good as new.
      isDraining: past?.isDraining === true && hosted !== undefined,
      pace: 1,
      measuredSlope: undefined,
      cacheBytesFree: undefined,
      sessions: 0,
    };
    this.#members.set(registration.serverId, member);
    const effects: MembershipEffect[] = [];
    if (previous !== undefined) effects.push({ kind: 'lost', member: previous, reason: 'replaced' });
    effects.push(...this.#dampFlapping(member, nowMs));
    effects.push({ kind: 'plan-stale', reason: 'join' });
    if (hosted !== undefined || previous?.ready !== undefined) effects.push({ kind: 'readiness-changed' });
    return { incarnation, effects };
  }

  /** A server that comes and goes gets no work until it has stayed for a while: each of its visits would cost moves. */
  #dampFlapping(member: Member, nowMs: number): readonly MembershipEffect[] {
    const { serverId, address } = member;
    const pattern = this.#history.patternWith(serverId, address, nowMs);
    this.#history.noteJoin(serverId, address, nowMs);
    if (pattern === 'calm' || member.exclusion !== undefined) return NOTHING;
    const { flapLimit, flapWindowMs } = this.#options;
    const often = `it joined more than ${flapLimit} times within ${Math.round(flapWindowMs / 1000)} s`;
    const reason =
      pattern === 'contested' ? `${often} from addresses that take turns: two agents seem to use this id` : often;
    return this.exclude(serverId, reason, nowMs).filter((effect) => effect.kind === 'excluded');
  }

  /**
   * How fast a server is against what it declared, > 0, and how much its steps wait for each other, [0, 1],
   * as measured. Nothing comes of it until plans and chains are looked at again.
   */
  setMeasured(serverId: string, { pace, slope }: { readonly pace: number; readonly slope: number | undefined }): void {
    const member = this.#members.get(serverId);
    if (member !== undefined) this.#members.set(serverId, { ...member, pace, measuredSlope: slope });
  }

  heartbeat(
    serverId: string,
    incarnation: number,
    report: HeartbeatReport,
    nowMs: number,
  ): readonly MembershipEffect[] {
    const member = this.#current(serverId, incarnation);
    if (member === undefined) return NOTHING;
    const speeds = report.speeds ?? member.speeds;
    const isChanged = hasChangedSpeed(member.speeds, speeds, this.#options.speedChangeThreshold);
    const memoryBytes = Math.max(member.memoryBytes, report.memoryBytes ?? 0);
    this.#members.set(serverId, {
      ...member,
      // Small changes do not move the reference, else a slow drift would never be noticed.
      speeds: isChanged ? speeds : member.speeds,
      memoryBytes,
      cacheBytesFree: report.cacheBytesFree,
      sessions: report.sessions ?? 0,
      lastSeenMs: nowMs,
    });
    if (memoryBytes > member.memoryBytes)
      return [{ kind: 'plan-stale', reason: 'memory' }, { kind: 'readiness-changed' }];
    return isChanged ? [{ kind: 'plan-stale', reason: 'speed' }] : NOTHING;
  }

  /** The plan tells a member its span. What it hosted before counts no more unless it is the same. */
  assign(serverId: string, epoch: number, span: Span, nowMs: number): void {
    const member = this.#members.get(serverId);
    invariant(member !== undefined, 'the plan assigns spans to members only');
    const isKept = member.ready !== undefined && isSameSpan(member.ready, span);
    this.#members.set(serverId, {
      ...member,
      assigned: { epoch, span, assignedMs: nowMs },
      ready: isKept ? member.ready : undefined,
    });
  }

  /** The server could not begin to load before now. */
  postponeLoad(serverId: string, nowMs: number): void {
    const member = this.#members.get(serverId);
    if (member?.assigned === undefined || !isLoading(member)) return;
    this.#members.set(serverId, { ...member, assigned: { ...member.assigned, assignedMs: nowMs } });
  }

  /** The server accepts sessions for the span. Anything but the span last told is ignored. */
  spanReady(
    serverId: string,
    incarnation: number,
    epoch: number,
    span: Span,
    nowMs: number,
  ): readonly MembershipEffect[] {
    const member = this.#current(serverId, incarnation);
    if (member === undefined) return NOTHING;
    const assigned = member.assigned;
    const isExpected = assigned !== undefined && epoch <= assigned.epoch && isSameSpan(span, assigned.span);
    const isNews = isExpected && span.blockCount > 0 && member.ready === undefined;
    this.#members.set(serverId, { ...member, ready: isNews ? span : member.ready, lastSeenMs: nowMs });
    return isNews ? [{ kind: 'readiness-changed' }] : NOTHING;
  }

  /** The server could not load the span it was told. */
  spanFailed(
    serverId: string,
    incarnation: number,
    epoch: number,
    reason: string,
    nowMs: number,
  ): readonly MembershipEffect[] {
    const member = this.#current(serverId, incarnation);
    if (member === undefined || member.assigned === undefined || epoch !== member.assigned.epoch) return NOTHING;
    return this.exclude(serverId, `it could not load its span: ${reason}`, nowMs);
  }

  /**
   * Leaves a server out of plans and chains for a while, twice as long with each further fault.
   * @param isSticky false for a server that was merely lost: one that comes back has been restarted
   */
  exclude(serverId: string, reason: string, nowMs: number, isSticky = true): readonly MembershipEffect[] {
    const member = this.#members.get(serverId);
    if (member === undefined) return NOTHING;
    const faults = member.faults + 1;
    const durationMs = this.#options.exclusionMs * 2 ** Math.min(faults - 1, MAX_DOUBLINGS);
    const excluded: Member = { ...member, faults, exclusion: { reason, untilMs: nowMs + durationMs, isSticky } };
    this.#members.set(serverId, excluded);
    if (member.exclusion !== undefined) return NOTHING;
    return [
      { kind: 'excluded', member: excluded, reason },
      { kind: 'readiness-changed' },
      { kind: 'plan-stale', reason: 'excluded' },
    ];
  }

  /** No new work for a server that is about to go. */
  drain(serverId: string, incarnation: number): readonly MembershipEffect[] {
    const member = this.#current(serverId, incarnation);
    if (member === undefined || member.isDraining) return NOTHING;
    this.#members.set(serverId, { ...member, isDraining: true });
    return [{ kind: 'readiness-changed' }, { kind: 'plan-stale', reason: 'drain' }];
  }

  /** The server's stream ended. */
  remove(serverId: string, incarnation: number, reason: LossReason, nowMs: number): readonly MembershipEffect[] {
    const member = this.#current(serverId, incarnation);
    return member === undefined ? NOTHING : this.#lose(member, reason, nowMs);
  }

  /** Leases and load times that are over, exclusions that end. */
  advance(nowMs: number): readonly MembershipEffect[] {
    const effects: MembershipEffect[] = [];
    for (const [id, { untilMs }] of this.#remembered) if (nowMs >= untilMs) this.#remembered.delete(id);
    for (const member of this.members()) {
      if (nowMs >= member.lastSeenMs + this.#options.leaseMs) {
        effects.push(...this.#lose(member, 'lease_expired', nowMs));
      } else if (member.exclusion !== undefined && nowMs >= member.exclusion.untilMs) {
        // It starts afresh: it is told a span again and must report ready again.
        this.#members.set(member.serverId, { ...member, exclusion: undefined, assigned: undefined });
        effects.push({ kind: 'plan-stale', reason: 'readmitted' }, { kind: 'readiness-changed' });
      } else if (this.#isLateToLoad(member, nowMs)) {
        const seconds = Math.round(this.#options.loadTimeoutMs / 1000);
        effects.push(
          ...this.exclude(member.serverId, `it was not ready ${seconds} s after it was told its span`, nowMs),
        );
      }
    }
    return effects;
  }

  /** When `advance` has something to do next, or undefined. */
  nextDeadlineMs(): number | undefined {
    let next: number | undefined;
    for (const member of this.#members.values()) {
      const times = [member.lastSeenMs + this.#options.leaseMs];
      if (member.exclusion !== undefined) times.push(member.exclusion.untilMs);
      else if (isLoading(member)) times.push((member.assigned?.assignedMs ?? 0) + this.#options.loadTimeoutMs);
      for (const time of times) if (next === undefined || time < next) next = time;
    }
    return next;
  }

  #isLateToLoad(member: Member, nowMs: number): boolean {
    return (
      isLoading(member) &&
      member.assigned !== undefined &&
      nowMs >= member.assigned.assignedMs + this.#options.loadTimeoutMs
    );
  }

  #lose(member: Member, reason: LossReason, nowMs: number): readonly MembershipEffect[] {
    this.#members.delete(member.serverId);
    const exclusion = member.exclusion?.isSticky === true ? member.exclusion : undefined;
    const { faults, isDraining } = member;
    if ((exclusion !== undefined || isDraining) && this.#remembered.size < this.#options.limit) {
      const drainMs = isDraining ? DRAIN_MEMORY_LEASES * this.#options.leaseMs : 0;
      const untilMs = Math.max(exclusion?.untilMs ?? 0, nowMs + drainMs);
      this.#remembered.set(member.serverId, { exclusion, faults, isDraining, untilMs });
    }
    return [
      { kind: 'lost', member, reason },
      { kind: 'readiness-changed' },
      { kind: 'plan-stale', reason: reason === 'left' ? 'leave' : 'lost' },
    ];
  }

  #current(serverId: string, incarnation: number): Member | undefined {
    const member = this.#members.get(serverId);
    return member?.incarnation === incarnation ? member : undefined;
  }
}

function stickyExclusion(exclusion: Exclusion | undefined, nowMs: number): Exclusion | undefined {
  return exclusion?.isSticky && nowMs < exclusion.untilMs ? exclusion : undefined;
}
