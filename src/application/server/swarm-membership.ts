import type { DispatcherError } from '../../domain/shared/errors.ts';
import type { Rng } from '../../domain/shared/rng.ts';
import type { BlockHost } from '../ports/block-host.ts';
import type { Clock } from '../ports/clock.ts';
import type { JoinRequest, Registration, RegistrationEnd, SwarmRegistry } from '../ports/swarm-registry.ts';
import type { SpanHosting } from './host-span.ts';

const WELCOME_TIMEOUT_MS = 10_000;
const SHORTEST_HEARTBEAT_MS = 100;
const LONGEST_HEARTBEAT_MS = 60_000;
const FIRST_BACKOFF_MS = 250;
const LONGEST_BACKOFF_MS = 15_000;
/** A registration that lasted this long was a good one: the next back-off begins anew. */
const STABLE_MS = 5_000;
/** Redirects in a row without a welcome; then the configured dispatcher is tried again, after a pause. */
const MAX_REDIRECTS = 3;
/** How long a server that leaves waits for its sessions to be moved. */
const DRAIN_MS = 2_000;

export interface MembershipParts {
  readonly registry: SwarmRegistry;
  readonly host: Pick<BlockHost, 'hosted' | 'usage'>;
  readonly hosting: SpanHosting;
  readonly clock: Clock;
  /** Spreads the attempts of many servers after a dispatcher's restart. */
  readonly rng: Rng;
  readonly listener: MembershipListener;
}

export interface MembershipListener {
  joined(dispatcherId: string): void;
  /** The stream ended, or could not be opened; another attempt follows. */
  lost(error: DispatcherError, retryInMs: number): void;
  /** The dispatcher does not want this server; no attempt follows. */
  refused(error: DispatcherError): void;
  spanOrdered(planEpoch: number, firstBlock: number, blockCount: number): void;
  spanReady(planEpoch: number): void;
  spanFailed(planEpoch: number, reason: string): void;
}

export type MembershipRequest = Omit<JoinRequest, 'hosted'> & { readonly dispatcherAddress: string };

/**
 * Keeps a block server a member of a swarm: joins, sends heartbeats, hosts what is ordered, and joins
 * again with what it hosts when the stream ends, after exponential pauses with jitter.
 */
export class SwarmMembership {
  readonly #parts: MembershipParts;
  readonly #request: MembershipRequest;
  #address: string;
  #redirects = 0;
  #registration: Registration | undefined;
  #welcomedMs: number | undefined;
  #rttSeconds: number | undefined;
  #backoffMs = FIRST_BACKOFF_MS;
  #cancelTimer: () => void = () => {};
  #state: 'running' | 'leaving' | 'over' = 'running';
  #onGone: () => void = () => {};

  constructor(request: MembershipRequest, parts: MembershipParts) {
    this.#request = request;
    this.#parts = parts;
    this.#address = request.dispatcherAddress;
    this.#rttSeconds = request.speed.rttSeconds;
  }

  start(): void {
    void this.#join();
  }

  /** Registers anew with what is hosted now: the server has lost blocks that it had reported as ready. */
  rejoin(): void {
    if (this.#state === 'running') this.#registration?.close();
  }

  /** Tells the dispatcher that this server goes, and resolves when it may, after 2 s at the latest. */
  async leave(reason: string): Promise<void> {
    if (this.#state !== 'running') return;
    const registration = this.#welcomedMs === undefined ? undefined : this.#registration;
    this.#state = 'leaving';
    this.#cancelTimer();
    if (registration !== undefined) {
      const gone = new Promise<void>((resolve) => {
        this.#onGone = resolve;
        this.#setTimer(DRAIN_MS, resolve);
      });
      registration.leaving(reason);
      await gone;
      this.#cancelTimer();
    }
    this.#state = 'over';
    this.#registration?.close();
  }

  async #join(): Promise<void> {
    const { registry, host, hosting } = this.#parts;
    const rttSeconds = await registry.measureRoundTripSeconds(this.#address);
    if (this.#state !== 'running') return;
    this.#rttSeconds = rttSeconds ?? this.#rttSeconds;
    hosting.beginRegistration();
    this.#welcomedMs = undefined;
    const registration = registry.join(
      this.#address,
      { ...this.#request, speed: this.#speed(), hosted: host.hosted() },
      {
        welcomed: (welcome) => this.#welcomed(registration, welcome),
        ordered: (order) => {
          const { listener } = this.#parts;
          listener.spanOrdered(order.planEpoch, order.span.firstBlock, order.span.blockCount);
          void hosting.obey(order, {
            ready: (planEpoch, span) => {
              listener.spanReady(planEpoch);
              registration.spanReady(planEpoch, span);
              // Its cache has another size now, which nobody should have to wait for until the next beat.
              this.#beat(registration);
            },
            failed: (planEpoch, reason) => {
              listener.spanFailed(planEpoch, reason);
              registration.spanFailed(planEpoch, reason);
            },
          });
        },
        drained: () => this.#onGone(),
        redirected: (address) => this.#redirected(registration, address),
        ended: (end) => this.#ended(end),
      },
    );
    this.#registration = registration;
    this.#setTimer(WELCOME_TIMEOUT_MS, () => registration.close());
  }

  #welcomed(
    registration: Registration,
    { heartbeatIntervalMs, dispatcherId }: { readonly heartbeatIntervalMs: number; readonly dispatcherId: string },
  ): void {
    // A second welcome must not make a second beat.
    if (this.#state !== 'running' || this.#welcomedMs !== undefined) return;
    this.#welcomedMs = this.#parts.clock.nowMs();
    this.#redirects = 0;
    this.#parts.listener.joined(dispatcherId);
    const isNumber = Number.isFinite(heartbeatIntervalMs);
    const intervalMs = isNumber
      ? Math.min(LONGEST_HEARTBEAT_MS, Math.max(SHORTEST_HEARTBEAT_MS, heartbeatIntervalMs))
      : LONGEST_HEARTBEAT_MS;
    const beat = (): void => {
      this.#beat(registration);
      this.#setTimer(intervalMs, beat);
    };
    beat();
  }

  #beat(registration: Registration): void {
    registration.heartbeat({ ...this.#parts.host.usage(), speed: this.#speed() });
  }

  #redirected(registration: Registration, address: string): void {
    this.#redirects += 1;
    this.#address = this.#redirects > MAX_REDIRECTS ? this.#request.dispatcherAddress : address;
    registration.close();
  }

  #ended({ kind, error }: RegistrationEnd): void {
    const { clock, rng, listener } = this.#parts;
    this.#registration = undefined;
    this.#onGone();
    if (this.#state !== 'running') return;
    this.#cancelTimer();
    if (kind === 'refused') {
      this.#state = 'over';
      listener.refused(error);
      return;
    }
    const isRedirect = this.#redirects > 0 && this.#redirects <= MAX_REDIRECTS;
    if (!isRedirect) this.#address = this.#request.dispatcherAddress;
    if (this.#welcomedMs !== undefined && clock.nowMs() - this.#welcomedMs >= STABLE_MS)
      this.#backoffMs = FIRST_BACKOFF_MS;
    const retryInMs = isRedirect ? 0 : this.#backoffMs * (0.5 + 0.5 * rng.next());
    if (!isRedirect) {
      this.#redirects = 0;
      this.#backoffMs = Math.min(LONGEST_BACKOFF_MS, this.#backoffMs * 2);
      listener.lost(error, retryInMs);
    }
    this.#setTimer(retryInMs, () => void this.#join());
  }

  #speed(): MembershipRequest['speed'] {
    return { ...this.#request.speed, rttSeconds: this.#rttSeconds };
  }

  /** One timer at a time: a wait for the welcome, then heartbeats, then a pause. */
  #setTimer(delayMs: number, callback: () => void): void {
    this.#cancelTimer();
    this.#cancelTimer = this.#parts.clock.setTimer(delayMs, callback);
  }
}
