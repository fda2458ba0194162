import { z } from 'zod';

const seconds = (min: number, max: number) => z.number().min(min).max(max);
const count = (min: number, max: number) => z.int().min(min).max(max);

const TENANT_WEIGHT = /^[A-Za-z0-9._:@-]{1,64}=(?:[1-9]\d{0,5}(?:\.\d{1,3})?|0\.\d{1,3})$/;

/** The section `scheduling`: the queue, cache, tenants. */
export const schedulingSchema = z.strictObject({
  queue_limit: count(0, 1_000_000).default(1024).describe('requests that may wait; more are refused with 429'),
  default_deadline_seconds: seconds(0.1, 86_400)
    .default(120)
    .describe('longest wait in the queue for a request that names no deadline'),
  cache: z
    .enum(['tokens', 'slots'])
    .default('tokens')
    .describe(
      "what a request reserves at each hop: its own prompt and longest output, out of what all chains through a server share; or one slot of the longest session out of its chain's, as in the paper",
    ),
  cache_granularity_tokens: count(1, 65_536)
    .default(16)
    .describe('with cache: tokens, reservations are rounded up to whole multiples of this'),
  order: z
    .enum(['shortest', 'fifo'])
    .default('shortest')
    .describe('who goes next of one tenant and class: the shortest predicted service, or who came first'),
  max_wait_factor: z
    .number()
    .min(1.1)
    .max(1_000_000)
    .default(8)
    .describe('with order: shortest, nobody waits for more work than this times what waited when it came'),
  max_overtakes: count(0, 1_000_000)
    .default(16)
    .describe('with cache: tokens, smaller requests that may start before the next one while it does not fit'),
  max_compute_load: z
    .number()
    .min(0.1)
    .max(1000)
    .default(1.5)
    .describe(
      "with cache: tokens, requests at once on a chain, over those that still raise its throughput by its servers' measured speeds, and at least four; 1000 leaves it to the cache",
    ),
  tenant_weights: z
    .array(z.string().regex(TENANT_WEIGHT, 'must be TENANT=WEIGHT, for instance research=2.5'))
    .max(1000)
    .default([])
    .describe('shares of tenants that wait together, as TENANT=WEIGHT; the others weigh 1'),
  tenant_max_concurrency: count(1, 1_000_000)
    .optional()
    .describe('requests of one tenant that may wait or run at once; more are refused with 429'),
  tenant_requests_per_minute: count(1, 1_000_000_000).optional().describe('requests of one tenant in a minute'),
  tenant_tokens_per_minute: count(1, 1_000_000_000_000)
    .optional()
    .describe('prompt and longest output tokens of one tenant in a minute'),
});
