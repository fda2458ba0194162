import { createLoopbackTransport } from '../../../src/adapters/chain-transport/loopback/transport.ts';
import type { BlockHost } from '../../../src/application/ports/block-host.ts';
import { describeChainRecovery } from '../../contract/chain-recovery.ts';
import { type ChainTransportRig, describeChainTransport } from '../../contract/chain-transport.ts';

const startRig = async (hosts: readonly BlockHost[]): Promise<ChainTransportRig> => {
  const addresses = hosts.map((_, i) => `memory:${i + 1}`);
  const transport = createLoopbackTransport(new Map(hosts.map((host, i) => [addresses[i] ?? '', host])));
  return { transport, addresses, close: () => transport.close() };
};

describeChainTransport('loopback', startRig);
describeChainRecovery('loopback', startRig);
