/**
 * Question: what does the HTTP front itself cost per request, and does its memory stay flat?
 * Workload: whole chat answers of 8 tokens from a service that answers at once, 64 kept-alive
 * connections. One operation: one request. Goal: at most 235 us of CPU.
 * Run: node test/bench/http/requests.ts [seconds] [rounds]
 */
import autocannon from 'autocannon';
import { startFront } from './front-process.ts';

const [seconds, rounds] = [Number(process.argv[2] ?? 5), Number(process.argv[3] ?? 3)];
const front = await startFront(8, 0);
const body = JSON.stringify({
  model: 'default',
  messages: [{ role: 'user', content: 'Hello there' }],
  max_tokens: 8,
  temperature: 0,
});

async function load(path: string, duration: number): Promise<autocannon.Result> {
  const headers = { 'content-type': 'application/json' };
  const common = { url: `${front.url}${path}`, connections: 64, duration };
  return autocannon(path === '/livez' ? common : { ...common, method: 'POST', headers, body });
}

try {
  await load('/v1/chat/completions', 2);
  let before = await front.usage();
  let total = 0;
  for (let round = 0; round < rounds; round += 1) {
    const result = await load('/v1/chat/completions', seconds);
    const after = await front.usage();
    total += result['2xx'];
    const cpu = (after.cpuUs - before.cpuUs) / result['2xx'];
    console.log(
      `chat: ${result['2xx']} answers, ${result.non2xx + result.errors} failures, ${Math.round(result.requests.average)}/s, ` +
        `p50 ${result.latency.p50} ms, p99 ${result.latency.p99} ms, ${cpu.toFixed(0)} us CPU each, ` +
        `heap ${(after.heap / 2 ** 20).toFixed(1)} MiB, rss ${(after.rss / 2 ** 20).toFixed(0)} MiB, after ${total}`,
    );
    before = after;
  }
  const bare = await load('/livez', 2);
  const after = await front.usage();
  console.log(`livez, for comparison: ${((after.cpuUs - before.cpuUs) / bare['2xx']).toFixed(0)} us CPU each`);
} finally {
  front.stop();
}
