import { request } from 'node:http';
import { chatBody, type Effort, type Figure } from './figure.ts';
import { startFront } from './front-process.ts';

const STREAMS = 200;
const TOKENS_PER_SECOND = 10;
const SECONDS = 10;
const GOAL_MS = 20;

/**
 * Question: does the event loop stay free while many clients stream?
 * Workload: 200 streamed chat answers at once, each 10 tokens a second, from a service that only waits. One
 * operation: one chunk. The delay is what `monitorEventLoopDelay` sees in the front's process, whose timer itself
 * asks for 5 ms: a mean of 5 ms is a free loop.
 */
export async function measureLoopDelay({ share }: Effort): Promise<Figure> {
  const tokens = Math.ceil(TOKENS_PER_SECOND * SECONDS * share);
  const front = await startFront(tokens, 1000 / TOKENS_PER_SECOND);
  const body = chatBody(tokens, true);
  try {
    const before = await front.usage();
    const startMs = performance.now();
    const streams = await Promise.all(Array.from({ length: STREAMS }, () => readStream(front.url, body)));
    const wallSeconds = (performance.now() - startMs) / 1000;
    const after = await front.usage();
    if (streams.some(({ isComplete }) => !isComplete)) throw new Error('a stream ended without [DONE]');
    const events = streams.reduce((sum, stream) => sum + stream.events, 0);
    const cpuUs = after.cpuUs - before.cpuUs;
    return {
      question: `event-loop delay, ${STREAMS} streams of ${TOKENS_PER_SECOND} tokens a second`,
      measured: `p99 ${after.delayP99Ms.toFixed(1)} ms, mean ${after.delayMeanMs.toFixed(1)}, longest ${after.delayMaxMs.toFixed(0)}; ${wallSeconds.toFixed(1)} s instead of ${tokens / TOKENS_PER_SECOND}, ${(cpuUs / events).toFixed(0)} us an event`,
      goal: `p99 below ${GOAL_MS} ms`,
      isReached: after.delayP99Ms < GOAL_MS,
    };
  } finally {
    front.stop();
  }
}

function readStream(url: string, body: string): Promise<{ readonly events: number; readonly isComplete: boolean }> {
  return new Promise((resolve, reject) => {
    let events = 0;
    let tail = '';
    const headers = { 'content-type': 'application/json' };
    const call = request(`${url}/v1/chat/completions`, { method: 'POST', headers, agent: false }, (response) => {
      response.setEncoding('latin1').on('data', (part: string) => {
        events += part.split('data: ').length - 1;
        tail = part.slice(-30);
      });
      response.on('end', () => resolve({ events, isComplete: tail.includes('[DONE]') }));
    });
    call.on('error', reject);
    call.end(body);
  });
}
