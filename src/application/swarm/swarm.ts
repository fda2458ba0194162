import { type HeartbeatReport, isLoading, type Member, type Registration } from '../../domain/membership/member.ts';
import type { MembershipEffect } from '../../domain/membership/membership-effects.ts';
import type { Chain, Hop } from '../../domain/model/chain.ts';
import type { ModelShape } from '../../domain/model/model.ts';
import type { Span } from '../../domain/model/span.ts';
import type { DispatcherError } from '../../domain/shared/errors.ts';
import type { TransportHop } from '../ports/chain-transport.ts';
import type { MemberLink } from '../ports/member-link.ts';
import type { ServerLossReason } from '../ports/telemetry.ts';
import type { ChainAccess, ServedRequest } from '../requests/chain-access.ts';
import { DrainingServers } from './draining-servers.ts';
import { hopAddresses } from './hop-addresses.ts';
import { LiveDemand } from './live-demand.ts';
import { MemberLinks } from './member-links.ts';
import { explainUnready, isMembersFault, type ServiceTimeTerms, tellsOfCache } from './member-state.ts';
import { PaceWatch } from './pace-watch.ts';
import { LOSS_REASON } from './reason-labels.ts';
import { findReplacementHops } from './replacement-hops.ts';
import { Replanner } from './replanner.ts';
import { ServingChains } from './serving-chains.ts';
import { SpanOrders } from './span-orders.ts';
import type { PlanState, SwarmDependencies, SwarmOptions } from './swarm-parts.ts';
import { type SwarmSight, seeSwarm } from './swarm-sight.ts';

/**
 * The live swarm: turns what happens to its members into plans, orders to servers, and the chains
 * that requests run on. A change marks the plan stale; after a quiet time the members are looked at as
 * they then are, and moved where that pays. Chains always follow what servers really host
 * (`composeLiveChains`), so a server that never gets ready, or dies, takes nothing down but the chains
 * through it, and chains of servers that stay go on as they are.
 */
export class Swarm implements ChainAccess {
  readonly #deps: SwarmDependencies;
  readonly #options: SwarmOptions;
  readonly #links = new MemberLinks();
  readonly #chains = new ServingChains();
  readonly #orders: SpanOrders;
  readonly #draining: DrainingServers;
  readonly #demand: LiveDemand;
  readonly #paces: PaceWatch;
  readonly #replanner: Replanner;
  /** Until then servers of a former run may come back. */
  readonly #rejoinedMs: number;
  #cancelAdvance: (() => void) | undefined;
  #cancelLook: (() => void) | undefined;
  #isStopping = false;

  constructor(deps: SwarmDependencies, options: SwarmOptions) {
    const { clock, dispatcher } = deps;
    this.#deps = deps;
    this.#options = options;
    this.#orders = new SpanOrders(deps, this.#links, options.movesAtOnce);
    this.#demand = new LiveDemand(deps.arrivalRate, options);
    this.#paces = new PaceWatch(deps, options.serverLimit);
    this.#draining = new DrainingServers(deps, this.#links, options.drainGraceMs);
    dispatcher.whenReleased(() => {
      this.#orders.waitForSessions();
      this.#draining.releaseIdle();
    });
    this.#replanner = new Replanner(deps, options, {
      see: () => this.#see(),
      members: () => deps.membership.members(),
      isMoving: () => this.pendingMoves > 0 || deps.membership.members().some(isLoading),
      carryOut: (epoch, moves, members) => {
        this.#orders.begin(epoch, moves);
        this.#orders.confirm(members);
        this.#continueRollout();
      },
      looked: () => {
        this.#refreshChains();
        this.#armAdvance();
      },
    });
    this.#rejoinedMs = clock.nowMs() + options.rejoinMs;
    this.#armLook();
  }

  get plan(): PlanState {
    return this.#replanner.plan;
  }

  /** Chains that accept requests now, fastest first. */
  get chains(): readonly Chain[] {
    return this.#chains.all;
  }

  /** Moves of the plan that servers were not told yet. */
  get pendingMoves(): number {
    return this.#orders.pendingMoves;
  }

  /** What requests ask for, as estimated now. */
  demand(): ReturnType<LiveDemand['now']> {
    return this.#demand.now(this.#deps.clock.nowMs());
  }

  /** What turns speeds into service times, for requests as they are of late. */
  serviceTimes(): ServiceTimeTerms {
    return this.#demand.serviceTimes();
  }

  /** The model with the slots that the plan reckons with. */
  plannedModel(): ModelShape {
    return this.#demand.plannedModel(this.#deps.model);
  }

  /** Tokens for which a slot of the plan has room; undefined: for those of the longest session. */
  get plannedSlotTokens(): number | undefined {
    return this.#demand.plannedSlotTokens;
  }

  arrivalRatePerSecond(): number {
    return this.demand().arrivalRatePerSecond;
  }

  /** Mean service time of a chain's latest requests, seconds; undefined before the first. */
  measuredServiceSeconds(chainId: string): number | undefined {
    return this.#chains.measuredSeconds(chainId);
  }

  /** A validated registration that is not refused; the link carries orders to the server. @returns its incarnation */
  join(registration: Registration, link: MemberLink): number {
    const { membership, clock, telemetry, log } = this.#deps;
    const { serverId, address, memoryBytes } = registration;
    const { incarnation, effects } = membership.join(registration, clock.nowMs());
    this.#links.add(serverId, incarnation, link);
    telemetry.serverJoined();
    log('server joined', { serverId, address, memoryBytes, hosted: registration.hosted });
    this.#apply(effects);
    // An order to drain outlives the stream: it is told again that it may go.
    if (membership.get(serverId)?.isDraining === true) this.#draining.begin(serverId, incarnation);
    return incarnation;
  }

  heartbeat(serverId: string, incarnation: number, report: HeartbeatReport): void {
    const { membership, dispatcher, clock } = this.#deps;
    this.#apply(membership.heartbeat(serverId, incarnation, report, clock.nowMs()));
    if (tellsOfCache(report) && membership.get(serverId)?.incarnation === incarnation)
      dispatcher.reportFreeCache(serverId, report.cacheBytesFree);
  }

  spanReady(serverId: string, incarnation: number, epoch: number, span: Span): void {
    const effects = this.#deps.membership.spanReady(serverId, incarnation, epoch, span, this.#deps.clock.nowMs());
    if (effects.length > 0) this.#orders.loadEnded(serverId);
    this.#apply(effects);
  }

  spanFailed(serverId: string, incarnation: number, epoch: number, reason: string): void {
    this.#apply(this.#deps.membership.spanFailed(serverId, incarnation, epoch, reason, this.#deps.clock.nowMs()));
  }

  /** The server announces that it goes: no new work for it, and leave to go when none is left or its time is up. */
  leaving(serverId: string, incarnation: number): void {
    if (this.#deps.membership.get(serverId)?.incarnation !== incarnation) return;
    this.#apply(this.#deps.membership.drain(serverId, incarnation));
    this.#draining.begin(serverId, incarnation);
  }

  streamEnded(serverId: string, incarnation: number, hadLeft: boolean): void {
    const { membership, clock } = this.#deps;
    this.#apply(membership.remove(serverId, incarnation, hadLeft ? 'left' : 'stream_ended', clock.nowMs()));
    this.#links.remove(serverId, incarnation);
  }

  /** An operator wants another look at the plan, after the usual quiet time. */
  askForPlan(): void {
    this.#replanner.mark('operator');
  }

  /** No new work for a server, whose registration stays; as if it had said that it leaves. @returns false: it is not registered */
  drain(serverId: string): boolean {
    const member = this.#deps.membership.get(serverId);
    if (member === undefined) return false;
    this.leaving(serverId, member.incarnation);
    return true;
  }

  /** From now on nothing is planned; for shutting down. */
  stop(): void {
    this.#isStopping = true;
    this.#replanner.stop();
    this.#cancelAdvance?.();
    this.#cancelLook?.();
    this.#draining.stop();
  }

  resolveHops(chain: Chain): readonly TransportHop[] {
    return hopAddresses(this.#deps.membership, chain);
  }

  findHops(blocks: Span, freeBlocksAt: (serverId: string) => number): readonly Hop[] | undefined {
    return findReplacementHops(this.#deps.membership.members(), this.serviceTimes(), blocks, freeBlocksAt);
  }

  reportFailure(error: DispatcherError): void {
    const member = error.serverId === undefined ? undefined : this.#deps.membership.get(error.serverId);
    if (member === undefined) return;
    if (error.code === 'DSP_CACHE_FULL') this.#deps.dispatcher.reportFullCache(member.serverId);
    const nowMs = this.#deps.clock.nowMs();
    // Several requests may report one fault: a server that is left out already is not blamed again.
    if (member.exclusion !== undefined || !isMembersFault(error, member, nowMs, this.#options.settleMs)) return;
    this.#apply(this.#deps.membership.exclude(member.serverId, error.message, nowMs, error.code !== 'DSP_SERVER_LOST'));
  }

  reportService(chainId: string, seconds: number): void {
    this.#chains.served(chainId, seconds);
  }

  reportRequest({ promptTokens, completionTokens, hops }: ServedRequest): void {
    this.#demand.served(promptTokens, completionTokens);
    if (this.#paces.measured(hops, this.serviceTimes())) this.#rankAnew();
  }

  unreadyReasons(): readonly string[] {
    if (this.#isStopping) return ['the dispatcher is shutting down'];
    if (this.chains.length > 0) return [];
    const planProblem = this.plan.result?.kind === 'infeasible' ? this.plan.result.reason : undefined;
    return explainUnready(this.#deps.membership.members(), planProblem, this.#replanner.isPending);
  }

  /** What is wrong with a plan that serves all the same: instability. */
  warnings(): readonly string[] {
    return [this.plan.result?.reason].filter((reason) => reason !== undefined);
  }

  #apply(effects: readonly MembershipEffect[]): void {
    let isReadinessChanged = false;
    for (const effect of effects) {
      if (effect.kind === 'readiness-changed') isReadinessChanged = true;
      else if (effect.kind === 'plan-stale') this.#replanner.mark(effect.reason);
      else if (effect.kind === 'lost') this.#noteLoss(effect.member, LOSS_REASON[effect.reason]);
      else this.#deps.log('server excluded', { serverId: effect.member.serverId, reason: effect.reason });
    }
    if (isReadinessChanged) {
      this.#continueRollout();
      this.#refreshChains();
    }
    this.#armAdvance();
  }

  #noteLoss(member: Member, reason: ServerLossReason): void {
    this.#orders.forget(member.serverId);
    this.#draining.forget(member.serverId);
    this.#deps.telemetry.serverLost(reason);
    this.#deps.log('server lost', { serverId: member.serverId, reason });
    if (reason === 'lease_expired') this.#links.end(member.serverId, member.incarnation);
  }

  /** The swarm as the planner is asked about it; from now on demand and speeds count as planned for. */
  #see(): SwarmSight {
    const { membership, clock } = this.#deps;
    this.#paces.applyAll();
    const demand = this.demand();
    this.#demand.plannedFor(demand);
    return seeSwarm({
      model: this.plannedModel(),
      options: this.#options,
      serviceTimes: this.serviceTimes(),
      members: membership.members(),
      demand,
      secondsPerBlock: this.#orders.secondsPerBlock,
      mayMove: !this.#isRejoining(clock.nowMs()),
    });
  }

  /** Just after a start, servers of a former run join again with their blocks, one by one: none moves before all had time to. */
  #isRejoining(nowMs: number): boolean {
    const { membership } = this.#deps;
    return nowMs < this.#rejoinedMs && membership.members().some((member) => member.hosted !== undefined);
  }

  /** The next moves of the plan; after the last one, another look: a plan goes one bounded step at a time. */
  #continueRollout(): void {
    if (this.#orders.continue()) this.#replanner.mark('settled');
  }

  /** Chains over what is hosted now, given to the scheduler. */
  #refreshChains(): void {
    const { membership, dispatcher, onChains } = this.#deps;
    const live = this.#chains.refresh(this.plannedModel(), membership.members(), this.serviceTimes());
    dispatcher.adoptPlan({ epoch: this.plan.epoch, ...live });
    onChains(live.chains);
  }

  /** A server is much slower or faster than reckoned with: chains are ranked anew at once, and the plan is looked at. */
  #rankAnew(): void {
    if (this.#isStopping) return;
    this.#refreshChains();
    this.#replanner.mark('speed');
  }

  /** From time to time demand and speeds are compared with what was planned for. */
  #armLook(): void {
    const { membership, clock } = this.#deps;
    const isRejoining = this.#isRejoining(clock.nowMs());
    this.#cancelLook = clock.setTimer(this.#options.lookIntervalMs, () => {
      if (isRejoining && !this.#isRejoining(clock.nowMs())) this.#replanner.mark('settled');
      if (this.#paces.apply(membership.members().map((member) => member.serverId))) this.#rankAnew();
      if (this.#demand.hasDrifted(clock.nowMs())) this.#replanner.mark('rate');
      this.#armLook();
    });
  }

  /** One timer for leases, load times and exclusions. */
  #armAdvance(): void {
    this.#cancelAdvance?.();
    this.#cancelAdvance = undefined;
    const { membership, clock } = this.#deps;
    const next = membership.nextDeadlineMs();
    if (next === undefined || this.#isStopping) return;
    this.#cancelAdvance = clock.setTimer(Math.max(0, next - clock.nowMs()), () => {
      this.#orders.waitForSessions();
      this.#apply(membership.advance(clock.nowMs()));
    });
  }
}
