import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseScenarioFile } from '../../src/config/scenario-file.ts';
import type { TokenWorkload } from '../../src/domain/planning/service-times.ts';
import type { Contest } from '../../src/simulation/run-contestant.ts';
import type { SimulatedJobs } from '../../src/simulation/workloads.ts';
import type { EmulatedServer } from './emulated-swarm.ts';
import { type ConfigSections, LiveDispatcher } from './live-dispatcher.ts';
import { type ReplayedRequest, replay } from './request-replay.ts';

const SCENARIO = fileURLToPath(new URL('../../config/scenario.azure-trace.yaml', import.meta.url));

/** They fill every chain, so that connections are open and the code is compiled when the measurement begins. */
function warmUpRequests({ inputTokens, outputTokens }: TokenWorkload, ratePerSecond: number): ReplayedRequest[] {
  return Array.from({ length: WARM_UP_REQUESTS }, (_, i) => ({
    atSeconds: i / ratePerSecond,
    inputTokens,
    outputTokens,
  }));
}

const WARM_UP_REQUESTS = 64;
/** In the servers' own time. */
const WARM_UP_RATE = 1;

/** The swarm of the trace's scenario, as it is simulated and as it is emulated. */
export interface LiveScenario {
  readonly contest: Omit<Contest, 'jobs'>;
  readonly servers: readonly EmulatedServer[];
  readonly speedUp: number;
}

/**
 * @param speedUp the emulation's servers are so many times as fast
 * @param slope beta of every server
 */
export async function readLiveScenario(speedUp: number, slope: number): Promise<LiveScenario> {
  const { swarm } = parseScenarioFile(await readFile(SCENARIO, 'utf8'), 'scenario.azure-trace.yaml');
  const speeds = new Map([...swarm.speeds].map(([id, own]) => [id, { ...own, concurrencySlope: slope }]));
  const { arrivalRatePerSecond = 0.2 } = swarm;
  return {
    contest: { ...swarm, speeds, arrivalRatePerSecond, meanTokens: swarm.workload, seed: 1 },
    servers: swarm.servers.map(({ id, memoryBytes }) => ({ id, memoryBytes, speeds: speeds.get(id)! })),
    speedUp,
  };
}

/** Runs the service over the scenario's servers, for as long as `use` takes. */
export async function withLiveDispatcher<Result>(
  { contest, servers, speedUp }: LiveScenario,
  config: ConfigSections,
  use: (dispatcher: LiveDispatcher) => Promise<Result>,
): Promise<Result> {
  const { meanTokens = { inputTokens: 1, outputTokens: 1 } } = contest;
  const folder = await mkdtemp(join(tmpdir(), 'daisychain-emulation-'));
  try {
    const dispatcher = await LiveDispatcher.start(folder, servers, speedUp, {
      ...config,
      planner: {
        placement: 'gbp-cr',
        overhead_seconds: overheadOf(servers) / speedUp,
        arrival_rate_floor: contest.arrivalRatePerSecond * speedUp,
        workload_input_tokens: meanTokens.inputTokens,
        workload_output_tokens: meanTokens.outputTokens,
        ...config['planner'],
      },
      scheduling: { default_deadline_seconds: 3600, queue_limit: 100_000, ...config['scheduling'] },
      // One plan, when all servers have joined.
      swarm: { step_timeout_seconds: 60, replan_debounce_seconds: 2, ...config['swarm'] },
      // A slow emulated token is no fault of its server.
      recovery: { slow_token_seconds: 60 },
    });
    try {
      await replay(dispatcher.url, warmUpRequests(meanTokens, WARM_UP_RATE * speedUp));
      return await use(dispatcher);
    } finally {
      await dispatcher.stop();
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Fixed cost of an exchange: the same for all servers of the scenario. */
function overheadOf(servers: readonly EmulatedServer[]): number {
  return servers[0]?.speeds.overheadSeconds ?? 0;
}

/** The jobs as requests of a replay. */
export function requestsOf(jobs: SimulatedJobs, speedUp: number) {
  return Array.from(jobs.arrivalSeconds, (seconds, job) => ({
    atSeconds: seconds / speedUp,
    inputTokens: jobs.tokens?.input[job] ?? 1,
    outputTokens: jobs.tokens?.output[job] ?? 1,
  }));
}
