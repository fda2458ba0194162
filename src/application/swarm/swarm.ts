import { type DeclaredSpeeds, type Member, phaseOf, type Registration } from '../../domain/membership/member.ts';
import type { MembershipEffect, StaleReason } from '../../domain/membership/membership.ts';
import type { Chain } from '../../domain/model/chain.ts';
import { isSameSpan, type Span } from '../../domain/model/span.ts';
import { composeLiveChains } from '../../domain/planning/live-chains.ts';
import { makePlan } from '../../domain/planning/make-plan.ts';
import { DispatcherError, isServerFault } from '../../domain/shared/errors.ts';
import type { TransportHop } from '../ports/chain-transport.ts';
import type { MemberLink } from '../ports/member-link.ts';
import type { ServerLossReason } from '../ports/telemetry.ts';
import type { ChainAccess } from '../requests/chain-access.ts';
import { newBlocks, plannableServer, whyNotServing } from './member-state.ts';
import { LOSS_REASON, REPLAN_REASON } from './reason-labels.ts';
import { ReplanTimer } from './replan-timer.ts';
import type { PlanState, SwarmDependencies, SwarmOptions } from './swarm-parts.ts';

/** How much the newest request weighs in the mean of a chain's measured service time. */
const NEWEST_WEIGHT = 0.2;

/**
 * The live swarm: turns what happens to its members into plans, orders to servers, and the chains
 * that requests run on. A change marks the plan stale; after a quiet time one plan is made of the
 * members as they then are. Chains always follow what servers really host (`composeLiveChains`), so
 * a server that never gets ready, or dies, takes nothing down but the chains through it.
 */
export class Swarm implements ChainAccess {
  readonly #deps: SwarmDependencies;
  readonly #options: SwarmOptions;
  readonly #links = new Map<string, { readonly incarnation: number; readonly link: MemberLink }>();
  readonly #leaving = new Map<string, number>();
  readonly #measured = new Map<string, number>();
  #plan: PlanState = { epoch: 0, madeMs: undefined, arrivalRatePerSecond: 0, result: undefined, inForce: undefined };
  readonly #replanTimer: ReplanTimer;
  #cancelAdvance: (() => void) | undefined;
  #chains: readonly Chain[] = [];
  #isStopping = false;

  constructor(deps: SwarmDependencies, options: SwarmOptions) {
    this.#deps = deps;
    this.#options = options;
    deps.dispatcher.whenReleased(() => this.#releaseDrained());
    this.#replanTimer = new ReplanTimer(deps.clock, options.replanDebounceMs, (reason) => this.#replan(reason));
  }

  get plan(): PlanState {
    return this.#plan;
  }

  /** Chains that accept requests now, fastest first. */
  get chains(): readonly Chain[] {
    return this.#chains;
  }

  /** Mean service time of a chain's latest requests, seconds; undefined before the first. */
  measuredServiceSeconds(chainId: string): number | undefined {
    return this.#measured.get(chainId);
  }

  /** A validated registration; the link carries orders to the server. @returns its incarnation */
  join(registration: Registration, link: MemberLink): number {
    const { membership, clock, telemetry, log } = this.#deps;
    const previous = this.#links.get(registration.serverId);
    const { incarnation, effects } = membership.join(registration, clock.nowMs());
    this.#links.set(registration.serverId, { incarnation, link });
    previous?.link.end(
      new DispatcherError(
        'DSP_SERVER_LOST',
        `${registration.serverId} joined again: the newer stream replaces this one`,
      ),
    );
    telemetry.serverJoined();
    log('server joined', {
      serverId: registration.serverId,
      address: registration.address,
      memoryBytes: registration.memoryBytes,
    });
    this.#apply(effects);
    return incarnation;
  }

  heartbeat(
    serverId: string,
    incarnation: number,
    report: { cacheBytesFree: number; sessions: number; speeds: DeclaredSpeeds | undefined },
  ): void {
    this.#apply(this.#deps.membership.heartbeat(serverId, incarnation, report, this.#deps.clock.nowMs()));
  }

  spanReady(serverId: string, incarnation: number, epoch: number, span: Span): void {
    this.#apply(this.#deps.membership.spanReady(serverId, incarnation, epoch, span, this.#deps.clock.nowMs()));
  }

  spanFailed(serverId: string, incarnation: number, epoch: number, reason: string): void {
    this.#apply(this.#deps.membership.spanFailed(serverId, incarnation, epoch, reason, this.#deps.clock.nowMs()));
  }

  /** The server announces that it goes: no new work for it, and leave to go when none is left. */
  leaving(serverId: string, incarnation: number): void {
    this.#apply(this.#deps.membership.drain(serverId, incarnation));
    this.#leaving.set(serverId, incarnation);
    this.#releaseDrained();
  }

  /** Servers that leave may go once no running request uses them. */
  #releaseDrained(): void {
    for (const [serverId, incarnation] of this.#leaving) {
      if (!this.#deps.dispatcher.isServerIdle(serverId)) continue;
      this.#leaving.delete(serverId);
      this.#linkOf(serverId, incarnation)?.drained();
    }
  }

  streamEnded(serverId: string, incarnation: number, hadLeft: boolean): void {
    if (this.#leaving.get(serverId) === incarnation) this.#leaving.delete(serverId);
    this.#apply(this.#deps.membership.remove(serverId, incarnation, hadLeft ? 'left' : 'stream_ended'));
    if (this.#linkOf(serverId, incarnation) !== undefined) this.#links.delete(serverId);
  }

  /** From now on nothing is planned; for shutting down. */
  stop(): void {
    this.#isStopping = true;
    this.#replanTimer.stop();
    this.#cancelAdvance?.();
  }

  resolveHops(chain: Chain): readonly TransportHop[] {
    return chain.hops.map((hop) => {
      const member = this.#deps.membership.get(hop.serverId);
      if (member === undefined)
        throw new DispatcherError('DSP_SERVER_LOST', `${hop.serverId} left before the request reached it`, {
          serverId: hop.serverId,
        });
      return {
        serverId: hop.serverId,
        address: member.address,
        firstBlock: hop.firstBlock,
        blockCount: hop.blockCount,
      };
    });
  }

  reportFailure(error: DispatcherError): void {
    const member = error.serverId === undefined ? undefined : this.#deps.membership.get(error.serverId);
    if (member === undefined) return;
    const nowMs = this.#deps.clock.nowMs();
    // A refusal of blocks right after an order to move is a request that was faster than the order.
    const isBrokenPromise =
      error.code === 'DSP_SPAN_NOT_HOSTED' && nowMs - (member.assigned?.assignedMs ?? 0) > this.#options.settleMs;
    if (!isServerFault(error) && !isBrokenPromise) return;
    this.#apply(this.#deps.membership.exclude(member.serverId, error.message, nowMs, error.code !== 'DSP_SERVER_LOST'));
  }

  reportService(chainId: string, seconds: number): void {
    const before = this.#measured.get(chainId);
    this.#measured.set(chainId, before === undefined ? seconds : before + NEWEST_WEIGHT * (seconds - before));
  }

  unreadyReasons(): readonly string[] {
    if (this.#isStopping) return ['the dispatcher is shutting down'];
    if (this.#chains.length > 0) return [];
    const members = this.#deps.membership.members();
    if (members.length === 0) return ['no server has joined yet'];
    const reasons = this.#plan.result?.kind === 'infeasible' ? [this.#plan.result.reason] : [];
    const waiting = members.map((member) => whyNotServing(member)).filter((reason) => reason !== undefined);
    return [...reasons, ...waiting, ...(this.#replanTimer.isPending ? ['a plan is being made'] : [])];
  }

  /** What is wrong with a plan that serves all the same: instability. */
  warnings(): readonly string[] {
    const result = this.#plan.result;
    return result?.reason === undefined ? [] : [result.reason];
  }

  #apply(effects: readonly MembershipEffect[]): void {
    let isReadinessChanged = false;
    for (const effect of effects) {
      if (effect.kind === 'readiness-changed') isReadinessChanged = true;
      else if (effect.kind === 'plan-stale') this.#replanTimer.mark(effect.reason);
      else if (effect.kind === 'lost') this.#noteLoss(effect.member, LOSS_REASON[effect.reason]);
      else this.#deps.log('server excluded', { serverId: effect.member.serverId, reason: effect.reason });
    }
    if (isReadinessChanged) this.#refreshChains();
    this.#armAdvance();
  }

  #noteLoss(member: Member, reason: ServerLossReason): void {
    this.#deps.telemetry.serverLost(reason);
    this.#deps.log('server lost', { serverId: member.serverId, reason });
    if (reason !== 'lease_expired') return;
    // Its stream may still look open: a silent server is not waited for.
    this.#linkOf(member.serverId, member.incarnation)?.end(
      new DispatcherError('DSP_SERVER_LOST', `${member.serverId} sent nothing for a whole lease: join again`),
    );
    this.#links.delete(member.serverId);
  }

  /** One plan of the members as they are now, and the orders that follow from it. */
  #replan(reason: StaleReason): void {
    const { membership, clock, telemetry, model, log } = this.#deps;
    const startedMs = clock.nowMs();
    const eligible = membership.members().filter((member) => member.exclusion === undefined && !member.isDraining);
    const arrivalRatePerSecond = this.arrivalRatePerSecond();
    const { placementPolicy, objective, reservedSlots, maxLoad } = this.#options;
    const pinned = eligible.filter((member) => member.isPinned && member.hosted !== undefined);
    const result = makePlan({
      model,
      servers: eligible.map((member) => plannableServer(member, this.#options.serviceTimes)),
      arrivalRatePerSecond,
      maxLoad,
      placementPolicy,
      objective,
      reservedSlots,
      pinnedSpans: new Map(pinned.map((member) => [member.serverId, member.hosted as Span])),
    });
    telemetry.planMade({ reason: REPLAN_REASON[reason], durationSeconds: (clock.nowMs() - startedMs) / 1000 });
    if (result.kind === 'infeasible') {
      this.#plan = { ...this.#plan, arrivalRatePerSecond, result };
      log('no feasible plan: the servers keep what they host', {
        cause: reason,
        reason: result.reason,
        servers: eligible.length,
      });
    } else {
      this.#plan = {
        epoch: this.#plan.epoch + 1,
        madeMs: clock.nowMs(),
        arrivalRatePerSecond,
        result,
        inForce: result,
      };
      const { epoch } = this.#plan;
      log('plan made', {
        cause: reason,
        epoch,
        reservedSlots: result.reservedSlots,
        chains: result.chains.length,
        totalSlots: result.totalSlots,
        reason: result.reason,
      });
      const spans = new Map(
        result.placement.map(({ serverId, firstBlock, blockCount }) => [serverId, { firstBlock, blockCount }]),
      );
      for (const member of eligible)
        this.#order(member, epoch, spans.get(member.serverId) ?? { firstBlock: 0, blockCount: 0 });
    }
    this.#refreshChains();
    this.#armAdvance();
  }

  /** Tells a server its span, unless it was told exactly that already. */
  #order(member: Member, epoch: number, span: Span): void {
    const { membership, clock, telemetry, model } = this.#deps;
    const isKnown = member.assigned !== undefined && isSameSpan(member.assigned.span, span);
    if (isKnown) return;
    membership.assign(member.serverId, epoch, span, clock.nowMs());
    telemetry.blocksMoved(newBlocks(member.assigned?.span ?? member.ready, span));
    const cacheBytes = span.blockCount === 0 ? 0 : member.memoryBytes - span.blockCount * model.blockBytes;
    this.#linkOf(member.serverId, member.incarnation)?.hostSpan({ epoch, span, cacheBytes });
  }

  /** Chains over what is hosted now, given to the scheduler. */
  #refreshChains(): void {
    const { membership, dispatcher, model, onChains } = this.#deps;
    const serving = membership.members().filter((member) => phaseOf(member) === 'serving');
    const hosted = serving.map((member) => ({ serverId: member.serverId, ...(member.ready as Span) }));
    const { chains, serverSlots } = composeLiveChains(
      model,
      serving.map((member) => plannableServer(member, this.#options.serviceTimes)),
      hosted,
    );
    this.#chains = chains;
    const ids = new Set(chains.map((chain) => chain.id));
    for (const id of this.#measured.keys()) if (!ids.has(id)) this.#measured.delete(id);
    dispatcher.adoptPlan({ epoch: this.#plan.epoch, chains, serverSlots });
    onChains(chains);
  }

  arrivalRatePerSecond(): number {
    return Math.max(this.#options.arrivalRateFloor, this.#deps.arrivalRate.perSecond(this.#deps.clock.nowMs()));
  }

  #linkOf(serverId: string, incarnation: number): MemberLink | undefined {
    const entry = this.#links.get(serverId);
    return entry?.incarnation === incarnation ? entry.link : undefined;
  }

  /** One timer for leases, load times and exclusions. */
  #armAdvance(): void {
    this.#cancelAdvance?.();
    this.#cancelAdvance = undefined;
    const { membership, clock } = this.#deps;
    const next = membership.nextDeadlineMs();
    if (next === undefined || this.#isStopping) return;
    this.#cancelAdvance = clock.setTimer(Math.max(0, next - clock.nowMs()), () =>
      this.#apply(membership.advance(clock.nowMs())),
    );
  }
}
