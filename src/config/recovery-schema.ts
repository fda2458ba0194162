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
  history_bytes: z
    .int()
    .min(0)
    .max(1_099_511_627_776)
    .default(268_435_456)
    .describe(
      'memory for what the servers of running requests were fed; beyond it, a lost server takes longer to replace',
    ),
});
