import type { MeasuredSpeed } from '../../application/ports/block-host.ts';
import type { ChainTransport } from '../../application/ports/chain-transport.ts';
import type { ListedServer, LiveServerState, SwarmDirectory } from '../../application/ports/swarm-directory.ts';
import { measureSessionSpeed } from '../../application/server/measure-session-speed.ts';
import type { PetalsNetwork } from '../wire/petals/petals-network.ts';
import { askServerInfo } from '../wire/petals/server-info.ts';
import { DhtClient } from './dht-client.ts';
import { PeerBook } from './peer-book.ts';
import { isBetterRecord, readServerRecord, type ServerRecord } from './server-record.ts';

export interface PetalsDirectoryOptions {
  /** Multiaddrs of peers that any server of the swarm knows. */
  readonly bootstrap: readonly string[];
  readonly dhtPrefix: string;
  readonly blockCount: number;
  readonly hiddenSize: number;
  readonly modelId: string;
  /** Servers considered at once; the rest is not looked at. */
  readonly maxServers: number;
  /** Longest wait for a server's answer, ms. */
  readonly askTimeoutMs: number;
  /** Unguessable ids for measuring sessions. */
  readonly newId: () => string;
  /** Unix seconds, for records that have expired. */
  readonly unixSeconds: () => number;
}

const LOOK_UPS_AT_ONCE = 16;

/** The servers of an existing PETALS swarm, from its hash table and from themselves. */
export class PetalsDirectory implements SwarmDirectory {
  readonly #options: PetalsDirectoryOptions;
  readonly #network: PetalsNetwork;
  readonly #transport: ChainTransport;
  readonly #book: PeerBook;
  readonly #dht: DhtClient;

  /** @param transport for measuring sessions */
  constructor(options: PetalsDirectoryOptions, network: PetalsNetwork, transport: ChainTransport) {
    this.#options = options;
    this.#network = network;
    this.#transport = transport;
    this.#book = new PeerBook(network, options.bootstrap);
    this.#dht = new DhtClient(network, this.#book, options.bootstrap);
  }

  async list(): Promise<readonly ListedServer[]> {
    const { dhtPrefix, blockCount, maxServers, unixSeconds } = this.#options;
    const keys = Array.from({ length: blockCount }, (_, block) => `${dhtPrefix}.${block}`);
    const dictionaries = await this.#dht.findDictionaries(keys);
    const now = unixSeconds();
    const best = new Map<string, ServerRecord>();
    for (const [block, entries] of dictionaries.entries()) {
      for (const entry of entries) {
        const record = readServerRecord(entry, block, blockCount);
        if (record === undefined || record.expiresAt < now) continue;
        const known = best.get(record.peerId);
        if (known === undefined && best.size >= maxServers) continue;
        if (known === undefined || isBetterRecord(record, known)) best.set(record.peerId, record);
      }
    }
    const listed: (ListedServer | undefined)[] = [];
    const records = [...best.values()];
    for (let at = 0; at < records.length; at += LOOK_UPS_AT_ONCE) {
      const some = records.slice(at, at + LOOK_UPS_AT_ONCE);
      listed.push(...(await Promise.all(some.map((record) => this.#locate(record)))));
    }
    return listed.filter((server) => server !== undefined).sort((a, b) => (a.serverId < b.serverId ? -1 : 1));
  }

  async ask(server: ListedServer): Promise<LiveServerState> {
    const { dhtPrefix, askTimeoutMs } = this.#options;
    const { firstBlock, blockCount } = server.span;
    const lastBlock = firstBlock + blockCount - 1;
    // Both ends of the span: a server that has moved, or a record that is forged, shows at one of them.
    if (blockCount > 1) await askServerInfo(this.#network, server.address, `${dhtPrefix}.${firstBlock}`, askTimeoutMs);
    const startedMs = performance.now();
    const info = await askServerInfo(this.#network, server.address, `${dhtPrefix}.${lastBlock}`, askTimeoutMs);
    // One round trip agrees on the protocol, one carries the call.
    const rttSeconds = (performance.now() - startedMs) / 2_000;
    return { rttSeconds, cacheTokensFree: info.cacheTokensAvailable };
  }

  measureSpeed(server: ListedServer): Promise<MeasuredSpeed> {
    const { hiddenSize, modelId, askTimeoutMs, newId } = this.#options;
    const { serverId, address, span } = server;
    return measureSessionSpeed(
      this.#transport,
      { serverId, address, protocol: 'petals', ...span },
      { id: modelId, hiddenSize },
      { sessionId: newId(), stepTimeoutMs: askTimeoutMs, nowMs: () => performance.now() },
    );
  }

  async #locate(record: ServerRecord): Promise<ListedServer | undefined> {
    let address: string | undefined;
    for (const peer of this.#options.bootstrap) {
      address = await this.#book.find(record.peerId, peer);
      if (address !== undefined) break;
    }
    if (address === undefined) return undefined;
    return {
      serverId: record.peerId,
      address,
      span: record.span,
      state: record.state,
      decodeSecondsPerTokenPerBlock: record.inferenceRps === undefined ? undefined : 1 / record.inferenceRps,
      prefillSecondsPerTokenPerBlock: record.forwardRps === undefined ? undefined : 1 / record.forwardRps,
      dtype: record.dtype,
      quantization: record.quantization,
      version: record.version,
    };
  }
}
