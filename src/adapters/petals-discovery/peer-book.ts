import { isIP } from 'node:net';
import { DispatcherError } from '../../domain/shared/errors.ts';
import { base58Of, bytesOfBase58 } from '../wire/petals/base58.ts';
import { decodePetals, encodePetals, type WirePeer } from '../wire/petals/messages.ts';
import { multiaddrText } from '../wire/petals/multiaddr-text.ts';
import { parsePeerAddress } from '../wire/petals/peer-address.ts';
import type { PetalsNetwork } from '../wire/petals/petals-network.ts';
import { exchange } from '../wire/petals/unary-call.ts';

const KAD_PROTOCOL = '/ipfs/kad/1.0.0';
const FIND_NODE = 4;
const CALL_TIMEOUT_MS = 5_000;
const MAX_PEERS = 10_000;
/** An address that was found, or not found, is looked up again after this, ms. */
const FRESH_MS = 60_000;
const MAX_ADDRESSES = 32;

interface Entry {
  readonly address: string | undefined;
  readonly learnedMs: number;
}

/** Addresses of peers by id, asked from other peers. */
export class PeerBook {
  readonly #network: PetalsNetwork;
  /** Oldest first. */
  readonly #peers = new Map<string, Entry>();

  /** @param known addresses to begin with, which stay */
  constructor(network: PetalsNetwork, known: readonly string[]) {
    this.#network = network;
    for (const address of known) {
      const peerId = parsePeerAddress(address)?.peerId;
      if (peerId !== undefined) this.#peers.set(peerId, { address, learnedMs: Number.POSITIVE_INFINITY });
    }
  }

  /** A multiaddr that ends in the peer's id, undefined when none was found. */
  addressOf(peerId: string): string | undefined {
    return this.#peers.get(peerId)?.address;
  }

  /** Finds out a peer's address, unless it is known. @param from whom to ask @returns the peer's id, undefined when the bytes are none */
  async learn(id: Uint8Array, from: string): Promise<string | undefined> {
    const peerId = base58Of(id);
    if (peerId !== undefined) await this.find(peerId, from);
    return peerId;
  }

  /** Finds out a peer's address, unless it is known well enough. Undefined when `from` does not know it. */
  async find(peerId: string, from: string): Promise<string | undefined> {
    const known = this.#peers.get(peerId);
    if (known !== undefined && performance.now() - known.learnedMs < FRESH_MS) return known.address;
    const address = (await this.#ask(peerId, from)) ?? known?.address;
    const [oldest] = this.#peers.keys();
    if (!this.#peers.has(peerId) && this.#peers.size >= MAX_PEERS && oldest !== undefined) this.#peers.delete(oldest);
    this.#peers.set(peerId, { address, learnedMs: performance.now() });
    return address;
  }

  async #ask(peerId: string, from: string): Promise<string | undefined> {
    const key = bytesOfBase58(peerId);
    if (key === undefined) return undefined;
    try {
      const query = encodePetals('petals.kad.Query', { type: FIND_NODE, key });
      const reply = await exchange(this.#network, from, KAD_PROTOCOL, query, CALL_TIMEOUT_MS);
      const { closerPeers } = decodePetals('petals.kad.Query', reply);
      const peer = closerPeers.find(({ id }) => Buffer.compare(id, key) === 0);
      return peer === undefined ? undefined : bestAddress(peer, peerId, from);
    } catch (error) {
      if (error instanceof DispatcherError) return undefined;
      throw error;
    }
  }
}

/**
 * The address to dial. Servers announce every address they have; one of the same kind as that of the
 * peer which told it (this machine, a private network, the internet) is the likeliest to be reachable.
 */
function bestAddress(peer: WirePeer, peerId: string, from: string): string | undefined {
  const addresses = peer.addresses
    .slice(0, MAX_ADDRESSES)
    .map((bytes) => multiaddrText(bytes))
    .filter((text) => text !== undefined)
    .map((text) => (text.includes('/p2p/') ? text : `${text}/p2p/${peerId}`))
    .filter((text) => parsePeerAddress(text)?.peerId === peerId);
  const wanted = reachOf(from);
  const distance = (address: string): number => Math.abs(reachOf(address) - wanted);
  return addresses.sort((a, b) => distance(a) - distance(b))[0];
}

/** 0 this machine, 1 a private network, 2 anywhere. */
function reachOf(address: string): number {
  const host = address.split('/')[2] ?? '';
  if (host === '::1' || host.startsWith('127.')) return 0;
  if (isIP(host) === 4 && /^(?:10\.|192\.168\.|172\.(?:1[6-9]|2\d|3[01])\.|169\.254\.)/.test(host)) return 1;
  return /^f[cde]/i.test(host) && isIP(host) === 6 ? 1 : 2;
}
