/**
 * How right is the service about itself? Requests of exponential size arrive at random at `daisychain serve` in
 * front of the trace scenario's servers, emulated over real gRPC, at 0.2, 0.5 and 0.8 of what they can serve. Then the mean response that the predictor of plans foretells, for the chains, measured speeds and
 * request lengths of the running service, is compared with what the requests met; and the waits that were
 * foretold at arrival with those that came true. Prints a Markdown table, in seconds of the servers' own time.
 *
 *   npm run calibrate -- [seconds per load] [speed-up] [slope] [loads]
 */
import type { Chain } from '../src/domain/model/chain.ts';
import {
  computationSecondsPerBlock,
  type SharedServerSpeeds,
  stepSeconds,
} from '../src/domain/planning/service-times.ts';
import { prefillChunkTokens } from '../src/domain/scheduling/prefill-chunk.ts';
import { createSharedComputePredictor } from '../src/simulation/response-predictor.ts';
import { summarize } from '../src/simulation/statistics.ts';
import { poissonJobs, type SimulatedJobs, typicalJobs } from '../src/simulation/workloads.ts';
import type { LiveDispatcher } from './emulation/live-dispatcher.ts';
import { readLiveScenario, requestsOf, withLiveDispatcher } from './emulation/live-scenario.ts';
import { replay } from './emulation/request-replay.ts';

const SECONDS = Number(process.argv[2] ?? 300);
const SPEED_UP = Number(process.argv[3] ?? 3);
const SLOPE = Number(process.argv[4] ?? 1);
const LOADS = (process.argv[5] ?? '0.2,0.5,0.8').split(',').map(Number);
const WORKLOAD = { inputTokens: 1024, outputTokens: 24 };
const WARM_UP_SHARE = 0.15;
const CHUNK_BOUNDS = { least: 32, most: 256 };
/** Of the requests that servers can compute for, those that their cache has room for. */
const CACHE_SHARE = 0.8;

interface ChainsDocument {
  readonly chains: readonly {
    readonly chain_id: string;
    readonly hops: readonly {
      readonly server_id: string;
      readonly first_block: number;
      readonly block_count: number;
    }[];
    readonly slots: number;
    readonly planned_service_seconds: number;
  }[];
}

interface ServersDocument {
  readonly servers: readonly {
    readonly server_id: string;
    readonly memory_bytes: number;
    readonly hosted: { readonly block_count: number } | null;
    readonly pace: number;
    readonly concurrency_slope: number;
  }[];
}

interface PlanDocument {
  readonly workload: { readonly input_tokens: number; readonly output_tokens: number };
}

const base = await readLiveScenario(SPEED_UP, SLOPE);
const scenario = { ...base, contest: { ...base.contest, meanTokens: WORKLOAD } };
console.log(`slope ${SLOPE}, ${SPEED_UP} times as fast, ${SECONDS} s per load\n`);
console.log(
  '| load | requests | tokens in, out | predicted | measured | predicted by declared speeds | waited | predicted wait | real wait | lag per step, ms | paces | slopes |',
);
console.log('|---|---|---|---|---|---|---|---|---|---|---|---|');
for (const load of LOADS) {
  const ratePerSecond = load * computeRate();
  const jobs = jobsFor(ratePerSecond);
  const row = await withLiveDispatcher(
    scenario,
    { planner: { drift_threshold: 10, min_gain: 10, arrival_rate_floor: ratePerSecond * SPEED_UP } },
    async (dispatcher) => {
      const waitsBefore = await waitsOf(dispatcher);
      const responses = await replay(dispatcher.url, requestsOf(jobs, SPEED_UP));
      const waits = await waitsOf(dispatcher);
      const count = waits.count - waitsBefore.count;
      const { response } = summarize(
        {
          arrivalSeconds: jobs.arrivalSeconds,
          startSeconds: jobs.arrivalSeconds,
          endSeconds: jobs.arrivalSeconds.map((at, i) => at + SPEED_UP * responses[i]!.responseSeconds),
        },
        WARM_UP_SHARE,
      );
      const lagMs = 1000 * SPEED_UP * dispatcher.meanLagSeconds();
      const { servers } = await dispatcher.admin<ServersDocument>('servers');
      const { workload } = await dispatcher.admin<PlanDocument>('plan');
      const { predicted, declared } = await predictionOf(dispatcher, ratePerSecond);
      return [
        load,
        jobs.count,
        `${workload.input_tokens.toFixed(0)}, ${workload.output_tokens.toFixed(1)}`,
        predicted?.toFixed(1) ?? 'none',
        `${response.mean.toFixed(1)} ± ${response.halfWidth.toFixed(1)}`,
        declared?.toFixed(1) ?? 'none',
        count,
        count === 0 ? '' : ((SPEED_UP * (waits.predicted - waitsBefore.predicted)) / count).toFixed(1),
        count === 0 ? '' : ((SPEED_UP * (waits.real - waitsBefore.real)) / count).toFixed(1),
        lagMs.toFixed(1),
        spread(servers.map(({ pace }) => pace)),
        spread(servers.map(({ concurrency_slope }) => concurrency_slope)),
      ];
    },
  );
  console.log(`| ${row.join(' | ')} |`);
}

/** Requests per second that the two chains of the plan serve at most, about. */
function computeRate(): number {
  // A server of the scenario holds as many blocks as it takes time for one in proportion: any will do.
  const [fast] = scenario.servers;
  return (CACHE_SHARE * 2) / (14 * computationSecondsPerBlock(fast!.speeds, WORKLOAD));
}

function jobsFor(ratePerSecond: number): SimulatedJobs {
  const count = Math.round(SECONDS * ratePerSecond);
  const jobs = typicalJobs(poissonJobs({ jobs: count, seed: 1, ratePerSecond }), ratePerSecond, WARM_UP_SHARE);
  const tokens = (mean: number) => jobs.sizes.map((size) => Math.min(7_000, Math.max(1, Math.round(size * mean))));
  return { ...jobs, tokens: { input: tokens(WORKLOAD.inputTokens), output: tokens(WORKLOAD.outputTokens) } };
}

/** Waits that were foretold, so far: how many, and how long together, seconds. */
async function waitsOf(dispatcher: LiveDispatcher) {
  return {
    count: await dispatcher.metric('daisychain_queue_prediction_ratio_count'),
    predicted: await foretold(dispatcher, 'predicted'),
    real: await foretold(dispatcher, 'real'),
  };
}

function foretold(dispatcher: LiveDispatcher, kind: string): Promise<number> {
  return dispatcher.metric('daisychain_queue_foretold_seconds_total', `kind="${kind}"`);
}

async function predictionOf(dispatcher: LiveDispatcher, arrivalRatePerSecond: number) {
  const chains = (await dispatcher.admin<ChainsDocument>('chains')).chains.map(
    (chain): Chain => ({
      id: chain.chain_id,
      slots: chain.slots,
      serviceSeconds: SPEED_UP * chain.planned_service_seconds,
      hops: chain.hops.map((hop) => ({
        serverId: hop.server_id,
        firstBlock: hop.first_block,
        blockCount: hop.block_count,
      })),
    }),
  );
  const { servers } = await dispatcher.admin<ServersDocument>('servers');
  const { workload } = await dispatcher.admin<PlanDocument>('plan');
  const measured = new Map<string, SharedServerSpeeds>();
  for (const { server_id, pace, concurrency_slope } of servers) {
    const own = scenario.contest.speeds.get(server_id)!;
    measured.set(server_id, {
      rttSeconds: pace * own.rttSeconds,
      overheadSeconds: pace * own.overheadSeconds,
      overheadSecondsPerBlock: pace * own.overheadSecondsPerBlock,
      prefillSecondsPerTokenPerBlock: pace * own.prefillSecondsPerTokenPerBlock,
      decodeSecondsPerTokenPerBlock: pace * own.decodeSecondsPerTokenPerBlock,
      concurrencySlope: concurrency_slope,
    });
  }
  const hops = (chains[0]?.hops ?? []).map(({ serverId, blockCount }) => {
    const speeds = scenario.contest.speeds.get(serverId)!;
    return {
      prefillSeconds: blockCount * speeds.prefillSecondsPerTokenPerBlock,
      tokenSeconds: stepSeconds(speeds, blockCount, 1, false),
    };
  });
  const predict = (speeds: ReadonlyMap<string, SharedServerSpeeds>) =>
    createSharedComputePredictor({
      arrivalRatePerSecond,
      meanTokens: { inputTokens: workload.input_tokens, outputTokens: workload.output_tokens },
      speeds,
      hiddenBytesPerToken: 0,
      prefillChunkTokens: prefillChunkTokens({ tokens: workload.input_tokens, hops, generating: 1 }, CHUNK_BOUNDS),
      tokens: {
        cacheBytesPerToken: dispatcher.model.cacheBytesPerTokenPerBlock,
        serverCacheBytes: new Map(
          servers.map((server) => [
            server.server_id,
            server.memory_bytes - (server.hosted?.block_count ?? 0) * dispatcher.model.shape.blockBytes,
          ]),
        ),
        order: 'shortest',
        maxComputeLoad: 1.5,
      },
    }).predict(chains);
  return { predicted: predict(measured), declared: predict(scenario.contest.speeds) };
}

function spread(values: readonly number[]): string {
  const sorted = values.toSorted((a, b) => a - b);
  return [0, 0.5, 1].map((at) => sorted[Math.round(at * (sorted.length - 1))]!.toFixed(2)).join('..');
}
