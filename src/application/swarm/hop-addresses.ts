import type { Membership } from '../../domain/membership/membership.ts';
import type { Chain } from '../../domain/model/chain.ts';
import { DispatcherError } from '../../domain/shared/errors.ts';
import type { TransportHop } from '../ports/chain-transport.ts';

/**
 * Where a chain's servers are reached now.
 * @throws DispatcherError DSP_SERVER_LOST when one of them has left meanwhile
 */
export function hopAddresses(membership: Pick<Membership, 'get'>, chain: Pick<Chain, 'hops'>): readonly TransportHop[] {
  return chain.hops.map(({ serverId, firstBlock, blockCount }) => {
    const member = membership.get(serverId);
    if (member === undefined)
      throw new DispatcherError('DSP_SERVER_LOST', `${serverId} left before the request reached it`, { serverId });
    const { address, protocol, sessionToken, certificate } = member;
    return { serverId, address, protocol, firstBlock, blockCount, sessionToken, certificate };
  });
}
