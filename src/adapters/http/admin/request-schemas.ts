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
  client_seconds: seconds.describe('Between tokens, waiting for the client to take the last one.'),
  chains: z.array(
    z.object({
      chain_id: z.string(),
      choice: z
        .object({
          position: z.int().describe('1 is the fastest chain; the faster ones had no free slot.'),
          chain_count: z.int(),
        })
        .nullable(),
      started_after_seconds: seconds,
      opening_seconds: seconds.nullable().describe('Reserving the caches at every hop.'),
      prefill_seconds: seconds.nullable().describe("The prompt's way through the chain, to its first token."),
      decode_seconds: seconds.nullable().describe('From its first to its last token.'),
      tokens: z.int().describe('Output tokens generated on it.'),
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
