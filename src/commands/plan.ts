import { Command, InvalidArgumentError, Option } from 'commander';
import type { SwarmFile } from '../config/swarm-file.ts';
import { parseSwarmFile } from '../config/swarm-file.ts';
import type { PlacementPolicy, PlanningObjective } from '../domain/model/plan.ts';
import { planCapacity } from '../domain/planning/capacity-plan.ts';
import type { PlanningSnapshot } from '../domain/planning/make-plan.ts';
import { makePlan } from '../domain/planning/make-plan.ts';
import type { ResponsePredictor } from '../domain/planning/response-predictor.ts';
import { createIndependentPredictor, createSharedComputePredictor } from '../simulation/response-predictor.ts';
import { capacityQuestion } from './capacity-question.ts';
import { capacityDocument, capacityTable } from './capacity-report.ts';
import type { CommandIo } from './command-io.ts';
import { UsageError } from './command-io.ts';
import { readInputFile } from './input-file.ts';
import { planDocument, planTable } from './plan-report.ts';
import { requireSpeeds } from './required-speeds.ts';

const PLACEMENTS: readonly PlacementPolicy[] = ['gbp-cr', 'gbp-cr-fill', 'cg-bp', 'petals', 'jffc-only', 'best'];
const OBJECTIVES: readonly PlanningObjective[] = ['lower', 'upper', 'surrogate', 'predicted'];
const SERVICE_MODELS = ['independent', 'shared-compute'] as const;
const MINIMISED = ['response', 'cost'] as const;
const DEFAULT_PREFILL_CHUNK_TOKENS = 256;
const MAX_RESERVED_SLOTS = 100_000;

interface PlanFlags {
  readonly placement: PlacementPolicy;
  readonly objective: PlanningObjective;
  readonly reservedSlots?: number;
  readonly arrivalRate?: number;
  readonly maxLoad?: number;
  readonly serviceModel: (typeof SERVICE_MODELS)[number];
  readonly prefillChunkTokens: number;
  readonly minimise: (typeof MINIMISED)[number];
  readonly responseTarget?: number;
  readonly json?: boolean;
}

/** `daisychain plan FILE`: plans a swarm offline. Exit code 1 when not every block can be placed. */
export function buildPlanCommand(io: CommandIo): Command {
  return new Command('plan')
    .description('Plans where the blocks of a model go, and which chains of servers serve requests, from a swarm file.')
    .argument('<file>', "swarm file, YAML or JSON; '-' reads standard input")
    .addOption(
      new Option(
        '--placement <policy>',
        'gbp-cr stops when the arrival rate is served, gbp-cr-fill uses every server; cg-bp, petals and jffc-only ' +
          '(whole models) are baselines that choose their own reservation; best tries all and improves on the best',
      )
        .choices(PLACEMENTS)
        .default('gbp-cr'),
    )
    .addOption(
      new Option('--objective <objective>', 'what the search for the reserved slots minimises')
        .choices(OBJECTIVES)
        .default('lower'),
    )
    .option(
      '--reserved-slots <count>',
      'sessions per chain to leave room for, instead of a search',
      wholeNumber(1, MAX_RESERVED_SLOTS),
    )
    .option('--arrival-rate <rate>', "requests per second, instead of the file's", numberWithin(1e-6, 1e6))
    .option('--max-load <share>', "largest load wanted, instead of the file's", numberWithin(0.001, 1))
    .addOption(
      new Option(
        '--service-model <model>',
        'how the mean response time is predicted: independent, as in the paper, or shared-compute, where the sessions ' +
          'on a server take turns (needs speeds and a workload in the file)',
      )
        .choices(SERVICE_MODELS)
        .default('independent'),
    )
    .option(
      '--prefill-chunk-tokens <count>',
      'with shared-compute: prompts travel in pieces of so many tokens; 0 sends them whole',
      wholeNumber(0, 10_000_000),
      DEFAULT_PREFILL_CHUNK_TOKENS,
    )
    .addOption(
      new Option(
        '--minimise <what>',
        'response uses all servers that help; cost looks for the cheapest servers that meet --response-target, by the ' +
          'cost_per_hour of each in the file, and tells what more money would buy',
      )
        .choices(MINIMISED)
        .default('response'),
    )
    .option(
      '--response-target <seconds>',
      'with --minimise cost: the mean response time that is good enough',
      numberWithin(1e-6, 1e6),
    )
    .option('--json', 'print one JSON document')
    .action(async (file: string, flags: PlanFlags) => {
      const source = await readInputFile(file);
      const swarm = parseSwarmFile(source.text, source.name);
      const parsed = performance.now();
      const snapshot = toSnapshot(swarm, flags, source.name);
      if (flags.minimise === 'cost' || flags.responseTarget !== undefined) {
        const answer = planCapacity(capacityQuestion(swarm, flags, snapshot, source.name));
        const planningMilliseconds = performance.now() - parsed;
        const report = flags.json === true ? capacityDocument : capacityTable;
        io.stdout.write(report(answer, { placementPolicy: flags.placement, planningMilliseconds }));
        if (answer.cheapest === undefined) io.setExitCode(1);
        return;
      }
      const result = makePlan(snapshot);
      const planningMilliseconds = performance.now() - parsed;
      const settings = {
        placementPolicy: flags.placement,
        objective: result.kind === 'feasible' ? result.objective : searchedObjective(flags),
        planningMilliseconds,
      };
      const text =
        flags.json === true
          ? `${JSON.stringify(planDocument(result, settings))}\n`
          : planTable(swarm, result, settings);
      io.stdout.write(text);
      if (result.kind === 'infeasible') io.setExitCode(1);
    });
}

function toSnapshot(swarm: SwarmFile, flags: PlanFlags, name: string): PlanningSnapshot {
  const arrivalRatePerSecond = flags.arrivalRate ?? swarm.arrivalRatePerSecond;
  if (arrivalRatePerSecond === undefined) {
    throw new UsageError(`${name}: arrival_rate_per_second: missing; give it in the file or with --arrival-rate`);
  }
  if (flags.placement === 'best' && flags.objective === 'surrogate') {
    throw new UsageError(
      '--objective surrogate judges placements of gbp-cr only; use lower, upper or predicted with best',
    );
  }
  return {
    model: swarm.model,
    arrivalRatePerSecond,
    maxLoad: flags.maxLoad ?? swarm.maxLoad,
    servers: swarm.servers,
    placementPolicy: flags.placement,
    objective: flags.objective,
    reservedSlots: flags.reservedSlots,
    pinnedSpans: swarm.pinnedSpans,
    predictor: createPredictor(swarm, flags, arrivalRatePerSecond, name),
  };
}

function createPredictor(
  swarm: SwarmFile,
  flags: PlanFlags,
  arrivalRatePerSecond: number,
  name: string,
): ResponsePredictor {
  if (flags.serviceModel === 'independent') return createIndependentPredictor(arrivalRatePerSecond);
  return createSharedComputePredictor({
    ...requireSpeeds(swarm, name),
    arrivalRatePerSecond,
    prefillChunkTokens: flags.prefillChunkTokens === 0 ? undefined : flags.prefillChunkTokens,
  });
}

/** What a search would have minimised, had it found anything. */
function searchedObjective({ reservedSlots, objective }: PlanFlags): PlanningObjective | undefined {
  return reservedSlots === undefined ? objective : undefined;
}

function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < min || value > max) {
      throw new InvalidArgumentError(`It must be a whole number from ${min} to ${max}.`);
    }
    return value;
  };
}

function numberWithin(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() === '' || !Number.isFinite(value) || value < min || value > max) {
      throw new InvalidArgumentError(`It must be a number from ${min} to ${max}.`);
    }
    return value;
  };
}
