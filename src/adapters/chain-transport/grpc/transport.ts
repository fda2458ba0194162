import type { ChainTransport } from '../../../application/ports/chain-transport.ts';
import { ChainSessions } from '../chain-session.ts';
import { ChannelPool, type ChannelPoolLimits, DEFAULT_POOL_LIMITS } from './channel-pool.ts';
import { connectGrpcHop } from './hop-link.ts';

/** Hidden states over `daisychain.v1.BlockServer`: one long-lived stream per session and hop, on pooled connections. */
export function createGrpcTransport(limits: Partial<ChannelPoolLimits> = {}): ChainTransport {
  const pool = new ChannelPool({ ...DEFAULT_POOL_LIMITS, ...limits });
  const sessions = new ChainSessions((request, hop, listener) => connectGrpcHop(pool, request, hop, listener));
  return {
    open: (request, signal) => sessions.open(request, signal),
    close: async () => {
      sessions.close();
      pool.close();
    },
  };
}
