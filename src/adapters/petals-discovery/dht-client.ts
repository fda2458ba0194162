import { createHash } from 'node:crypto';
import { DispatcherError } from '../../domain/shared/errors.ts';
import { DictionaryValue, decodeMsgpack } from '../wire/petals/decode-msgpack.ts';
import { encodeMsgpack } from '../wire/petals/encode-msgpack.ts';
import { decodePetals, encodePetals, type WireFindResult } from '../wire/petals/messages.ts';
import type { PetalsNetwork } from '../wire/petals/petals-network.ts';
import { callUnary } from '../wire/petals/unary-call.ts';
import type { PeerBook } from './peer-book.ts';

/** Peers asked in one look-up, and how many of the nearest ones for each key that was not found. */
const MAX_PEERS_ASKED = 64;
const MAX_ROUNDS = 8;
const NEAREST_PEERS = 3;
/** Keys in one message. */
const MAX_KEYS_PER_CALL = 128;
const CALL_TIMEOUT_MS = 5_000;
/** Of one block: a server writes one, and the table keeps no more than a few hundred. */
const MAX_ENTRIES_PER_KEY = 4_096;

/** The state of one look-up. */
interface Search {
  readonly keyIds: readonly Buffer[];
  /** Entries by key, as they came. */
  readonly entries: unknown[][];
  readonly isFound: boolean[];
  /** Peers named as near to a key, by key. */
  readonly nearest: Set<string>[];
  readonly asked: Set<string>;
  answers: number;
}

/** Reads a hivemind hash table as a client: it stores nothing, and nobody routes through it. */
export class DhtClient {
  readonly #network: PetalsNetwork;
  readonly #book: PeerBook;
  readonly #bootstrap: readonly string[];

  /** @param bootstrap addresses of peers to begin with */
  constructor(network: PetalsNetwork, book: PeerBook, bootstrap: readonly string[]) {
    this.#network = network;
    this.#book = book;
    this.#bootstrap = bootstrap;
  }

  /**
   * The dictionaries under the keys: all entries that were found, from one peer or several, not yet
   * checked in any way. Asks the bootstrap peers, then the nearest peers they name in turn.
   * @throws DispatcherError DSP_SERVER_LOST when nobody answers
   */
  async findDictionaries(keys: readonly string[]): Promise<readonly (readonly unknown[])[]> {
    const search: Search = {
      keyIds: keys.map(keyId),
      entries: keys.map(() => []),
      isFound: keys.map(() => false),
      nearest: keys.map(() => new Set()),
      asked: new Set(),
      answers: 0,
    };
    const all = keys.map((_, i) => i);
    const failures = await Promise.all(this.#bootstrap.map((address) => this.#ask(search, address, all)));
    if (search.answers === 0) {
      const reason = failures.find((failure) => failure !== undefined)?.message ?? 'no address is given';
      throw new DispatcherError('DSP_SERVER_LOST', `no bootstrap peer of the PETALS swarm answers: ${reason}`);
    }
    for (let round = 0; round < MAX_ROUNDS; round += 1) {
      const questions = this.#nextQuestions(search);
      if (questions.size === 0) break;
      await Promise.all([...questions].map(([address, indices]) => this.#ask(search, address, indices)));
    }
    return search.entries;
  }

  /** For each key that is not found, the nearest peers that have not been asked. */
  #nextQuestions(search: Search): Map<string, number[]> {
    const questions = new Map<string, number[]>();
    for (const [i, isFound] of search.isFound.entries()) {
      if (isFound) continue;
      let count = 0;
      for (const peerId of search.nearest[i] as Set<string>) {
        const address = search.asked.has(peerId) ? undefined : this.#book.addressOf(peerId);
        if (address === undefined) continue;
        if (!questions.has(address) && search.asked.size + questions.size >= MAX_PEERS_ASKED) continue;
        questions.set(address, [...(questions.get(address) ?? []), i]);
        count += 1;
        if (count >= NEAREST_PEERS) break;
      }
    }
    return questions;
  }

  /** Asks one peer for some of the keys. @returns why it did not answer, if it did not */
  async #ask(search: Search, address: string, indices: readonly number[]): Promise<DispatcherError | undefined> {
    search.asked.add(address.slice(address.lastIndexOf('/') + 1));
    try {
      for (let at = 0; at < indices.length; at += MAX_KEYS_PER_CALL) {
        const some = indices.slice(at, at + MAX_KEYS_PER_CALL);
        const request = encodePetals('petals.dht.FindRequest', {
          keys: some.map((i) => search.keyIds[i] as Buffer),
          peer: { nodeId: Buffer.alloc(0) },
        });
        const reply = await callUnary(this.#network, address, 'DHTProtocol.rpc_find', request, CALL_TIMEOUT_MS);
        const { results } = decodePetals('petals.dht.FindResponse', reply);
        for (const [j, i] of some.entries()) await this.#take(search, i, results[j], address);
      }
      search.answers += 1;
      return undefined;
    } catch (error) {
      if (error instanceof DispatcherError) return error;
      throw error;
    }
  }

  async #take(search: Search, key: number, result: WireFindResult | undefined, from: string): Promise<void> {
    if (result === undefined) return;
    if (result.type === 2) {
      const value = decodeMsgpack(result.value);
      const entries = value instanceof DictionaryValue ? value.entries : [];
      const known = search.entries[key] as unknown[];
      known.push(...entries.slice(0, MAX_ENTRIES_PER_KEY - known.length));
      search.isFound[key] = true;
    }
    const nearest = search.nearest[key] as Set<string>;
    for (const peerId of result.nearestPeerIds.slice(0, NEAREST_PEERS * 4)) {
      const name = await this.#book.learn(peerId, from);
      if (name !== undefined) nearest.add(name);
    }
  }
}

/** Where a key lies: the SHA-1 of its msgpack. */
function keyId(key: string): Buffer {
  return createHash('sha1').update(encodeMsgpack(key)).digest();
}
