/**
 * The HTTP front over a service that answers at once, in a process of its own: what it burns is the
 * front's cost alone. Prints its port, and on each line that it reads a line with its CPU time
 * (microseconds), resident memory (bytes), longest and mean delay of its event loop (milliseconds).
 */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { createInterface } from 'node:readline';
import { buildHttpServer } from '../../../src/adapters/http/build-http-server.ts';
import { DEFAULT_HTTP_OPTIONS } from '../../../src/adapters/http/http-options.ts';
import { KeyRing } from '../../../src/application/access/key-ring.ts';
import type { GenerationEvent, InferenceService } from '../../../src/application/ports/inference.ts';

/** Tokens of an answer, and the time between them (milliseconds); 0: at once. */
const [tokens, paceMs] = [Number(process.argv[2] ?? 8), Number(process.argv[3] ?? 0)];

const service: InferenceService = {
  models: () => [{ id: 'instant', createdUnixSeconds: 0, sessionTokens: 4_096, isServing: true }],
  unreadyReasons: () => [],
  generate: async (_request, signal) => ({
    modelId: 'instant',
    chainId: 'c0ffee000001',
    queueMs: 0,
    promptTokens: 12,
    events: generate(signal),
  }),
};

async function* generate(signal: AbortSignal): AsyncGenerator<GenerationEvent> {
  for (let i = 0; i < tokens; i += 1) {
    if (paceMs > 0) await new Promise((resolve) => setTimeout(resolve, paceMs));
    if (signal.aborted) throw signal.reason;
    yield { kind: 'token', text: ' word', token: { token: i } };
  }
  yield { kind: 'end', text: '', finishReason: 'length', completionTokens: tokens };
}

const silent = (): void => undefined;
const app = buildHttpServer({
  inference: service,
  metrics: { contentType: 'text/plain', render: async () => '' },
  log: { debug: silent, info: silent, warn: silent, error: silent },
  options: DEFAULT_HTTP_OPTIONS,
  access: { clients: new KeyRing([]), operators: new KeyRing([]) },
});
await app.listen({ host: '127.0.0.1', port: 0 });
const address = app.server.address();
const delay = monitorEventLoopDelay({ resolution: 5 });
delay.enable();
process.stdout.write(`${typeof address === 'object' ? address?.port : ''}\n`);
const lines = createInterface({ input: process.stdin });
lines.on('line', () => {
  const { user, system } = process.cpuUsage();
  const gc = (globalThis as { gc?: () => void }).gc;
  gc?.();
  process.stdout.write(
    `${JSON.stringify({ cpuUs: user + system, rss: process.memoryUsage.rss(), heap: process.memoryUsage().heapUsed, delayMaxMs: delay.max / 1e6, delayP99Ms: delay.percentile(99) / 1e6, delayMeanMs: delay.mean / 1e6 })}\n`,
  );
  delay.reset();
});
lines.on('close', () => process.exit(0));
