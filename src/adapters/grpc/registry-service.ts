import type { ServerDuplexStream } from '@grpc/grpc-js';
import type { KeyRing } from '../../application/access/key-ring.ts';
import type { Clock } from '../../application/ports/clock.ts';
import type { MemberLink } from '../../application/ports/member-link.ts';
import {
  checkRegistration,
  checkSpeeds,
  type RawRegistration,
  type RawSpeeds,
  type ServedModelFacts,
} from '../../application/swarm/check-registration.ts';
import type { Swarm } from '../../application/swarm/swarm.ts';
import type { Membership } from '../../domain/membership/membership.ts';
import { DispatcherError } from '../../domain/shared/errors.ts';
import type { DispatcherMessage } from '../wire/generated/daisychain/v1/DispatcherMessage.ts';
import type { Hello__Output } from '../wire/generated/daisychain/v1/Hello.ts';
import type { Performance__Output } from '../wire/generated/daisychain/v1/Performance.ts';
import type { ServerMessage__Output } from '../wire/generated/daisychain/v1/ServerMessage.ts';
import type { SwarmRegistryHandlers } from '../wire/generated/daisychain/v1/SwarmRegistry.ts';
import { printablePeerText } from '../wire/printable-text.ts';
import { type AddressPolicy, peerIpOf } from './address-policy.ts';
import { toStatus } from './error-map.ts';
import { readServerCertificate } from './server-certificate.ts';

export interface RegistryServiceDependencies {
  readonly swarm: Swarm;
  readonly membership: Membership;
  readonly model: ServedModelFacts;
  readonly addresses: AddressPolicy;
  readonly clock: Clock;
  readonly log: (message: string, fields: Readonly<Record<string, unknown>>) => void;
}

export interface RegistryServiceOptions {
  readonly heartbeatIntervalSeconds: number;
  readonly leaseSeconds: number;
  readonly dispatcherId: string;
  /** One of which a server must show; empty: no token is needed. */
  readonly joinTokens: Pick<KeyRing, 'isEmpty' | 'has'>;
  /** Streams that have not said who they are yet, at once. */
  readonly maxAnonymousStreams: number;
}

type JoinStream = ServerDuplexStream<ServerMessage__Output, DispatcherMessage>;

/** A stream must say who it is within this time. */
const HELLO_TIMEOUT_MS = 10_000;

/** Messages of one server in any second; a heartbeat each few seconds is what is expected. */
const MAX_MESSAGES_PER_SECOND = 50;

/** SwarmRegistry.Join: one stream per server, from Hello to its end. */
export function registryHandlers(
  deps: RegistryServiceDependencies,
  options: RegistryServiceOptions,
): SwarmRegistryHandlers {
  let anonymous = 0;
  return {
    Join: (stream) => {
      if (anonymous >= options.maxAnonymousStreams) {
        end(stream, new DispatcherError('DSP_QUEUE_FULL', 'too many servers are joining at once: try again shortly'));
        return;
      }
      anonymous += 1;
      new JoinedServer(stream, deps, options, () => {
        anonymous -= 1;
      });
    },
  };
}

/** One Join stream. Its peer is not trusted: every message is checked, and the first wrong one ends the stream. */
class JoinedServer implements MemberLink {
  readonly #stream: JoinStream;
  readonly #deps: RegistryServiceDependencies;
  readonly #options: RegistryServiceOptions;
  readonly #onKnown: () => void;
  #cancelHelloTimer: () => void;
  #identity: { readonly serverId: string; readonly incarnation: number } | undefined;
  #isAnonymous = true;
  #hasLeft = false;
  #isEnded = false;
  #secondStartedMs = 0;
  #messagesThisSecond = 0;

  constructor(
    stream: JoinStream,
    deps: RegistryServiceDependencies,
    options: RegistryServiceOptions,
    onKnown: () => void,
  ) {
    this.#stream = stream;
    this.#deps = deps;
    this.#options = options;
    this.#onKnown = onKnown;
    this.#cancelHelloTimer = deps.clock.setTimer(HELLO_TIMEOUT_MS, () =>
      this.end(new DispatcherError('DSP_INVALID_ARGUMENT', 'hello: did not arrive: it must be the first message')),
    );
    stream.on('data', (message: ServerMessage__Output) => this.#receive(message));
    stream.on('end', () => this.#close());
    stream.on('cancelled', () => this.#close());
    stream.on('error', () => this.#close());
  }

  hostSpan(order: { epoch: number; span: { firstBlock: number; blockCount: number }; cacheBytes: number }): void {
    this.#write({ hostSpan: { planEpoch: order.epoch, span: order.span, cacheBytes: order.cacheBytes } });
  }

  drained(): void {
    this.#write({ drained: {} });
  }

  end(reason: DispatcherError): void {
    if (this.#detach()) end(this.#stream, reason);
  }

  #write(message: DispatcherMessage): void {
    if (!this.#isEnded) this.#stream.write(message);
  }

  #receive(message: ServerMessage__Output): void {
    if (this.#isEnded) return;
    try {
      this.#limitRate();
      if (this.#identity === undefined) this.#hello(message);
      else this.#dispatch(message, this.#identity);
    } catch (error) {
      if (!(error instanceof DispatcherError)) throw error;
      this.#deps.log('join stream ended for a wrong message', {
        serverId: this.#identity?.serverId,
        peer: this.#stream.getPeer(),
        reason: error.message,
      });
      this.end(error);
    }
  }

  #hello(message: ServerMessage__Output): void {
    const hello = message.hello;
    if (!hello)
      throw new DispatcherError('DSP_INVALID_ARGUMENT', 'hello: must be the first message', { param: 'hello' });
    if (!this.#options.joinTokens.isEmpty && !this.#options.joinTokens.has(hello.joinToken)) {
      throw new DispatcherError(
        'DSP_UNAUTHENTICATED',
        hello.joinToken === ''
          ? 'join_token: this swarm asks for one: get it from the operator (--join-token or DAISYCHAIN_JOIN_TOKEN)'
          : 'join_token: it is not one of this swarm: ask the operator',
        { param: 'join_token' },
      );
    }
    const { membership, model, addresses, swarm } = this.#deps;
    const registration = checkRegistration(
      rawRegistration(hello, addresses.check(hello.address, peerIpOf(this.#stream.getPeer()), hello.protocol)),
      model,
    );
    const refusal = membership.whyRefused(registration, this.#deps.clock.nowMs());
    if (refusal !== undefined) throw new DispatcherError('DSP_JOIN_REFUSED', refusal);
    this.#known();
    // Welcome goes first: orders may follow within `join`.
    this.#write({
      welcome: {
        heartbeatIntervalSeconds: this.#options.heartbeatIntervalSeconds,
        leaseSeconds: this.#options.leaseSeconds,
        dispatcherId: this.#options.dispatcherId,
      },
    });
    const incarnation = swarm.join(registration, this);
    this.#identity = { serverId: registration.serverId, incarnation };
  }

  #dispatch(
    message: ServerMessage__Output,
    { serverId, incarnation }: { serverId: string; incarnation: number },
  ): void {
    const { swarm } = this.#deps;
    const { heartbeat, spanReady, spanFailed, leaving } = message;
    if (heartbeat) {
      swarm.heartbeat(serverId, incarnation, {
        cacheBytesFree: heartbeat.cacheBytesFree,
        sessions: heartbeat.sessions,
        speeds: heartbeat.performance ? checkSpeeds(rawSpeeds(heartbeat.performance)) : undefined,
      });
    } else if (spanReady) {
      const span = spanReady.span ?? { firstBlock: 0, blockCount: 0 };
      swarm.spanReady(serverId, incarnation, spanReady.planEpoch, span);
    } else if (spanFailed) {
      swarm.spanFailed(serverId, incarnation, spanFailed.planEpoch, printablePeerText(spanFailed.reason));
    } else if (leaving) {
      this.#hasLeft = true;
      this.#deps.log('server leaves', { serverId, reason: printablePeerText(leaving.reason) });
      swarm.leaving(serverId, incarnation);
    } else {
      throw new DispatcherError(
        'DSP_INVALID_ARGUMENT',
        'message: expected heartbeat, span_ready, span_failed or leaving',
        { param: 'message' },
      );
    }
  }

  #limitRate(): void {
    const nowMs = this.#deps.clock.nowMs();
    if (nowMs - this.#secondStartedMs >= 1_000) {
      this.#secondStartedMs = nowMs;
      this.#messagesThisSecond = 0;
    }
    this.#messagesThisSecond += 1;
    if (this.#messagesThisSecond > MAX_MESSAGES_PER_SECOND) {
      throw new DispatcherError('DSP_QUEUE_FULL', `more than ${MAX_MESSAGES_PER_SECOND} messages within a second`);
    }
  }

  #known(): void {
    this.#cancelHelloTimer();
    if (!this.#isAnonymous) return;
    this.#isAnonymous = false;
    this.#onKnown();
  }

  /** The peer ended the stream, or it broke. */
  #close(): void {
    if (this.#detach()) this.#stream.end();
  }

  /** From now on nothing of this stream counts. @returns false when that was so already */
  #detach(): boolean {
    if (this.#isEnded) return false;
    this.#isEnded = true;
    this.#known();
    if (this.#identity !== undefined)
      this.#deps.swarm.streamEnded(this.#identity.serverId, this.#identity.incarnation, this.#hasLeft);
    return true;
  }
}

function end(stream: JoinStream, reason: DispatcherError): void {
  stream.emit('error', toStatus(reason));
}

function rawRegistration(hello: Hello__Output, address: string): RawRegistration {
  return {
    serverId: hello.serverId,
    modelId: hello.modelId,
    address,
    protocol: hello.protocol,
    memoryBytes: hello.memoryBytes,
    speeds: hello.performance ? rawSpeeds(hello.performance) : undefined,
    hosted: hello.hosted ?? undefined,
    isPinned: hello.pinned,
    labels: hello.labels,
    dtype: hello.dtype,
    weightsDigest: hello.weightsDigest,
    sessionToken: hello.sessionToken,
    certificate: readServerCertificate(hello.certificate),
  };
}

function rawSpeeds(performance: Performance__Output): RawSpeeds {
  return {
    overheadSecondsPerBlock: performance.overheadSecondsPerBlock,
    prefillSecondsPerTokenPerBlock: performance.prefillSecondsPerTokenPerBlock,
    decodeSecondsPerTokenPerBlock: performance.decodeSecondsPerTokenPerBlock,
    rttSeconds: performance.rttSeconds,
    bandwidthBytesPerSecond: performance.bandwidthBytesPerSecond,
    concurrencySlope: performance.concurrencySlope,
  };
}
