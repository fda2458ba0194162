/**
 * Does the running service show what the simulation of `npm run bench:trace` promises? Twenty busy minutes of the
 * recorded trace are replayed over HTTP against `daisychain serve` in front of the scenario's servers, emulated
 * over real gRPC many times as fast; and, for the same requests, in the simulator. Prints a Markdown table, in
 * seconds of the servers' own time, without the first tenth of the requests.
 *
 *   npm run trace:live -- [minutes] [speed-up] [slope] [from minute]
 *
 * The speed-up is what the machine can follow: the mean lag of a step should be well below a step's time. The slope
 * is that of the emulated servers: 1 runs the steps of sessions one after another, 0 at the same time.
 */
import { runContestant } from '../src/simulation/run-contestant.ts';
import { type SimulationSummary, summarize } from '../src/simulation/statistics.ts';
import { traceJobs } from '../src/simulation/workloads.ts';
import { readLiveScenario, requestsOf, withLiveDispatcher } from './emulation/live-scenario.ts';
import { type ReplayedResponse, replay } from './emulation/request-replay.ts';
import { readAzureTrace } from './experiments/azure-trace.ts';

const MINUTES = Number(process.argv[2] ?? 20);
const SPEED_UP = Number(process.argv[3] ?? 20);
const SLOPE = Number(process.argv[4] ?? 1);
/** A busy hour of a trace that begins with a nearly idle one. */
const FROM_MINUTE = Number(process.argv[5] ?? 460);
/** As in the scenario: the trace is slowed down to 0.2 requests a second. */
const TIME_SCALE = 12.8334;
const WARM_UP_SHARE = 0.1;
const CHUNK_TOKENS = 256;
const UNLIMITED = 1000;
const NEVER_SECONDS = 86_400;

const CONTESTANTS = [
  { cache: 'slots', order: 'fifo', maxComputeLoad: undefined },
  { cache: 'tokens', order: 'fifo', maxComputeLoad: undefined },
  { cache: 'tokens', order: 'shortest', maxComputeLoad: undefined },
  { cache: 'tokens', order: 'shortest', maxComputeLoad: 1.5 },
] as const;

const scenario = await readLiveScenario(SPEED_UP, SLOPE);
const trace = readAzureTrace(8_819).filter(({ arrivalSeconds }, _, [first]) => {
  const minute = ((arrivalSeconds - first!.arrivalSeconds) * TIME_SCALE) / 60 - FROM_MINUTE;
  return minute >= 0 && minute < MINUTES;
});
const jobs = traceJobs(trace, TIME_SCALE);
console.log(`${jobs.count} requests, ${SPEED_UP} times as fast, slope ${SLOPE}\n`);
console.log(
  '| | mean | p50 | p95 | p99 | worst stretch | lag per step, ms | simulated mean | p50 | p95 | p99 | worst stretch |',
);
console.log('|---|---|---|---|---|---|---|---|---|---|---|---|');
for (const { cache, order, maxComputeLoad } of CONTESTANTS) {
  const simulated = runContestant(
    { ...scenario.contest, jobs },
    {
      name: '',
      placement: 'gbp-cr',
      objective: 'lower',
      reservedSlots: undefined,
      planTokens: undefined,
      policy: 'jffc',
      cache,
      maxComputeLoad,
      scheduling: { order },
      serviceModel: 'shared-compute',
      prefillChunkTokens: CHUNK_TOKENS,
    },
  );
  // The plan stays the one that the simulator has: what is compared is cache and order.
  const config = {
    scheduling: { cache, order, max_compute_load: maxComputeLoad ?? UNLIMITED },
    planner: { drift_threshold: 10, min_gain: 10, search_after_seconds: NEVER_SECONDS },
    model: { prefill_chunk_tokens: CHUNK_TOKENS, prefill_chunk_min_tokens: CHUNK_TOKENS },
  };
  const { responses, lagSeconds } = await withLiveDispatcher(scenario, config, async (dispatcher) => ({
    responses: await replay(dispatcher.url, requestsOf(jobs, SPEED_UP)),
    lagSeconds: SPEED_UP * dispatcher.meanLagSeconds(),
  }));
  const live = summarize(recordsOf(responses), WARM_UP_SHARE);
  const name = `\`${cache}\`, \`${order}\`${maxComputeLoad === undefined ? '' : `, \`max_compute_load: ${maxComputeLoad}\``}`;
  const foretold = simulated.kind === 'simulated' ? figures(simulated.summary) : '';
  console.log(`| ${name} | ${figures(live)} | ${(1000 * lagSeconds).toFixed(1)} | ${foretold} |`);
}

/** In the servers' own time. */
function recordsOf(responses: readonly ReplayedResponse[]) {
  const start = responses.map(({ waitingSeconds }, i) => jobs.arrivalSeconds[i]! + SPEED_UP * waitingSeconds);
  const end = responses.map(({ responseSeconds }, i) => jobs.arrivalSeconds[i]! + SPEED_UP * responseSeconds);
  return {
    arrivalSeconds: jobs.arrivalSeconds,
    startSeconds: Float64Array.from(start),
    endSeconds: Float64Array.from(end),
  };
}

function figures({ response, worstStretch }: SimulationSummary): string {
  return [response.mean, response.p50, response.p95, response.p99, worstStretch]
    .map((value) => value.toFixed(1))
    .join(' | ');
}
