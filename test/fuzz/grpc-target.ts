import { type ClientHttp2Session, connect } from 'node:http2';
import { Metadata as GrpcMetadata, type Metadata } from '@grpc/grpc-js';
import { withLengthPrefix } from '../../src/adapters/wire/length-prefixed-reader.ts';
import { dispatcherClient, type Message, RegisteringClient, validHello } from '../support/registering-client.ts';
import type { FuzzTarget } from './fuzz-target.ts';
import type { RandomInput } from './random-input.ts';

/** UNKNOWN and INTERNAL are bugs, but where a message cannot be read at all: the library says INTERNAL then. */
const INTERNAL = 13;
const isExpected = (code: number): boolean => code !== 2 && code !== INTERNAL;
const METHODS = [
  '/daisychain.v1.SwarmRegistry/Join',
  '/daisychain.v1.Dispatcher/Generate',
  '/daisychain.v1.Dispatcher/Acquire',
  '/daisychain.v1.Dispatcher/Renew',
  '/daisychain.v1.Dispatcher/Release',
  '/grpc.health.v1.Health/Check',
  '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo',
];

interface Outcome {
  readonly code: number;
  readonly details: string;
  readonly leaseId?: string;
}

/** Every entry of the gRPC front. @param address of a dispatcher, @param joinAddress of one that servers may upset */
export function grpcTargets(
  address: string,
  joinAddress: string,
): { readonly targets: readonly FuzzTarget[]; close(): void } {
  const client = dispatcherClient(address);
  let raw: ClientHttp2Session | undefined;
  const session = (): ClientHttp2Session => {
    if (raw !== undefined && !raw.closed && !raw.destroyed) return raw;
    raw = connect(`http://${address}`);
    raw.on('error', () => undefined);
    return raw;
  };
  const unary = (method: string, message: Message, metadata: Metadata): Promise<Outcome> =>
    new Promise((resolve) => {
      client[method]?.(
        message,
        metadata,
        { deadline: Date.now() + 10_000 },
        (error: Outcome | null, reply?: { leaseId?: string }) =>
          resolve(error ?? { code: 0, details: '', ...(reply?.leaseId ? { leaseId: reply.leaseId } : {}) }),
      );
    });
  const targets: FuzzTarget[] = [
    {
      name: 'grpc-generate',
      weight: 8,
      run: async (input) => {
        const leavesAfterMs = input.chance(0.1) ? input.int(5) : undefined;
        const outcome = await new Promise<Outcome | string>((resolve) => {
          const call = encodable(() =>
            client['Generate']?.(randomGenerate(input), metadataOf(input), { deadline: Date.now() + 10_000 }),
          );
          if (call === undefined) return resolve({ code: 0, details: '' });
          call.on('data', () => undefined);
          call.on('error', () => undefined);
          call.on('status', resolve);
          if (leavesAfterMs !== undefined) setTimeout(() => call.cancel(), leavesAfterMs);
        });
        return problemOf(outcome as Outcome);
      },
    },
    {
      name: 'grpc-leases',
      weight: 5,
      run: async (input) => {
        const message = {
          modelId: input.pick(['default', 'tiny-austen', 'x']),
          inputTokens: input.pick([0, 1, 5, 4_000_000_000]),
          maxOutputTokens: input.pick([0, 1, 5, 4_000_000_000]),
          priority: input.pick(['', 'high', input.text()]),
          tenant: input.text(),
        };
        const acquired = await unary('Acquire', message, metadataOf(input));
        if (acquired.leaseId !== undefined) {
          if (input.chance(0.3)) await unary('Renew', { leaseId: acquired.leaseId }, new GrpcMetadata());
          const released = await unary(
            'Release',
            { leaseId: acquired.leaseId, succeeded: input.chance(0.5) },
            new GrpcMetadata(),
          );
          if (released.code !== 0) return `a lease was not released: ${released.code} ${released.details}`;
        }
        const unknown = await unary(input.pick(['Renew', 'Release']), { leaseId: input.text() }, new GrpcMetadata());
        return problemOf(acquired) ?? problemOf(unknown);
      },
    },
    { name: 'grpc-bytes', weight: 5, run: (input) => sendBytes(session(), input) },
    { name: 'grpc-join', weight: 6, run: (input) => joinBadly(joinAddress, input) },
  ];
  return {
    targets,
    close: () => {
      client.close();
      raw?.destroy();
    },
  };
}

function problemOf({ code, details }: Outcome): string | undefined {
  return isExpected(code) ? undefined : `status ${code}: ${details}`;
}

/** The client library itself refuses values that no message can hold. */
function encodable<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}

function metadataOf(input: RandomInput): Metadata {
  const metadata = new GrpcMetadata();
  if (input.chance(0.2))
    metadata.set(
      input.pick(['authorization', 'x-request-id', 'traceparent']),
      input.text(30).replace(/[^\x20-\x7e]/g, '?'),
    );
  return metadata;
}

function randomGenerate(input: RandomInput): Message {
  return {
    modelId: input.pick(['default', '', 'x']),
    prompt: input.chance(0.8) ? input.text() : '',
    promptTokens: input.chance(0.2) ? Array.from({ length: input.int(4) }, () => input.int(5_000)) : [],
    maxOutputTokens: input.pick([1, 2, 3, 4_000_000_000]),
    ...(input.chance(0.4)
      ? { sampling: { temperature: input.number(), topP: input.number(), seed: input.int(1e6) } }
      : {}),
    stop: Array.from({ length: input.int(6) }, () => input.text(4)),
    priority: input.pick(['', 'high', 'normal', 'low', 'x']),
    tenant: input.pick(['', 'acme', input.text()]),
  };
}

/** Any bytes to any method: an end with a status that is none of ours alone. */
function sendBytes(session: ClientHttp2Session, input: RandomInput): Promise<string | undefined> {
  return new Promise((resolve) => {
    const path = input.chance(0.9) ? input.pick(METHODS) : `/${input.text(20).replace(/[^a-z]/g, 'x')}/Call`;
    const stream = session.request({
      ':method': input.chance(0.95) ? 'POST' : 'GET',
      ':path': path,
      'content-type': input.chance(0.9) ? 'application/grpc' : 'text/plain',
      te: 'trailers',
    });
    let code = 0;
    const note = (headers: Record<string, unknown>): void => {
      if (headers['grpc-status'] !== undefined) code = Number(headers['grpc-status']);
    };
    stream.on('response', note);
    stream.on('trailers', note);
    stream.on('error', () => undefined);
    stream.resume();
    // Streams that wait for more are given up; the front has its own limits for them.
    const timer = setTimeout(() => stream.close(8), 40);
    stream.on('close', () => {
      clearTimeout(timer);
      resolve(code === 2 ? `bytes to ${path} ended with UNKNOWN` : undefined);
    });
    const bytes = input.bytes(120);
    if (stream.destroyed) return;
    stream.end(input.chance(0.7) ? withLengthPrefix(bytes) : bytes);
  });
}

/** A server that says wrong things in the wrong order. */
async function joinBadly(address: string, input: RandomInput): Promise<string | undefined> {
  const server = new RegisteringClient(address);
  const id = input.pick(['fuzz-1', 'fuzz-2', input.text(10)]);
  const speed = (): number => input.pick([0.001, 0.002, input.number()]);
  const hello = (): Message =>
    validHello(id, {
      ...(input.chance(0.3)
        ? { memoryBytes: Math.max(0, Math.round(Math.min(2 ** 53 - 1, Math.abs(input.number())))) }
        : {}),
      ...(input.chance(0.2) ? { address: input.text() } : {}),
      ...(input.chance(0.2) ? { labels: { [input.text()]: input.text() } } : {}),
      ...(input.chance(0.3)
        ? {
            performance: {
              overheadSecondsPerBlock: speed(),
              prefillSecondsPerTokenPerBlock: speed(),
              decodeSecondsPerTokenPerBlock: speed(),
              rttSeconds: speed(),
            },
          }
        : {}),
      ...(input.chance(0.3)
        ? { hosted: { firstBlock: input.int(8), blockCount: input.int(8) }, pinned: input.chance(0.5) }
        : {}),
      ...(input.chance(0.1) ? { modelId: input.text(), dtype: input.text() } : {}),
    });
  const others: (() => Message)[] = [
    () => ({
      heartbeat: {
        cacheBytesFree: input.int(1e9),
        sessions: input.int(10),
        performance: { overheadSecondsPerBlock: speed() },
      },
    }),
    () => ({ spanReady: { planEpoch: input.int(5), span: { firstBlock: input.int(8), blockCount: input.int(8) } } }),
    () => ({ spanFailed: { planEpoch: input.int(5), reason: input.text(400) } }),
    () => ({ leaving: { reason: input.text() } }),
    () => ({}),
    hello,
  ];
  encodable(() => server.send(input.chance(0.8) ? hello() : input.pick(others)()));
  for (let i = input.int(4); i > 0; i -= 1) encodable(() => server.send(input.pick(others)()));
  await new Promise((resolve) => setTimeout(resolve, 2 + input.int(10)));
  server.close();
  const { ended } = server;
  // 1: cancelled from here.
  return ended === undefined || ended.code === 1 ? undefined : problemOf(ended);
}
