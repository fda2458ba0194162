import type { Connection, Libp2p, Stream } from '@libp2p/interface';
import { DispatcherError } from '../../../domain/shared/errors.ts';
import { printablePeerText } from '../printable-text.ts';
import { type PeerAddress, parsePeerAddress } from './peer-address.ts';

export interface PetalsNetworkLimits {
  /** Peers connected at once; beyond it the one idle longest is let go. */
  readonly maxPeers: number;
  /** Longest wait for a connection, ms. */
  readonly dialTimeoutMs: number;
}

export const DEFAULT_NETWORK_LIMITS: PetalsNetworkLimits = { maxPeers: 1_024, dialTimeoutMs: 10_000 };

/** Sessions may rest between two tokens as long as servers let them: 30 minutes. */
const LONGEST_REST_MS = 30 * 60_000;

/** What a peer may open towards us: nothing is served here. */
const MAX_INBOUND_STREAMS = 16;

interface PooledPeer {
  readonly connection: Promise<Connection>;
  /** False while it is dialled. */
  isConnected: boolean;
  streams: number;
  /** Not given out any more; it ends with its last stream. */
  isRetired: boolean;
}

interface Modules {
  readonly node: Libp2p;
  readonly toMultiaddr: typeof import('@multiformats/multiaddr').multiaddr;
}

/**
 * libp2p connections to PETALS peers, one per peer, shared by calls and sessions, dialled when first
 * needed and again after they broke. The libraries are loaded with the first dial: a dispatcher
 * without PETALS servers never pays for them.
 */
export class PetalsNetwork {
  readonly #limits: PetalsNetworkLimits;
  /** By peer id, least recently used first. */
  readonly #peers = new Map<string, PooledPeer>();
  #modules: Promise<Modules> | undefined;
  #isClosed = false;

  constructor(limits: Partial<PetalsNetworkLimits> = {}) {
    this.#limits = { ...DEFAULT_NETWORK_LIMITS, ...limits };
  }

  /**
   * A stream for one of the peer's protocols. The caller ends it with `abort` or `close`.
   * @param address a multiaddr ending in /p2p/ID
   * @throws DispatcherError DSP_SERVER_LOST when the peer cannot be reached, is another one, or lacks the protocol
   */
  async openStream(address: string, protocol: string, signal: AbortSignal): Promise<Stream> {
    const peer = parsePeerAddress(address);
    if (peer === undefined)
      throw lost(`'${printablePeerText(address)}' is not /ip4/HOST/tcp/PORT/p2p/ID, the address of a PETALS server`);
    const pooled = this.#pooled(peer);
    pooled.streams += 1;
    const release = (): void => {
      pooled.streams -= 1;
      if (pooled.isRetired && pooled.streams === 0) endConnection(pooled);
    };
    try {
      const connection = await raceAbort(pooled.connection, signal);
      const stream = await connection.newStream(protocol, { signal, maxOutboundStreams: 65_536 });
      stream.addEventListener('close', release, { once: true });
      return stream;
    } catch (cause) {
      release();
      if (cause instanceof DispatcherError) throw cause;
      const reason = cause instanceof Error ? printablePeerText(cause.message) : 'unknown reason';
      throw lost(`no stream to ${peer.multiaddr}: ${reason}`, cause);
    }
  }

  /**
   * The peer did not answer: its connection may be dead without knowing, so the next use dials anew.
   * Streams that are open stay until their owners end them. A connection that is still dialled stays
   * too: it has its own time limit, and libp2p gives a second dial to the peer the same connection.
   */
  forget(address: string): void {
    const peer = parsePeerAddress(address);
    const pooled = peer === undefined ? undefined : this.#peers.get(peer.peerId);
    if (peer === undefined || pooled?.isConnected !== true) return;
    this.#peers.delete(peer.peerId);
    pooled.isRetired = true;
    if (pooled.streams === 0) endConnection(pooled);
  }

  /** Ends every connection; later calls fail. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#peers.clear();
    const modules = await this.#modules?.catch(() => undefined);
    await modules?.node.stop();
  }

  #pooled(peer: PeerAddress): PooledPeer {
    if (this.#isClosed) throw lost('the connections to PETALS servers are closed');
    const known = this.#peers.get(peer.peerId);
    if (known !== undefined) {
      this.#peers.delete(peer.peerId);
      this.#peers.set(peer.peerId, known);
      return known;
    }
    this.#makeRoom();
    const added: PooledPeer = { connection: this.#dial(peer), isConnected: false, streams: 0, isRetired: false };
    const drop = (): void => {
      if (this.#peers.get(peer.peerId) === added) this.#peers.delete(peer.peerId);
    };
    this.#peers.set(peer.peerId, added);
    added.connection.then((connection) => {
      added.isConnected = true;
      connection.addEventListener('close', drop, { once: true });
    }, drop);
    return added;
  }

  async #dial(peer: PeerAddress): Promise<Connection> {
    const { node, toMultiaddr } = await this.#load();
    try {
      const signal = AbortSignal.timeout(this.#limits.dialTimeoutMs);
      return await node.dial(toMultiaddr(peer.multiaddr), { signal, force: true });
    } catch (cause) {
      const reason = cause instanceof Error ? printablePeerText(innermost(cause)) : 'unknown reason';
      throw lost(`${peer.multiaddr} cannot be reached: ${reason}`, cause);
    }
  }

  #makeRoom(): void {
    if (this.#peers.size < this.#limits.maxPeers) return;
    for (const [peerId, pooled] of this.#peers) {
      if (pooled.streams > 0) continue;
      this.#peers.delete(peerId);
      endConnection(pooled);
      return;
    }
    throw lost(`connections to ${this.#limits.maxPeers} PETALS servers are in use, the limit`);
  }

  #load(): Promise<Modules> {
    this.#modules ??= loadModules(this.#limits);
    return this.#modules;
  }
}

async function loadModules(limits: PetalsNetworkLimits): Promise<Modules> {
  const [{ createLibp2p }, { tcp }, { noise }, { yamux }, { multiaddr }] = await Promise.all([
    import('libp2p'),
    import('@libp2p/tcp'),
    import('@chainsafe/libp2p-noise'),
    import('@chainsafe/libp2p-yamux'),
    import('@multiformats/multiaddr'),
  ]);
  const node = await createLibp2p({
    addresses: { listen: [] },
    // Tokens are small messages that must leave at once.
    transports: [tcp({ dialOpts: { noDelay: true, keepAlive: true } })],
    connectionEncrypters: [noise()],
    streamMuxers: [
      yamux({
        maxInboundStreams: MAX_INBOUND_STREAMS,
        maxOutboundStreams: 65_536,
        streamOptions: { inactivityTimeout: LONGEST_REST_MS },
      }),
    ],
    // Which connection goes is decided by the pool above; libp2p must not cut one in use.
    connectionManager: { maxConnections: limits.maxPeers * 2, reconnectRetries: 0 },
    // Every call and step has its own time limit; a busy server must not be cut off for a slow ping.
    connectionMonitor: { enabled: false },
  });
  return { node, toMultiaddr: multiaddr };
}

function endConnection(pooled: PooledPeer): void {
  pooled.connection.then(
    (connection) => connection.abort(new Error('the connection is not used any more')),
    () => {},
  );
}

/** What went wrong with the only address, where libp2p reports a failed dial as an aggregate. */
function innermost(error: Error): string {
  const first = error instanceof AggregateError ? error.errors[0] : undefined;
  return first instanceof Error ? first.message : error.message;
}

/** Waits for a shared promise without ending it when this caller gives up. */
function raceAbort<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason);
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}

function lost(problem: string, cause?: unknown): DispatcherError {
  return new DispatcherError('DSP_SERVER_LOST', problem, { cause });
}
