import { z } from 'zod';

/** What becomes of a running request whose servers fail. */
export const recovery = z.strictObject({
  max_attempts: z
    .int()
    .min(0)
    .max(100)
    .default(3)
    .describe('failures of servers that one request outlives; with 0 the first one ends it'),
  max_wait_seconds: z
    .number()
    .min(0)
    .max(3600)
    .default(30)
    .describe('longest wait of a running request for servers that can take over'),
  slow_factor: z
    .number()
    .min(2)
    .max(1_000_000)
    .default(20)
    .describe('a request leaves its slowest server when its tokens take this many times longer than planned'),
  slow_token_seconds: z.number().min(0.01).max(3600).default(2).describe('tokens faster than this are never too slow'),
  slow_window_tokens: z.int().min(1).max(10_000).default(8).describe('tokens over which the time of one is measured'),
  history_bytes: z
    .int()
    .min(0)
    .max(1_099_511_627_776)
    .default(268_435_456)
    .describe(
      'memory for what the servers of running requests were fed; beyond it, a lost server takes longer to replace',
    ),
});
