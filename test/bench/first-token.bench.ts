/*
 * Time to the first token of a prompt of 400 tokens through three servers, in one step and in chunks of
 * 64, on this machine and with 100 ms of round trip to every server.
 *
 *   node test/bench/first-token.bench.ts
 *
 * `1 ms per token` are servers that wait that long for each token of a step: compute that does not share
 * this machine's processors. `tiny-austen` are real blocks in three processes, which do share them.
 */
import { createGrpcTransport } from '../../src/adapters/chain-transport/grpc/transport.ts';
import { BenchServers } from '../support/bench-servers.ts';
import { TcpProxy } from '../support/tcp-proxy.ts';

const PROMPT_TOKENS = 400;
const ROUNDS = 5;

interface Chain {
  readonly name: string;
  readonly modelId: string;
  readonly hiddenSize: number;
  readonly spans: readonly { readonly firstBlock: number; readonly blockCount: number }[];
  readonly ports: readonly number[];
}

async function firstToken(chain: Chain, addresses: readonly string[], chunkTokens: number): Promise<number> {
  const transport = createGrpcTransport();
  const { modelId, hiddenSize, spans } = chain;
  const hops = spans.map((span, i) => ({ serverId: `s${i}`, address: addresses[i] ?? '', ...span }));
  const hidden = new Float32Array(PROMPT_TOKENS * hiddenSize).map((_, i) => Math.sin(i) / 10);
  const times: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const session = await transport.open(
      {
        sessionId: `bench-${round}`,
        modelId,
        hiddenSize,
        planEpoch: 1,
        hops,
        maxTokens: PROMPT_TOKENS,
        stepTimeoutMs: 30_000,
      },
      new AbortController().signal,
    );
    const startMs = performance.now();
    const steps: Promise<Float32Array>[] = [];
    for (let token = 0; token < PROMPT_TOKENS; token += chunkTokens) {
      const tokens = Math.min(chunkTokens, PROMPT_TOKENS - token);
      const isLast = token + tokens === PROMPT_TOKENS;
      steps.push(
        session.forward(hidden.subarray(token * hiddenSize, (token + tokens) * hiddenSize), tokens, isLast ? 1 : 0),
      );
    }
    await Promise.all(steps);
    times.push(performance.now() - startMs);
    session.close();
  }
  await transport.close();
  times.sort((a, b) => a - b);
  return times[Math.floor(ROUNDS / 2)] ?? 0;
}

const servers = new BenchServers();
const spans = [0, 2, 4].map((firstBlock) => ({ firstBlock, blockCount: 2 }));
const chains: Chain[] = [
  {
    name: '1 ms per token',
    modelId: 'test-model',
    hiddenSize: 576,
    spans,
    ports: await Promise.all(spans.map(() => servers.start('blocks', 576, 1))),
  },
  {
    name: 'tiny-austen',
    modelId: 'tiny-austen',
    hiddenSize: 192,
    spans,
    ports: await Promise.all(spans.map((span) => servers.start('model', span.firstBlock, span.blockCount))),
  },
];
for (const chain of chains) {
  for (const delayMs of [0, 50]) {
    const proxies = await Promise.all(chain.ports.map((targetPort) => TcpProxy.start({ targetPort, delayMs })));
    const addresses =
      delayMs === 0 ? chain.ports.map((port) => `127.0.0.1:${port}`) : proxies.map((proxy) => proxy.address);
    const whole = await firstToken(chain, addresses, PROMPT_TOKENS);
    const chunked = await firstToken(chain, addresses, 64);
    process.stdout.write(
      `${chain.name.padEnd(15)} ${String(2 * delayMs).padStart(3)} ms round trip: one step ${whole.toFixed(0).padStart(5)} ms, chunks of 64 ${chunked.toFixed(0).padStart(5)} ms\n`,
    );
    await Promise.all(proxies.map((proxy) => proxy.close()));
  }
}
servers.stop();
