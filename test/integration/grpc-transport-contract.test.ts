import { pino } from 'pino';
import { startBlockService } from '../../src/adapters/block-service/server.ts';
import { createGrpcTransport } from '../../src/adapters/chain-transport/grpc/transport.ts';
import { describeChainTransport } from '../contract/chain-transport.ts';

describeChainTransport('gRPC', async (hosts) => {
  const logger = pino({ enabled: false });
  const services = await Promise.all(
    hosts.map((host) => startBlockService({ host, listen: { host: '127.0.0.1', port: 0 }, logger })),
  );
  const transport = createGrpcTransport();
  return {
    transport,
    addresses: services.map((service) => service.address),
    close: async () => {
      await transport.close();
      await Promise.all(services.map((service) => service.close()));
    },
  };
});
