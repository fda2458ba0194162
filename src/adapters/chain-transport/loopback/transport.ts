import type { BlockHost } from '../../../application/ports/block-host.ts';
import type { ChainTransport } from '../../../application/ports/chain-transport.ts';
import type { Clock } from '../../../application/ports/clock.ts';
import { ChainSessions } from '../chain-session.ts';
import { connectLoopbackHop } from './hop-link.ts';

/**
 * Hidden states to block hosts in this process, without sockets or copies: for tests.
 * @param hosts by the address that a request's hops name   @param clock times the hops
 */
export function createLoopbackTransport(hosts: ReadonlyMap<string, BlockHost>, clock?: Clock): ChainTransport {
  const sessions = new ChainSessions(
    (request, hop, listener) => connectLoopbackHop(hosts.get(hop.address), request, hop, listener),
    clock,
  );
  return {
    open: (request, signal) => sessions.open(request, signal),
    close: async () => sessions.close(),
  };
}
