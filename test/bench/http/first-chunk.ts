import { Agent, request } from 'node:http';
import { chatBody, type Effort, type Figure } from './figure.ts';
import { startFront } from './front-process.ts';

const TOKENS = 4;
const TOKEN_MS = 1;
const REQUESTS = 1_000;
const GOAL_MS = 5;

/**
 * Question: how soon does the first chunk of a stream leave, with nobody else there?
 * Workload: streamed chat answers one after another over one kept-alive connection; the service takes a
 * millisecond for each token, so that chunks leave one by one. One operation: from sending the request to its first
 * bytes of the body. A delay of small packets on the way would add 40 ms.
 */
export async function measureFirstChunk({ share }: Effort): Promise<Figure> {
  const front = await startFront(TOKENS, TOKEN_MS);
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const body = chatBody(TOKENS, true);
  try {
    for (let i = 0; i < 50 * share; i += 1) await firstChunkMs(front.url, agent, body);
    const times: number[] = [];
    for (let i = 0; i < REQUESTS * share; i += 1) times.push(await firstChunkMs(front.url, agent, body));
    times.sort((a, b) => a - b);
    const quantile = (q: number): number => times[Math.floor(q * times.length)] ?? Number.NaN;
    return {
      question: `first chunk at one connection, the token taking ${TOKEN_MS} ms`,
      measured: `median ${quantile(0.5).toFixed(1)} ms, p90 ${quantile(0.9).toFixed(1)}, p99 ${quantile(0.99).toFixed(1)}`,
      goal: `median below ${GOAL_MS} ms`,
      isReached: quantile(0.5) < GOAL_MS,
    };
  } finally {
    agent.destroy();
    front.stop();
  }
}

function firstChunkMs(url: string, agent: Agent, body: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const startMs = performance.now();
    let firstMs: number | undefined;
    const headers = { 'content-type': 'application/json' };
    const call = request(`${url}/v1/chat/completions`, { method: 'POST', headers, agent }, (response) => {
      response.on('data', () => {
        firstMs ??= performance.now() - startMs;
      });
      response.on('end', () =>
        firstMs === undefined ? reject(new Error('a stream without a chunk')) : resolve(firstMs),
      );
    });
    call.on('error', reject);
    call.end(body);
  });
}
