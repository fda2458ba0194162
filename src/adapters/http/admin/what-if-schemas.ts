import { z } from 'zod';
import { placedSpanSchema, responseBoundsSchema } from './schemas.ts';

/** Most servers that one question adds or removes. */
const MAX_CHANGED_SERVERS = 1_000;

const serverId = z.string().min(1).max(128);
const positiveSeconds = z.number().min(1e-12).max(3_600);

/** Body of `POST /admin/v1/what-if`. Strict: a misspelt change would be answered as if it had been made. */
export const whatIfSchema = z.strictObject({
  arrival_rate_per_second: z.number().min(1e-6).max(1e6).optional().describe('Instead of the current estimate.'),
  remove_servers: z.array(serverId).max(MAX_CHANGED_SERVERS).optional().describe('Ids of registered servers.'),
  add_servers: z
    .array(
      z.strictObject({
        server_id: serverId,
        memory_bytes: z.int().positive(),
        rtt_seconds: z.number().min(0).max(3_600).optional(),
        overhead_seconds_per_block: z.number().min(0).max(3_600),
        prefill_seconds_per_token_per_block: positiveSeconds,
        decode_seconds_per_token_per_block: positiveSeconds,
      }),
    )
    .max(MAX_CHANGED_SERVERS)
    .optional(),
});

export type WhatIfBody = z.infer<typeof whatIfSchema>;

export const outlookSchema = z.object({
  feasible: z.boolean(),
  reason: z.string().nullable().describe('Why it is not feasible, or why the bounds are missing.'),
  placement_policy: z.string(),
  reserved_slots: z.int().nullable(),
  placement: z.array(placedSpanSchema),
  chains: z.array(z.object({ hops: z.array(placedSpanSchema), slots: z.int(), service_seconds: z.number() })),
  total_slots: z.int(),
  service_rate_per_second: z.number(),
  arrival_rate_per_second: z.number(),
  response_seconds: responseBoundsSchema.nullable(),
});

export type OutlookDocument = z.infer<typeof outlookSchema>;
