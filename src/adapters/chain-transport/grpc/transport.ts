import type { ChainTransport } from '../../../application/ports/chain-transport.ts';
import { ChainSessions } from '../chain-session.ts';
import type { HopConnector } from '../hop-link.ts';
import { ChannelPool, type ChannelPoolLimits, DEFAULT_POOL_LIMITS } from './channel-pool.ts';
import { connectGrpcHop } from './hop-link.ts';

/** Sessions over `daisychain.v1.BlockServer`, for `createMixedTransport`. */
export function createGrpcConnector(limits: Partial<ChannelPoolLimits> = {}): HopConnector {
  const pool = new ChannelPool({ ...DEFAULT_POOL_LIMITS, ...limits });
  return {
    connect: (request, hop, listener) => connectGrpcHop(pool, request, hop, listener),
    close: async () => pool.close(),
  };
}

/** Hidden states over `daisychain.v1.BlockServer`: one long-lived stream per session and hop, on pooled connections. */
export function createGrpcTransport(limits: Partial<ChannelPoolLimits> = {}): ChainTransport {
  const connector = createGrpcConnector(limits);
  const sessions = new ChainSessions(connector.connect);
  return {
    open: (request, signal) => sessions.open(request, signal),
    close: async () => {
      sessions.close();
      await connector.close();
    },
  };
}
