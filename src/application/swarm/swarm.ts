import { type DeclaredSpeeds, type Member, phaseOf, type Registration } from '../../domain/membership/member.ts';
import type { MembershipEffect, StaleReason } from '../../domain/membership/membership-effects.ts';
import type { Chain } from '../../domain/model/chain.ts';
import { isSameSpan, type Span } from '../../domain/model/span.ts';
import { composeLiveChains } from '../../domain/planning/live-chains.ts';
import { DispatcherError } from '../../domain/shared/errors.ts';
import type { TransportHop } from '../ports/chain-transport.ts';
import type { MemberLink } from '../ports/member-link.ts';
import type { ServerLossReason } from '../ports/telemetry.ts';
import type { ChainAccess } from '../requests/chain-access.ts';
import { MemberLinks } from './member-links.ts';
import { explainUnready, isMembersFault, newBlocks, plannableServer } from './member-state.ts';
import { planMembers } from './plan-members.ts';
import { LOSS_REASON, REPLAN_REASON } from './reason-labels.ts';
import { ReplanTimer } from './replan-timer.ts';
import { Rollout } from './rollout.ts';
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
  readonly #links = new MemberLinks();
  readonly #leaving = new Map<string, number>();
  readonly #measured = new Map<string, number>();
  #plan: PlanState = {
    epoch: 0,
    madeMs: undefined,
    arrivalRatePerSecond: 0,
    result: undefined,
    inForce: undefined,
    decision: undefined,
  };
  readonly #replanTimer: ReplanTimer;
  readonly #rollout = new Rollout();
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
    const { incarnation, effects } = membership.join(registration, clock.nowMs());
    this.#links.add(registration.serverId, incarnation, link);
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
    const nowMs = this.#deps.clock.nowMs();
    const effects = this.#deps.membership.spanReady(serverId, incarnation, epoch, span, nowMs);
    if (effects.length > 0) this.#rollout.loadEnded(serverId, nowMs);
    this.#apply(effects);
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
      this.#links.of(serverId, incarnation)?.drained();
    }
  }

  streamEnded(serverId: string, incarnation: number, hadLeft: boolean): void {
    if (this.#leaving.get(serverId) === incarnation) this.#leaving.delete(serverId);
    this.#apply(
      this.#deps.membership.remove(serverId, incarnation, hadLeft ? 'left' : 'stream_ended', this.#deps.clock.nowMs()),
    );
    this.#links.remove(serverId, incarnation);
  }

  /** An operator wants a new plan, after the usual quiet time. */
  askForPlan(): void {
    this.#replanTimer.mark('operator');
  }

  /** No new work for a server, whose registration stays. @returns false: it is not registered */
  drain(serverId: string): boolean {
    const member = this.#deps.membership.get(serverId);
    if (member === undefined) return false;
    this.#apply(this.#deps.membership.drain(serverId, member.incarnation));
    return true;
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
        protocol: member.protocol,
        firstBlock: hop.firstBlock,
        blockCount: hop.blockCount,
      };
    });
  }

  reportFailure(error: DispatcherError): void {
    const member = error.serverId === undefined ? undefined : this.#deps.membership.get(error.serverId);
    if (member === undefined) return;
    const nowMs = this.#deps.clock.nowMs();
    if (!isMembersFault(error, member, nowMs, this.#options.settleMs)) return;
    this.#apply(this.#deps.membership.exclude(member.serverId, error.message, nowMs, error.code !== 'DSP_SERVER_LOST'));
  }

  reportService(chainId: string, seconds: number): void {
    const before = this.#measured.get(chainId);
    this.#measured.set(chainId, before === undefined ? seconds : before + NEWEST_WEIGHT * (seconds - before));
  }

  unreadyReasons(): readonly string[] {
    if (this.#isStopping) return ['the dispatcher is shutting down'];
    if (this.#chains.length > 0) return [];
    const planProblem = this.#plan.result?.kind === 'infeasible' ? this.#plan.result.reason : undefined;
    return explainUnready(this.#deps.membership.members(), planProblem, this.#replanTimer.isPending);
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
    if (isReadinessChanged) {
      this.#continueRollout();
      this.#refreshChains();
    }
    this.#armAdvance();
  }

  #noteLoss(member: Member, reason: ServerLossReason): void {
    this.#rollout.forget(member.serverId);
    this.#deps.telemetry.serverLost(reason);
    this.#deps.log('server lost', { serverId: member.serverId, reason });
    if (reason === 'lease_expired') this.#links.end(member.serverId, member.incarnation);
  }

  /** One look at the members as they are now, and the orders that follow from it. */
  #replan(reason: StaleReason): void {
    const { membership, clock, telemetry, model, log } = this.#deps;
    const startedMs = clock.nowMs();
    const eligible = membership.members().filter((member) => member.exclusion === undefined && !member.isDraining);
    const arrivalRatePerSecond = this.arrivalRatePerSecond();
    const { secondsPerBlock } = this.#rollout;
    const round = planMembers({ model, options: this.#options, eligible, arrivalRatePerSecond, secondsPerBlock });
    const { result, moves } = round;
    const decision = round.decision === undefined ? undefined : { ...round.decision, atMs: startedMs };
    telemetry.planMade({ reason: REPLAN_REASON[reason], durationSeconds: (clock.nowMs() - startedMs) / 1000 });
    if (result.kind === 'infeasible') {
      this.#plan = { ...this.#plan, arrivalRatePerSecond, result, decision };
      log('no feasible plan: servers keep what they host', {
        cause: reason,
        reason: result.reason,
        servers: eligible.length,
      });
    } else {
      const isNew = moves.length > 0 || this.#plan.epoch === 0;
      const epoch = this.#plan.epoch + (isNew ? 1 : 0);
      const madeMs = isNew ? clock.nowMs() : this.#plan.madeMs;
      this.#plan = { epoch, madeMs, arrivalRatePerSecond, result, inForce: result, decision };
      const { reservedSlots, chains, totalSlots } = result;
      const fields = {
        cause: reason,
        epoch,
        reservedSlots,
        chains: chains.length,
        totalSlots,
        decision,
        reason: result.reason,
      };
      log(isNew ? 'plan made' : 'plan kept', fields);
      this.#rollout.begin(moves);
      const placed = new Set(result.placement.map((span) => span.serverId));
      for (const member of eligible) {
        if (member.assigned === undefined && !placed.has(member.serverId))
          this.#order(member, { firstBlock: 0, blockCount: 0 });
        // A server that joined with its blocks loaded is told to keep them, with the cache that goes with them.
        else if (
          member.assigned === undefined &&
          member.ready !== undefined &&
          !this.#rollout.isPending(member.serverId)
        )
          this.#order(member, member.ready);
      }
      this.#continueRollout();
    }
    this.#refreshChains();
    this.#armAdvance();
  }

  /** Orders the next moves of the plan, as many as leave what serves in service. */
  #continueRollout(): void {
    const { membership, model } = this.#deps;
    const members = membership.members();
    for (const move of this.#rollout.nextWave(members, model.blockCount, this.#options.movesAtOnce)) {
      const member = membership.get(move.serverId);
      if (member !== undefined) this.#order(member, { firstBlock: move.firstBlock, blockCount: move.blockCount });
    }
  }

  /** Tells a server its span, unless it was told exactly that already. */
  #order(member: Member, span: Span): void {
    const { membership, clock, telemetry, model } = this.#deps;
    const { epoch } = this.#plan;
    const isKnown = member.assigned !== undefined && isSameSpan(member.assigned.span, span);
    if (isKnown) return;
    membership.assign(member.serverId, epoch, span, clock.nowMs());
    const blocks = newBlocks(member.assigned?.span ?? member.ready, span);
    telemetry.blocksMoved(blocks);
    this.#rollout.loadBegan(member.serverId, blocks, clock.nowMs());
    const cacheBytes = span.blockCount === 0 ? 0 : member.memoryBytes - span.blockCount * model.blockBytes;
    this.#links.of(member.serverId, member.incarnation)?.hostSpan({ epoch, span, cacheBytes });
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
