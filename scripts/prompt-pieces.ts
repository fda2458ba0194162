/**
 * What do short and long pieces of prompts cost whom? Over one chain of six servers of the trace scenario, emulated
 * over real gRPC, three streams of tokens run all the time while long prompts come one by one; and the same prompts
 * alone. Compared: pieces of fixed sizes, and those that chain, prompt and load suggest. Prints a Markdown table,
 * in seconds of the servers' own time.
 *
 *   npm run bench:pieces -- [speed-up]
 */
import { readLiveScenario, withLiveDispatcher } from './emulation/live-scenario.ts';
import { type ReplayedRequest, type ReplayedResponse, replay } from './emulation/request-replay.ts';

const SPEED_UP = Number(process.argv[2] ?? 5);
/** Four fast servers of 14 blocks and two slow ones of 7 hold the 70 blocks. */
const SERVERS = 6;
const PROMPT = { inputTokens: 3072, outputTokens: 2 };
const PROMPTS = 6;
const PROMPT_EVERY_SECONDS = 10;
const STREAM = { inputTokens: 64, outputTokens: 160 };
const STREAMS = 3;

const WAYS = [
  { name: 'fixed, 1,024 tokens', least: 1024, most: 1024 },
  { name: 'fixed, 256 tokens', least: 256, most: 256 },
  { name: 'fixed, 64 tokens', least: 64, most: 64 },
  { name: 'as suggested, 32 to 256: the default', least: 32, most: 256 },
  { name: 'as suggested, 32 to 1,024', least: 32, most: 1024 },
];

const whole = await readLiveScenario(SPEED_UP, 1);
const scenario = { ...whole, servers: whole.servers.slice(0, SERVERS) };
console.log(`${SPEED_UP} times as fast\n`);
console.log(
  '| pieces | first token alone | first token beside streams | between tokens of streams, mean | p95 | worst | lag per step, ms |',
);
console.log('|---|---|---|---|---|---|---|');
for (const { name, least, most } of WAYS) {
  const config = {
    model: { prefill_chunk_tokens: most, prefill_chunk_min_tokens: least },
    planner: { drift_threshold: 10, min_gain: 10, search_after_seconds: 86_400, reserved_slots: 3 },
  };
  const row = await withLiveDispatcher(scenario, config, async (dispatcher) => {
    const alone = await replay(dispatcher.url, prompts(), true);
    const [beside, streams] = await Promise.all([
      replay(dispatcher.url, prompts(), true),
      replay(dispatcher.url, streamRequests(), true),
    ]);
    const gaps = streams.flatMap(gapsOf).sort((a, b) => a - b);
    const lagMs = 1000 * SPEED_UP * dispatcher.meanLagSeconds();
    return [
      mean(alone.map(firstToken)),
      mean(beside.map(firstToken)),
      mean(gaps),
      gaps[Math.floor(0.95 * gaps.length)]!,
      gaps.at(-1)!,
    ]
      .map((seconds) => (SPEED_UP * seconds).toFixed(2))
      .concat(lagMs.toFixed(1));
  });
  console.log(`| ${name} | ${row.join(' | ')} |`);
}

function prompts(): ReplayedRequest[] {
  return Array.from({ length: PROMPTS }, (_, i) => ({
    ...PROMPT,
    atSeconds: (PROMPT_EVERY_SECONDS * (i + 0.5)) / SPEED_UP,
  }));
}

function streamRequests(): ReplayedRequest[] {
  return Array.from({ length: STREAMS }, (_, i) => ({ ...STREAM, atSeconds: i / SPEED_UP }));
}

function firstToken({ tokenSeconds, responseSeconds }: ReplayedResponse): number {
  return tokenSeconds[0] ?? responseSeconds;
}

function gapsOf({ tokenSeconds }: ReplayedResponse): number[] {
  return tokenSeconds.slice(1).map((at, i) => at - tokenSeconds[i]!);
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
