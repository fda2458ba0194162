import type { TransportHop } from '../../../src/application/ports/chain-transport.ts';
import { TcpProxy } from '../../support/tcp-proxy.ts';
import { hopAt } from '../support/greedy-run.ts';
import { freePort, PetalsServer } from '../support/petals-server.ts';

/** Real PETALS servers of tiny-austen on this machine, as far from one another and from clients as one likes. */
export interface BenchSwarm {
  readonly bootstrap: string;
  readonly hops: readonly TransportHop[];
  stop(): Promise<void>;
}

/**
 * @param spans `first:end` of each server
 * @param roundTripMs between any two of the servers and the clients: every connection goes through a
 *   proxy before the server that it leads to, which is also the address that the server announces; 0: none
 */
export async function startBenchSwarm(spans: readonly string[], roundTripMs: number): Promise<BenchSwarm> {
  const proxies: TcpProxy[] = [];
  const start = async (blocks: string, peers: { readonly peers?: readonly string[] }): Promise<PetalsServer> => {
    const port = await freePort();
    const proxy = roundTripMs > 0 ? await TcpProxy.start({ targetPort: port, delayMs: roundTripMs / 2 }) : undefined;
    if (proxy !== undefined) proxies.push(proxy);
    const announcedPort = proxy?.port ?? port;
    // Cache enough for all sessions of a run at once.
    return PetalsServer.start({ blocks, port, announcedPort, ...peers, cacheTokens: 4096, updatePeriodSeconds: 30 });
  };
  const [first = '', ...others] = spans;
  const servers = [await start(first, {})];
  const peers = [servers[0]?.address ?? ''];
  servers.push(...(await Promise.all(others.map((blocks) => start(blocks, { peers })))));
  return {
    bootstrap: servers[0]?.address ?? '',
    hops: spans.map((blocks, i) => hopAt(servers[i] as PetalsServer, blocks)),
    stop: async () => {
      await Promise.all(servers.map((server) => server.stop()));
      await Promise.all(proxies.map((proxy) => proxy.close()));
    },
  };
}
