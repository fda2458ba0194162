import { z } from 'zod';
import { REQUEST_OUTCOMES } from '../../../application/ports/telemetry.ts';

const seconds = z.number();

/** Answer of `GET /admin/v1/requests/{id}`. */
export const requestTimesSchema = z.object({
  request_id: z.string(),
  model_id: z.string(),
  outcome: z.enum(REQUEST_OUTCOMES).nullable().describe('Null while it waits or runs.'),
  prompt_tokens: z.int(),
  completion_tokens: z.int(),
  total_seconds: seconds,
  queue_seconds: seconds.nullable(),
  first_token_seconds: seconds.nullable().describe('From arrival to the first token.'),
  chains: z.array(
    z.object({
      chain_id: z.string(),
      started_after_seconds: seconds,
      hops: z.array(
        z.object({
          server_id: z.string(),
          first_block: z.int(),
          block_count: z.int(),
          steps: z.int(),
          round_trip_seconds: seconds.describe("Waiting for the server's answers."),
          compute_seconds: seconds.describe('Of that, what the server says it computed.'),
          network_seconds: seconds.describe('The rest: the way there and back, and queues.'),
        }),
      ),
    }),
  ),
});

export type RequestTimesDocument = z.infer<typeof requestTimesSchema>;
