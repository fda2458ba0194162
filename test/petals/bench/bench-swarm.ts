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
  const servers: PetalsServer[] = [];
  const proxies: TcpProxy[] = [];
  for (const blocks of spans) {
    const port = await freePort();
    const proxy = roundTripMs > 0 ? await TcpProxy.start({ targetPort: port, delayMs: roundTripMs / 2 }) : undefined;
    if (proxy !== undefined) proxies.push(proxy);
    servers.push(
      await PetalsServer.start({
        blocks,
        port,
        announcedPort: proxy?.port ?? port,
        ...(servers[0] === undefined ? {} : { peers: [servers[0].address] }),
        // Enough for all sessions of a run at once.
        cacheTokens: 4096,
        updatePeriodSeconds: 30,
      }),
    );
  }
  return {
    bootstrap: servers[0]?.address ?? '',
    hops: spans.map((blocks, i) => hopAt(servers[i] as PetalsServer, blocks)),
    stop: async () => {
      await Promise.all(servers.map((server) => server.stop()));
      await Promise.all(proxies.map((proxy) => proxy.close()));
    },
  };
}
