import type { ChainTransport, OpenChainRequest } from '../../../application/ports/chain-transport.ts';
import { maxRowsPerStep } from '../../wire/limits.ts';
import { PetalsNetwork } from '../../wire/petals/petals-network.ts';
import { askServerInfo } from '../../wire/petals/server-info.ts';
import type { HiddenDtype } from '../../wire/petals/tensor-codec.ts';
import { ChainSessions } from '../chain-session.ts';
import type { HopConnector } from '../hop-link.ts';
import { connectPetalsHop, type PetalsHopOptions } from './hop-link.ts';
import { PushFailures, PushRoute } from './push-route.ts';

export interface PetalsTransportOptions {
  readonly dhtPrefix: string;
  readonly hiddenDtype?: HiddenDtype;
  readonly allocTimeoutMs?: number;
  /** Let servers send their output to the next one themselves, where all of them can. */
  readonly isPushAllowed?: boolean;
  /** Shared with the discovery; otherwise the transport makes and closes its own. */
  readonly network?: PetalsNetwork;
}

const DEFAULT_ALLOC_TIMEOUT_MS = 2_000;

/** Versions whose pushes work as `PushRoute` needs it. */
const PUSHING_VERSION = /^2\.2\./;

/** A server is asked for its version this long at most, ms: without an answer its chain does not push. */
const VERSION_TIMEOUT_MS = 2_000;
const MAX_VERSIONS = 4_096;

/** Sessions at PETALS servers, for `createChainTransport` to mix with others. */
export function createPetalsConnector(options: PetalsTransportOptions): HopConnector {
  const network = options.network ?? new PetalsNetwork();
  const hopOptions: PetalsHopOptions = {
    network,
    dhtPrefix: options.dhtPrefix,
    hiddenDtype: options.hiddenDtype ?? 'float32',
    allocTimeoutMs: options.allocTimeoutMs ?? DEFAULT_ALLOC_TIMEOUT_MS,
  };
  const failures = new PushFailures();
  const versions = new ServerVersions(network);
  const routes = new WeakMap<OpenChainRequest, PushRoute>();
  /** Sessions that were opened once: hops that replace others begin with a replay of many steps. */
  const begun = new WeakSet<object>();
  const routeOf = (request: OpenChainRequest): PushRoute | undefined => {
    const known = routes.get(request);
    if (known !== undefined) return known;
    const isReplacement = request.recovery !== undefined && begun.has(request.recovery);
    if (request.recovery !== undefined) begun.add(request.recovery);
    if (options.isPushAllowed === false || isReplacement || !isPushable(request)) return undefined;
    const addresses = request.hops.map((hop) => hop.address);
    const route = new PushRoute(addresses, failures, () => versions.allPush(addresses));
    routes.set(request, route);
    return route;
  };
  return {
    connect: (request, hop, listener) => connectPetalsHop(hopOptions, request, hop, listener, routeOf(request)),
    close: async () => {
      if (options.network === undefined) await network.close();
    },
  };
}

/** Hidden states to PETALS servers alone, over libp2p. */
export function createPetalsTransport(options: PetalsTransportOptions): ChainTransport {
  const connector = createPetalsConnector(options);
  const sessions = new ChainSessions(connector.connect);
  return {
    open: (request, signal) => sessions.open(request, signal),
    close: async () => {
      sessions.close();
      await connector.close();
    },
  };
}

/** Pushed steps go through the chain one at a time: worth it where the prompt is one step. */
function isPushable({ hops, prompt, hiddenSize }: OpenChainRequest): boolean {
  if (hops.length < 2 || prompt === undefined || prompt.steps > 1 || prompt.tokens > maxRowsPerStep(hiddenSize))
    return false;
  return hops.every((hop) => hop.address.startsWith('/'));
}

/** Versions of PETALS by server address, asked for once. */
class ServerVersions {
  readonly #network: PetalsNetwork;
  readonly #known = new Map<string, string>();

  constructor(network: PetalsNetwork) {
    this.#network = network;
  }

  async allPush(addresses: readonly string[]): Promise<boolean> {
    const versions = await Promise.all(addresses.map((address) => this.#versionAt(address)));
    return versions.every((version) => PUSHING_VERSION.test(version));
  }

  async #versionAt(address: string): Promise<string> {
    const known = this.#known.get(address);
    if (known !== undefined) return known;
    const { version } = await askServerInfo(this.#network, address, '', VERSION_TIMEOUT_MS);
    const [oldest] = this.#known.keys();
    if (this.#known.size >= MAX_VERSIONS && oldest !== undefined) this.#known.delete(oldest);
    this.#known.set(address, version);
    return version;
  }
}
