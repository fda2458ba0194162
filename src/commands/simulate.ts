import { writeFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { Command } from 'commander';
import type { ScenarioFile } from '../config/scenario-file.ts';
import { parseScenarioFile } from '../config/scenario-file.ts';
import { DispatcherError } from '../domain/shared/errors.ts';
import type { Contest, Contestant } from '../simulation/run-contestant.ts';
import { runContestant } from '../simulation/run-contestant.ts';
import { sharedComputeSteps } from '../simulation/simulate-shared-compute.ts';
import { parseTrace } from '../simulation/trace-csv.ts';
import type { SimulatedJobs, TraceRequest } from '../simulation/workloads.ts';
import { burstyJobs, poissonJobs, traceJobs } from '../simulation/workloads.ts';
import type { CommandIo } from './command-io.ts';
import { UsageError } from './command-io.ts';
import { readInputFile } from './input-file.ts';
import { loadChartRenderer } from './render-chart.ts';
import { simulationDocument, simulationTable } from './simulate-report.ts';
import { simulationCharts } from './simulation-charts.ts';

const DEFAULT_JOBS = 30_000;
const MAX_TRACE_JOBS = 1_000_000;
/** Token steps that one contestant may take, each at every hop: minutes of work. */
const MAX_SHARED_STEPS = 20_000_000;
const PROGRESS_WIDTH = 20;

/** `daisychain simulate FILE`: replays one workload over plans and policies and compares them. */
export function buildSimulateCommand(io: CommandIo): Command {
  return new Command('simulate')
    .description(
      'Replays a workload over several ways to plan and dispatch, in simulated time, and compares their response times.',
    )
    .argument('<file>', "scenario file, YAML or JSON; '-' reads standard input")
    .option('--json', 'print one JSON document')
    .option('--svg <file>', 'also draw response times, queue and cache in use, as one SVG picture')
    .action(async (file: string, flags: { readonly json?: boolean; readonly svg?: string }) => {
      const draw = flags.svg === undefined ? undefined : await loadChartRenderer();
      const source = await readInputFile(file);
      const scenario = parseScenarioFile(source.text, source.name);
      const { contest, tooLong } = await createContest(scenario, source.name, file === '-' ? '.' : dirname(file));
      const results = scenario.contestants.map((entry, index) => {
        showProgress(io, index, scenario.contestants.length, entry.name);
        return runContestant(contest, toContestant(entry, contest, source.name, index));
      });
      clearProgress(io);
      const isAnySimulated = results.some((result) => result.kind === 'simulated');
      if (flags.svg !== undefined && draw !== undefined && isAnySimulated)
        await write(flags.svg, await draw(simulationCharts(contest, results)));
      io.stdout.write(
        flags.json === true
          ? `${JSON.stringify(simulationDocument(results, tooLong))}\n`
          : simulationTable(results, tooLong),
      );
      if (!isAnySimulated) io.setExitCode(1);
    });
}

async function write(file: string, text: string): Promise<void> {
  try {
    await writeFile(file, text);
  } catch (error) {
    throw new UsageError(`--svg ${file}: cannot be written: ${(error as Error).message}`);
  }
}

async function createContest(
  scenario: ScenarioFile,
  name: string,
  folder: string,
): Promise<{ readonly contest: Contest; readonly tooLong: number }> {
  const { swarm, workload } = scenario;
  const trace = workload.kind === 'trace' ? await readTrace(workload.trace ?? '', folder, workload.jobs) : undefined;
  const fitting = trace?.filter((request) => fitsSession(request, swarm.sessionTokens));
  if (fitting?.length === 0) {
    throw new UsageError(
      `${name}: model.session_tokens: no request of the trace fits ${swarm.sessionTokens} tokens; raise it`,
    );
  }
  const jobsOfTrace = fitting && traceJobs(fitting, workload.time_scale);
  const arrivalRatePerSecond = swarm.arrivalRatePerSecond ?? (jobsOfTrace && rateOf(jobsOfTrace));
  if (arrivalRatePerSecond === undefined || !Number.isFinite(arrivalRatePerSecond)) {
    throw new UsageError(`${name}: arrival_rate_per_second: missing; plans are made for it`);
  }
  const random = { jobs: workload.jobs ?? DEFAULT_JOBS, seed: workload.seed, ratePerSecond: arrivalRatePerSecond };
  const jobs =
    jobsOfTrace ??
    (workload.kind === 'bursty'
      ? burstyJobs({
          ...random,
          burstFactor: workload.burst_factor,
          burstShare: workload.burst_share,
          burstSeconds: workload.burst_seconds,
        })
      : poissonJobs(random));
  const contest = {
    model: swarm.model,
    servers: swarm.servers,
    pinnedSpans: swarm.pinnedSpans,
    arrivalRatePerSecond,
    maxLoad: swarm.maxLoad,
    jobs,
    speeds: swarm.speeds,
    meanTokens: swarm.workload,
    hiddenBytesPerToken: swarm.hiddenBytesPerToken,
    sessionTokens: swarm.sessionTokens,
    seed: workload.seed,
  };
  return { contest, tooLong: (trace?.length ?? 0) - (fitting?.length ?? 0) };
}

/** A slot has room for so many tokens; a longer request is refused before it is scheduled. */
function fitsSession(request: TraceRequest, sessionTokens: number | undefined): boolean {
  return sessionTokens === undefined || request.inputTokens + request.outputTokens <= sessionTokens;
}

async function readTrace(trace: string, folder: string, jobs: number | undefined): Promise<TraceRequest[]> {
  const { text, name } = await readInputFile(resolve(folder, trace));
  try {
    return parseTrace(text, jobs ?? MAX_TRACE_JOBS);
  } catch (error) {
    if (error instanceof DispatcherError) throw new UsageError(`${name}: ${error.message}`);
    throw error;
  }
}

/** Arrivals per second from the first job to the last; infinite when all come at once. */
function rateOf(jobs: SimulatedJobs): number {
  return (jobs.count - 1) / (jobs.arrivalSeconds.at(-1) ?? 0);
}

function toContestant(
  entry: ScenarioFile['contestants'][number],
  contest: Contest,
  name: string,
  index: number,
): Contestant {
  const prefillChunkTokens = entry.prefill_chunk_tokens === 0 ? undefined : entry.prefill_chunk_tokens;
  if (entry.service_model === 'shared-compute' && contest.meanTokens !== undefined) {
    const steps = sharedComputeSteps({ ...contest, chains: [], meanTokens: contest.meanTokens, prefillChunkTokens });
    if (steps > MAX_SHARED_STEPS) {
      throw new UsageError(
        `${name}: contestants[${index}]: ${steps} token steps are too many to simulate (at most ${MAX_SHARED_STEPS}); ` +
          'lower workload.jobs or raise prefill_chunk_tokens',
      );
    }
  }
  return {
    name: entry.name,
    placement: entry.placement,
    objective: entry.objective,
    reservedSlots: entry.reserved_slots,
    planTokens: entry.plan_tokens,
    policy: entry.policy,
    cache: entry.cache,
    maxComputeLoad: entry.max_compute_load,
    scheduling: {
      order: entry.order,
      ...(entry.max_overtakes === undefined ? {} : { maxOvertakes: entry.max_overtakes }),
      ...(entry.max_wait_factor === undefined ? {} : { maxWaitFactor: entry.max_wait_factor }),
    },
    serviceModel: entry.service_model,
    prefillChunkTokens,
  };
}

/** On a terminal only: one line that says how far it is and what is running, wiped at the end. */
function showProgress(io: CommandIo, done: number, total: number, name: string): void {
  if (!isTerminal(io)) return;
  const filled = Math.round((done / total) * PROGRESS_WIDTH);
  const bar = '#'.repeat(filled) + '.'.repeat(PROGRESS_WIDTH - filled);
  io.stderr.write(`\r\u001b[Ksimulating [${bar}] ${done + 1} of ${total}: ${name}`);
}

function clearProgress(io: CommandIo): void {
  if (isTerminal(io)) io.stderr.write('\r\u001b[K');
}

function isTerminal({ stderr }: CommandIo): boolean {
  return 'isTTY' in stderr && stderr.isTTY === true;
}
