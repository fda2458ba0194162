import { pino } from 'pino';
import { startBlockService } from '../../src/adapters/block-service/server.ts';
import { createGrpcTransport } from '../../src/adapters/chain-transport/grpc/transport.ts';
import type { BlockHost } from '../../src/application/ports/block-host.ts';
import { describeChainRecovery } from '../contract/chain-recovery.ts';
import { type ChainTransportRig, describeChainTransport } from '../contract/chain-transport.ts';

const startRig = async (hosts: readonly BlockHost[]): Promise<ChainTransportRig> => {
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
};

describeChainTransport('gRPC', startRig);
describeChainRecovery('gRPC', startRig);
