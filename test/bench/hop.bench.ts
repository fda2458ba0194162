/*
 * What a token costs per hop, next to a bare grpc-js echo of as many bytes on one long-lived stream:
 * round trip, and CPU of the client's process. The blocks cost nothing, the servers are processes of
 * their own. The goal is at most 0.1 ms above the echo.
 *
 *   node test/bench/hop.bench.ts
 */
import { Client, credentials, Metadata } from '@grpc/grpc-js';
import { createGrpcTransport } from '../../src/adapters/chain-transport/grpc/transport.ts';
import { BenchServers } from '../support/bench-servers.ts';

const HIDDEN = 576;
const TOKENS = 4_000;
const ROUNDS = 3;

interface Cost {
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly cpuUs: number;
}

async function measure(roundTrip: () => Promise<unknown>, trips: number): Promise<Cost> {
  for (let i = 0; i < trips / 4; i += 1) await roundTrip();
  const times = new Float64Array(trips);
  const cpu = process.cpuUsage();
  for (let i = 0; i < trips; i += 1) {
    const startMs = performance.now();
    await roundTrip();
    times[i] = performance.now() - startMs;
  }
  const { user, system } = process.cpuUsage(cpu);
  times.sort();
  return {
    p50Ms: times[Math.floor(trips * 0.5)] ?? 0,
    p99Ms: times[Math.floor(trips * 0.99)] ?? 0,
    cpuUs: (user + system) / trips,
  };
}

async function echo(address: string): Promise<Cost> {
  const asIs = (message: Buffer): Buffer => message;
  const client = new Client(address, credentials.createInsecure(), { 'grpc.enable_retries': 0 });
  const stream = client.makeBidiStreamRequest('/echo', asIs, asIs, new Metadata(), {});
  stream.on('error', () => {});
  let answered: () => void = () => {};
  stream.on('data', () => answered());
  const message = Buffer.alloc(HIDDEN * 4);
  const cost = await measure(
    () =>
      new Promise<void>((resolve) => {
        answered = resolve;
        stream.write(message);
      }),
    TOKENS,
  );
  stream.cancel();
  client.close();
  return cost;
}

async function chain(addresses: readonly string[]): Promise<Cost> {
  const transport = createGrpcTransport();
  const hops = addresses.map((address, i) => ({ serverId: `s${i}`, address, firstBlock: 0, blockCount: 1 }));
  const request = {
    sessionId: 'bench',
    modelId: 'test-model',
    hiddenSize: HIDDEN,
    planEpoch: 1,
    hops,
    maxTokens: 1e6,
    stepTimeoutMs: 5_000,
  };
  const session = await transport.open(request, new AbortController().signal);
  const hidden = new Float32Array(HIDDEN).fill(0.5);
  const cost = await measure(() => session.forward(hidden, 1, 1), TOKENS);
  session.close();
  await transport.close();
  return cost;
}

const servers = new BenchServers();
const echoAddress = `127.0.0.1:${await servers.start('echo')}`;
const addresses = await Promise.all([1, 2, 3].map(async () => `127.0.0.1:${await servers.start('blocks', HIDDEN)}`));
const show = (name: string, cost: Cost, hops = 1): void => {
  const perHop = (value: number): string => (value / hops).toFixed(3).padStart(8);
  process.stdout.write(
    `${name.padEnd(28)} p50 ${perHop(cost.p50Ms)} ms  p99 ${perHop(cost.p99Ms)} ms  client CPU ${(cost.cpuUs / hops).toFixed(0).padStart(4)} us\n`,
  );
};
for (let round = 1; round <= ROUNDS; round += 1) {
  show('grpc-js echo', await echo(echoAddress));
  show('chain of 1, per token and hop', await chain(addresses.slice(0, 1)));
  show('chain of 3, per token and hop', await chain(addresses), 3);
}
servers.stop();
