/**
 * Question: does memory stay flat while clients stream and leave?
 * Workload: streamed chat answers over fresh connections, 32 at once; half of the clients leave after
 * the first chunk, half read to the end. One operation: one request.
 * Run: node test/bench/http/churn.ts [requests a round] [rounds]
 */
import { request } from 'node:http';
import { startFront } from './front-process.ts';

const [requests, rounds] = [Number(process.argv[2] ?? 5_000), Number(process.argv[3] ?? 4)];
const AT_ONCE = 32;
const front = await startFront(20, 1);
const body = JSON.stringify({ model: 'default', messages: [{ role: 'user', content: 'Hello there' }], stream: true });

function stream(isLeaving: boolean): Promise<void> {
  return new Promise((resolve, reject) => {
    const call = request(
      `${front.url}/v1/chat/completions`,
      { method: 'POST', headers: { 'content-type': 'application/json' }, agent: false },
      (response) => {
        response.on('data', () => isLeaving && response.destroy());
        response.on('close', resolve);
      },
    );
    call.on('error', reject);
    call.end(body);
  });
}

try {
  for (let round = 0; round < rounds; round += 1) {
    const started = performance.now();
    let next = 0;
    await Promise.all(
      Array.from({ length: AT_ONCE }, async () => {
        while (next < requests) {
          next += 1;
          await stream(next % 2 === 0);
        }
      }),
    );
    const usage = await front.usage();
    console.log(
      `${requests} streams in ${((performance.now() - started) / 1000).toFixed(1)} s: heap ${(usage.heap / 2 ** 20).toFixed(1)} MiB, ` +
        `rss ${(usage.rss / 2 ** 20).toFixed(0)} MiB, after ${(round + 1) * requests}`,
    );
  }
} finally {
  front.stop();
}
