import type { ChainTransport, TransportHop } from '../../application/ports/chain-transport.ts';
import { DispatcherError } from '../../domain/shared/errors.ts';
import { ChainSessions } from './chain-session.ts';
import type { HopConnector } from './hop-link.ts';

/**
 * Chains whose hops may speak different protocols: each hop's session is opened by the connector of
 * what its server speaks.
 * @param connectors by protocol; one that is missing is not spoken here
 */
export function createMixedTransport(
  connectors: Readonly<Partial<Record<NonNullable<TransportHop['protocol']>, HopConnector>>>,
): ChainTransport {
  const sessions = new ChainSessions((request, hop, listener) => {
    const protocol = hop.protocol ?? 'grpc';
    const connector = connectors[protocol];
    if (connector === undefined) {
      const { serverId } = hop;
      throw new DispatcherError('DSP_SERVER_LOST', `Server ${serverId} speaks ${protocol}, which is not set up here.`, {
        serverId,
      });
    }
    return connector.connect(request, hop, listener);
  });
  return {
    open: (request, signal) => sessions.open(request, signal),
    close: async () => {
      sessions.close();
      await Promise.all(Object.values(connectors).map((connector) => connector.close()));
    },
  };
}
