import autocannon from 'autocannon';
import { chatBody, type Effort, type Figure } from './figure.ts';
import { startFront } from './front-process.ts';

const TOKENS = 8;
const CONNECTIONS = 64;
const WARM_UP_SECONDS = 2;
const SECONDS = 5;
const GOAL_US = 235;

/**
 * Question: what does the HTTP front itself cost per request?
 * Workload: whole chat answers of 8 tokens from a service that answers at once, 64 kept-alive connections.
 * One operation: one request. Processor time of the front's process, user and system.
 */
export async function measureRequestCost({ share }: Effort): Promise<Figure> {
  const front = await startFront(TOKENS, 0);
  const common = { url: `${front.url}/v1/chat/completions`, connections: CONNECTIONS, method: 'POST' };
  const load = { ...common, headers: { 'content-type': 'application/json' }, body: chatBody(TOKENS) };
  try {
    await autocannon({ ...load, duration: Math.ceil(WARM_UP_SECONDS * share) });
    const before = await front.usage();
    const result = await autocannon({ ...load, duration: Math.ceil(SECONDS * share) });
    const after = await front.usage();
    if (result.non2xx + result.errors > 0) throw new Error(`${result.non2xx + result.errors} requests failed`);
    const bare = await autocannon({ url: `${front.url}/livez`, connections: CONNECTIONS, duration: Math.ceil(share) });
    const bareUs = ((await front.usage()).cpuUs - after.cpuUs) / bare['2xx'];
    const costUs = (after.cpuUs - before.cpuUs) / result['2xx'];
    const { latency, requests } = result;
    return {
      question: `processor time of a chat request, ${CONNECTIONS} connections`,
      measured: `${costUs.toFixed(0)} us (of GET /livez ${bareUs.toFixed(0)}); ${Math.round(requests.average)} a second, p50 ${latency.p50} ms, p99 ${latency.p99} ms`,
      goal: `at most ${GOAL_US} us`,
      isReached: costUs <= GOAL_US,
    };
  } finally {
    front.stop();
  }
}
