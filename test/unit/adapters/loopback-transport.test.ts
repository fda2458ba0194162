import { createLoopbackTransport } from '../../../src/adapters/chain-transport/loopback/transport.ts';
import { describeChainTransport } from '../../contract/chain-transport.ts';

describeChainTransport('loopback', async (hosts) => {
  const addresses = hosts.map((_, i) => `memory:${i + 1}`);
  const transport = createLoopbackTransport(new Map(hosts.map((host, i) => [addresses[i] ?? '', host])));
  return { transport, addresses, close: () => transport.close() };
});
