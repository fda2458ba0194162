import { z } from 'zod';
import { SEARCH_OUTCOMES, SERVER_STATES } from '../../../application/ports/telemetry.ts';

/** The operators' read model. Seconds, bytes and tokens as numbers; null where a fact is not known. */

const seconds = z.number().min(0);
const span = z.object({ first_block: z.int().min(0), block_count: z.int().min(0) });
export const placedSpanSchema = z.object({ server_id: z.string(), ...span.shape });

/** Bounds of the mean response time, seconds. */
export const responseBoundsSchema = z.object({
  lower: z.number(),
  upper: z.number(),
  predicted: z.number().nullable(),
});

const server = z.object({
  server_id: z.string(),
  state: z.enum(SERVER_STATES),
  reason: z.string().nullable().describe('Why the server does not serve; null when it does.'),
  address: z.string(),
  protocol: z.string(),
  memory_bytes: z.number(),
  hosted: span.nullable().describe('Blocks that it serves now.'),
  planned: span.nullable().describe('Blocks that the plan wants on it.'),
  is_pinned: z.boolean(),
  cache_bytes_free: z.number().nullable(),
  sessions: z.int(),
  rtt_seconds: seconds.nullable(),
  overhead_seconds_per_block: seconds,
  prefill_seconds_per_token_per_block: seconds,
  decode_seconds_per_token_per_block: seconds,
  pace: z.number().describe('Measured over declared times: 2 is twice as slow as it said. Plans reckon with it.'),
  concurrency_slope: z
    .number()
    .describe('Share of a step that steps of other sessions wait for, as measured; before that as declared.'),
  heartbeat_age_seconds: z.number(),
  dtype: z.string(),
  labels: z.record(z.string(), z.string()),
  contribution: z
    .object({ tokens: z.int(), block_seconds: seconds, uptime_seconds: seconds })
    .describe('Tokens that passed it, blocks it held ready times seconds, and its time as a member.'),
});

const chain = z.object({
  chain_id: z.string(),
  hops: z.array(placedSpanSchema).describe('In the order of the blocks; each with the blocks that it runs.'),
  slots: z.int().describe('Longest sessions that it has cache for; by tokens more jobs may run at once.'),
  slots_in_use: z.int(),
  planned_service_seconds: seconds,
  measured_service_seconds: seconds.nullable(),
});

export const serversSchema = z.object({ servers: z.array(server) });
export const chainsSchema = z.object({ chains: z.array(chain) });

export const planSchema = z.object({
  model_id: z.string(),
  block_count: z.int(),
  epoch: z.int().describe('0 before the first plan.'),
  age_seconds: z.number().nullable(),
  placement_policy: z.string(),
  objective: z.string().nullable(),
  reserved_slots: z.int().nullable(),
  slot_tokens: z.int().describe('Tokens of one session for which a slot has room.'),
  placement: z.array(placedSpanSchema),
  total_slots: z.int(),
  service_rate_per_second: z.number(),
  arrival_rate_per_second: z.number(),
  response_seconds: responseBoundsSchema
    .nullable()
    .describe('Bounds of the mean response time; null without a plan, or when it cannot carry the load.'),
  block_coverage_min: z.int(),
  reason: z.string().nullable().describe('Why there is no plan, or why its bounds are missing.'),
  decision: z
    .object({
      kind: z.enum(['keep', 'change']),
      cause: z.string().describe('What made the plan stale.'),
      reason: z.string(),
      age_seconds: seconds,
      gain_seconds: z
        .number()
        .nullable()
        .describe('Response time that the requests of the horizon save, summed; null where the plan was kept.'),
      cost_seconds: z.number().nullable().describe('The same lost while servers load.'),
    })
    .nullable()
    .describe('What came of the latest look at the plan.'),
  source: z
    .object({
      kind: z.enum(['look', 'search']).describe('A quick look, or a careful search.'),
      placement_policy: z.string(),
      objective: z.string().nullable(),
      seconds: seconds.describe('How long it took.'),
      evaluations: z.int().nullable().describe('Plans that were judged; null for a look.'),
      gain_seconds: z.number().nullable().describe('What it was expected to save; null where that has no bound.'),
    })
    .nullable()
    .describe('How the placement that servers were told last was found.'),
  search: z
    .object({
      outcome: z.enum(SEARCH_OUTCOMES),
      reason: z.string(),
      age_seconds: seconds,
      seconds: seconds.nullable(),
      evaluations: z.int().nullable(),
      is_cut_short: z.boolean().describe('Time ended it before its budget of evaluations did.'),
    })
    .nullable()
    .describe('What came of the latest careful search; null where none was made.'),
  pending_moves: z.int().describe('Moves that servers were not told yet.'),
  workload: z
    .object({ input_tokens: z.number(), output_tokens: z.number(), is_measured: z.boolean() })
    .describe('Mean lengths of requests that the planner reckons with.'),
});

export const queueSchema = z.object({
  length: z.int(),
  limit: z.int(),
  oldest_wait_seconds: z.number().nullable(),
  running: z.int(),
});

/** An action was taken on; its effects follow. */
export const acceptedSchema = z.object({ accepted: z.literal(true) });

export type ServersDocument = z.infer<typeof serversSchema>;
export type ChainsDocument = z.infer<typeof chainsSchema>;
export type PlanDocument = z.infer<typeof planSchema>;
export type QueueDocument = z.infer<typeof queueSchema>;
