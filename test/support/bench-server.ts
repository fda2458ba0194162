// A process for benchmarks: `echo` is a bare grpc-js bidirectional echo, `blocks` a block service whose
// blocks cost nothing or `stepMs`. Prints its port and ends with its parent.
import { Server, ServerCredentials, type ServerDuplexStream } from '@grpc/grpc-js';
import { pino } from 'pino';
import { startBlockService } from '../../src/adapters/block-service/server.ts';
import { MemoryBlockHost } from './memory-block-host.ts';

const [kind, hiddenSize, stepMs] = process.argv.slice(2);
process.stdin.resume().once('end', () => process.exit());

if (kind === 'echo') {
  const asIs = (message: Buffer): Buffer => message;
  const server = new Server();
  server.addService(
    {
      Echo: {
        path: '/echo',
        requestStream: true,
        responseStream: true,
        requestSerialize: asIs,
        requestDeserialize: asIs,
        responseSerialize: asIs,
        responseDeserialize: asIs,
      },
    },
    {
      Echo: (stream: ServerDuplexStream<Buffer, Buffer>) =>
        stream.on('data', (message) => stream.write(message)).on('error', () => {}),
    },
  );
  server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (_, port) => process.stdout.write(`${port}\n`));
} else {
  const host = new MemoryBlockHost({
    hiddenSize: Number(hiddenSize),
    cacheTokens: 1e9,
    ...(stepMs === undefined ? {} : { stepMs: Number(stepMs) }),
  });
  const service = await startBlockService({
    host,
    listen: { host: '127.0.0.1', port: 0 },
    logger: pino({ enabled: false }),
  });
  process.stdout.write(`${service.address.split(':')[1]}\n`);
}
