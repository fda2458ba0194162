import { z } from 'zod';
import { ConfigError } from './config-error.ts';
import { describeFileIssues, parseDocument, requirement } from './document.ts';
import type { SwarmFile } from './swarm-file.ts';
import { toSwarm } from './swarm-file.ts';
import { swarmFields, workloadSchema } from './swarm-schema.ts';

const MAX_JOBS = 1_000_000;
const MAX_CONTESTANTS = 100;

const oneOf = <const Choice extends string>(choices: readonly [Choice, ...Choice[]]) =>
  z.enum(choices, { error: requirement(`must be one of ${choices.join(', ')}`) });
const number = (min: number, max: number) =>
  z
    .number({ error: requirement(`must be a number from ${min} to ${max}`) })
    .min(min, { error: requirement(`must be at least ${min}`) })
    .max(max, { error: requirement(`must be at most ${max}`) });
const whole = (min: number, max: number) =>
  z
    .int({ error: requirement(`must be a whole number from ${min} to ${max}`) })
    .min(min, { error: requirement(`must be at least ${min}`) })
    .max(max, { error: requirement(`must be at most ${max}`) });

const scenarioWorkload = z
  .strictObject({
    ...workloadSchema.partial().shape,
    kind: oneOf(['poisson', 'bursty', 'trace']),
    jobs: whole(1, MAX_JOBS).optional(),
    seed: whole(0, Number.MAX_SAFE_INTEGER).default(1),
    trace: z
      .string({ error: requirement('must be the path of a CSV file') })
      .min(1, { error: requirement('must not be empty') })
      .optional(),
    time_scale: number(1e-6, 1e6).default(1),
    burst_factor: number(1.01, 1000).default(5),
    burst_share: number(0.001, 0.9).default(0.1),
    burst_seconds: number(0.001, 1e6).default(60),
  })
  .superRefine((workload, context) => {
    const refuse = (path: string, message: string): void => {
      context.addIssue({ code: 'custom', path: [path], message });
    };
    if (workload.kind === 'trace' && workload.trace === undefined)
      refuse('trace', 'missing; give the path of a CSV file');
    if (workload.kind !== 'trace' && workload.trace !== undefined) refuse('trace', 'goes with kind: trace only');
    if (workload.kind === 'bursty' && workload.burst_factor * workload.burst_share >= 1) {
      refuse('burst_share', 'times burst_factor must be below 1, or nothing would arrive between bursts');
    }
    if ((workload.input_tokens === undefined) !== (workload.output_tokens === undefined)) {
      const missing = workload.input_tokens === undefined ? 'input_tokens' : 'output_tokens';
      refuse(missing, 'missing; input_tokens and output_tokens go together');
    }
  });

const contestantSchema = z
  .strictObject({
    name: z
      .string({ error: requirement('must be a text') })
      .min(1, { error: requirement('must not be empty') })
      .max(80, { error: requirement('must have at most 80 characters') }),
    placement: oneOf(['gbp-cr', 'gbp-cr-fill', 'cg-bp', 'petals', 'jffc-only', 'best']).default('gbp-cr'),
    objective: oneOf(['lower', 'upper', 'surrogate', 'predicted']).default('lower'),
    reserved_slots: whole(1, 100_000).optional(),
    policy: oneOf(['jffc', 'jsq', 'sa-jsq', 'sed', 'jiq', 'ws-rr', 'petals']).default('jffc'),
    cache: oneOf(['slots', 'chain-tokens', 'tokens']).default('slots'),
    order: oneOf(['fifo', 'shortest']).default('fifo'),
    plan_tokens: whole(1, 10_000_000).optional(),
    max_compute_load: number(0.1, 1000).optional(),
    max_overtakes: whole(0, 1_000_000).optional(),
    max_wait_factor: number(1.01, 1_000_000).optional(),
    service_model: oneOf(['independent', 'shared-compute']).default('independent'),
    prefill_chunk_tokens: whole(0, 10_000_000).default(256),
  })
  .superRefine((contestant, context) => {
    const refuse = (path: string, message: string): void => {
      context.addIssue({ code: 'custom', path: [path], message });
    };
    if (contestant.placement === 'best' && contestant.objective === 'surrogate') {
      refuse('objective', 'surrogate judges placements of gbp-cr only; use lower, upper or predicted with best');
    }
    if (contestant.policy !== 'jffc' && (contestant.cache !== 'slots' || contestant.order !== 'fifo')) {
      refuse(contestant.cache === 'slots' ? 'order' : 'cache', 'goes with policy jffc only');
    }
    if (contestant.service_model === 'shared-compute' && contestant.policy !== 'jffc') {
      refuse('policy', 'must be jffc with service_model shared-compute');
    }
  });

const scenarioSchema = z.strictObject({
  ...swarmFields,
  workload: scenarioWorkload,
  contestants: z
    .array(contestantSchema, { error: requirement('must be a list of contestants') })
    .min(1, { error: requirement('must have at least one contestant') })
    .max(MAX_CONTESTANTS, { error: requirement(`must have at most ${MAX_CONTESTANTS} contestants`) }),
});

/** What `simulate` replays, and over what. */
export interface ScenarioFile {
  readonly swarm: SwarmFile;
  readonly workload: z.output<typeof scenarioWorkload>;
  readonly contestants: readonly z.output<typeof contestantSchema>[];
}

/**
 * Reads a scenario: a swarm file with a workload and contestants, YAML or JSON.
 * @param name how messages call the file
 * @throws ConfigError naming the path of each offending field and the remedy
 */
export function parseScenarioFile(text: string, name: string): ScenarioFile {
  const result = scenarioSchema.safeParse(parseDocument(text, name));
  if (!result.success) throw new ConfigError(`${name}: ${describeFileIssues(result.error.issues)}`);
  const { workload, contestants } = result.data;
  const { input_tokens, output_tokens } = workload;
  const tokens =
    input_tokens === undefined || output_tokens === undefined ? undefined : { input_tokens, output_tokens };
  const swarm = toSwarm(result.data, tokens, name);
  contestants.forEach((contestant, index) => {
    const problem = contradiction(contestant, workload, swarm);
    if (problem !== undefined) throw new ConfigError(`${name}: contestants[${index}].${problem}`);
    const twin = contestants.findIndex((other) => other.name === contestant.name);
    if (twin < index) {
      throw new ConfigError(`${name}: contestants[${index}].name: "${contestant.name}" is contestants[${twin}]'s too`);
    }
  });
  return { swarm, workload, contestants };
}

function contradiction(
  contestant: z.output<typeof contestantSchema>,
  workload: z.output<typeof scenarioWorkload>,
  swarm: SwarmFile,
): string | undefined {
  const slow = swarm.servers.find((server) => !swarm.speeds.has(server.id));
  if (contestant.service_model === 'shared-compute' && slow !== undefined) {
    return `service_model: shared-compute needs speeds of every server, and "${slow.id}" gives service times`;
  }
  if (contestant.cache === 'chain-tokens' && contestant.service_model === 'shared-compute') {
    return 'cache: chain-tokens tells servers apart by chain; use slots or tokens with service_model shared-compute';
  }
  if (contestant.cache !== 'slots' && swarm.sessionTokens === undefined) {
    return `cache: ${contestant.cache} needs model.cache_bytes_per_token_per_block and model.session_tokens`;
  }
  if (contestant.max_compute_load !== undefined && (contestant.cache !== 'tokens' || slow !== undefined)) {
    return 'max_compute_load: goes with cache: tokens and speeds of every server';
  }
  if (contestant.plan_tokens !== undefined && contestant.plan_tokens > (swarm.sessionTokens ?? 0)) {
    return 'plan_tokens: must be at most model.session_tokens, and the model must give its cache per token';
  }
  if (contestant.cache !== 'slots' && workload.kind !== 'trace') {
    return `cache: ${contestant.cache} needs a workload of kind trace, whose requests have tokens`;
  }
  if ((contestant.policy === 'ws-rr' || contestant.policy === 'petals') && workload.kind === 'trace') {
    return `policy: ${contestant.policy} knows no tokens; use it with poisson or bursty`;
  }
  return undefined;
}
