// A process for benchmarks, which prints its port and ends with its parent:
//   echo                                     a bare grpc-js bidirectional echo
//   blocks HIDDEN_SIZE [MS_PER_TOKEN]        a block service whose blocks cost nothing, or that time
//   model FIRST_BLOCK BLOCK_COUNT            a block service over blocks of the bundled model
import { Server, ServerCredentials, type ServerDuplexStream } from '@grpc/grpc-js';
import { pino } from 'pino';
import { startBlockService } from '../../src/adapters/block-service/server.ts';
import type { BlockHost } from '../../src/application/ports/block-host.ts';
import { createBlockHost } from '../../src/block-server/create-block-host.ts';
import { locateModel } from '../../src/language-model/weights/locate-model.ts';
import { MemoryBlockHost } from './memory-block-host.ts';

const CACHE_BYTES = 100_000_000;

const [kind, ...numbers] = process.argv.slice(2);
const [first = 0, second = 0] = numbers.map(Number);
process.stdin.resume().once('end', () => process.exit());
process.stdout.write(`${kind === 'echo' ? await startEcho() : await startBlocks()}\n`);

async function startBlocks(): Promise<string> {
  const host =
    kind === 'model'
      ? await modelHost()
      : new MemoryBlockHost({ hiddenSize: first, cacheTokens: 1e9, tokenMs: second });
  const service = await startBlockService({
    host,
    listen: { host: '127.0.0.1', port: 0 },
    logger: pino({ enabled: false }),
  });
  return service.address.split(':')[1] ?? '';
}

async function modelHost(): Promise<BlockHost> {
  const host = await createBlockHost({ modelPath: await locateModel('tiny-austen', ''), memoryBytes: 2 * CACHE_BYTES });
  await host.host({ firstBlock: first, blockCount: second }, CACHE_BYTES);
  return host;
}

function startEcho(): Promise<string> {
  const asIs = (message: Buffer): Buffer => message;
  const Echo = {
    path: '/echo',
    requestStream: true,
    responseStream: true,
    requestSerialize: asIs,
    requestDeserialize: asIs,
    responseSerialize: asIs,
    responseDeserialize: asIs,
  };
  const server = new Server();
  server.addService(
    { Echo },
    {
      Echo: (stream: ServerDuplexStream<Buffer, Buffer>) =>
        stream.on('data', (message) => stream.write(message)).on('error', () => {}),
    },
  );
  return new Promise((resolve) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (_, port) => resolve(String(port)));
  });
}
