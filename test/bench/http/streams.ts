/**
 * Question: does the event loop stay free while many clients stream?
 * Workload: 200 streamed chat answers at once, each 10 tokens a second, from a service that only
 * waits. One operation: one chunk. The delay is what `monitorEventLoopDelay` sees in the front's
 * process, whose timer itself asks for 5 ms: a mean of 5 ms is a free loop.
 * Run: node test/bench/http/streams.ts [streams] [tokens a second] [seconds]
 */
import { request } from 'node:http';
import { startFront } from './front-process.ts';

const [streams, tokensPerSecond, seconds] = [
  Number(process.argv[2] ?? 200),
  Number(process.argv[3] ?? 10),
  Number(process.argv[4] ?? 10),
];
const tokens = tokensPerSecond * seconds;
const front = await startFront(tokens, 1000 / tokensPerSecond);
const body = JSON.stringify({
  model: 'default',
  messages: [{ role: 'user', content: 'Hello there' }],
  max_tokens: tokens,
  stream: true,
});

function stream(): Promise<{ chunks: number; isComplete: boolean; firstMs: number }> {
  return new Promise((resolve, reject) => {
    const started = performance.now();
    let firstMs = 0;
    let chunks = 0;
    let tail = '';
    const call = request(
      `${front.url}/v1/chat/completions`,
      { method: 'POST', headers: { 'content-type': 'application/json' }, agent: false },
      (response) => {
        response.setEncoding('latin1').on('data', (part: string) => {
          if (chunks === 0) firstMs = performance.now() - started;
          chunks += part.split('data: ').length - 1;
          tail = part.slice(-30);
        });
        response.on('end', () => resolve({ chunks, isComplete: tail.includes('[DONE]'), firstMs }));
      },
    );
    call.on('error', reject);
    call.end(body);
  });
}

try {
  const before = await front.usage();
  const started = performance.now();
  const results = await Promise.all(Array.from({ length: streams }, stream));
  const wallSeconds = (performance.now() - started) / 1000;
  const after = await front.usage();
  const chunks = results.reduce((sum, result) => sum + result.chunks, 0);
  const complete = results.filter((result) => result.isComplete).length;
  const first = results.map((result) => result.firstMs).sort((a, b) => a - b);
  console.log(
    `${complete} of ${streams} streams complete in ${wallSeconds.toFixed(1)} s (ideal ${seconds} s), ${chunks} events; ` +
      `first chunk p50 ${first[streams >> 1]?.toFixed(0)} ms (the token takes ${1000 / tokensPerSecond}); ` +
      `event loop delay mean ${after.delayMeanMs.toFixed(1)}, p99 ${after.delayP99Ms.toFixed(1)}, max ${after.delayMaxMs.toFixed(1)} ms; ` +
      `CPU ${((after.cpuUs - before.cpuUs) / wallSeconds / 10_000).toFixed(1)} % of a core, ${((after.cpuUs - before.cpuUs) / chunks).toFixed(0)} us per event`,
  );
} finally {
  front.stop();
}
