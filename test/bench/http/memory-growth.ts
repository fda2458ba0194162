import autocannon from 'autocannon';
import { chatBody, type Effort, type Figure } from './figure.ts';
import { startFront } from './front-process.ts';

const TOKENS = 8;
const WARM_UP = 10_000;
const REQUESTS = 100_000;
const MEBIBYTE = 2 ** 20;
const GOAL_MIB = 2;

/**
 * Question: does the front's memory stay flat?
 * Workload: 10,000 whole chat answers to warm up, then 100,000 more, 64 kept-alive connections. One operation: all of
 * them. The heap is what is left after a full collection.
 */
export async function measureMemoryGrowth({ share }: Effort): Promise<Figure> {
  const front = await startFront(TOKENS, 0);
  const headers = { 'content-type': 'application/json' };
  const load = async (amount: number): Promise<void> => {
    const url = `${front.url}/v1/chat/completions`;
    const result = await autocannon({ url, connections: 64, amount, method: 'POST', headers, body: chatBody(TOKENS) });
    if (result['2xx'] !== amount) throw new Error(`${result['2xx']} of ${amount} requests were answered`);
  };
  try {
    const requests = Math.ceil(REQUESTS * share);
    await load(Math.ceil(WARM_UP * share));
    const before = await front.usage();
    await load(requests);
    const after = await front.usage();
    const grownMiB = (after.heap - before.heap) / MEBIBYTE;
    const mib = (bytes: number): string => (bytes / MEBIBYTE).toFixed(1);
    return {
      question: `memory over ${requests.toLocaleString('en')} requests`,
      measured: `heap ${mib(before.heap)}, then ${mib(after.heap)} MiB; resident ${mib(before.rss)}, then ${mib(after.rss)} MiB`,
      goal: `heap at most ${GOAL_MIB} MiB more`,
      isReached: grownMiB <= GOAL_MIB,
    };
  } finally {
    front.stop();
  }
}
