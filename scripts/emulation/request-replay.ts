import { Agent, request } from 'node:http';
import { VOCABULARY } from './emulated-model.ts';
import { sleep } from './live-dispatcher.ts';

/** A request to be sent. */
export interface ReplayedRequest {
  /** From the begin of the replay, seconds on the clock. */
  readonly atSeconds: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
}

/** What came of it, seconds on the clock. */
export interface ReplayedResponse {
  readonly responseSeconds: number;
  readonly waitingSeconds: number;
  /** When each token came, from the arrival; empty where they were not asked for one by one. */
  readonly tokenSeconds: readonly number[];
}

/** Sends requests over HTTP when their time has come, whatever became of those before. @returns in their order */
export async function replay(
  url: string,
  requests: readonly ReplayedRequest[],
  isStreamed = false,
): Promise<readonly ReplayedResponse[]> {
  const agent = new Agent({ keepAlive: true, maxSockets: Number.POSITIVE_INFINITY });
  const startMs = performance.now();
  try {
    return await Promise.all(
      requests.map(async (each) => {
        replayed = (replayed + 1) % VOCABULARY ** 2;
        const prompt = promptOf(replayed, each.inputTokens);
        await sleep(Math.max(0, 1000 * each.atSeconds - (performance.now() - startMs)));
        return await complete(url, prompt, each.outputTokens, agent, isStreamed);
      }),
    );
  } finally {
    agent.destroy();
  }
}

let replayed = 0;

/** The first two tokens number the request, for the emulated servers. */
function promptOf(request: number, tokens: number): number[] {
  const prompt = new Array<number>(Math.max(2, tokens)).fill(1);
  prompt[0] = Math.floor(request / VOCABULARY);
  prompt[1] = request % VOCABULARY;
  return prompt;
}

function complete(
  url: string,
  prompt: readonly number[],
  outputTokens: number,
  agent: Agent,
  isStreamed: boolean,
): Promise<ReplayedResponse> {
  const body = JSON.stringify({
    model: 'default',
    prompt,
    max_tokens: outputTokens,
    temperature: 0,
    stream: isStreamed,
  });
  const startMs = performance.now();
  const since = (): number => (performance.now() - startMs) / 1000;
  return new Promise((resolve, reject) => {
    const sent = request(
      `${url}/v1/completions`,
      { method: 'POST', agent, headers: { 'content-type': 'application/json' } },
      (response) => {
        let text = '';
        const tokenSeconds: number[] = [];
        response.setEncoding('utf8').on('data', (piece: string) => {
          text = (text + piece).slice(-1_000);
          if (isStreamed) for (const _ of piece.matchAll(/^data: \{/gm)) tokenSeconds.push(since());
        });
        response.once('error', reject).once('end', () => {
          if (response.statusCode !== 200) reject(new Error(`status ${response.statusCode}: ${text}`));
          else {
            const waitingSeconds = Number(response.headers['x-daisychain-queue-ms']) / 1000;
            resolve({ responseSeconds: since(), waitingSeconds, tokenSeconds });
          }
        });
      },
    );
    sent.once('error', reject);
    sent.end(body);
  });
}
