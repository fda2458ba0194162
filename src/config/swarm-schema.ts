import { z } from 'zod';
import { requirement } from './document.ts';

/** Limits of a swarm file: far beyond real swarms, near enough that every plan ends in seconds. */
const MAX_SERVERS = 10_000;
const MAX_BLOCKS = 4_096;
const MAX_TOKENS = 10_000_000;
const MAX_SECONDS = 1_000_000;
/** The least time that a block of one request takes. */
export const MIN_SECONDS = 1e-9;

const bytes = (): z.ZodNumber =>
  z
    .int({ error: requirement('must be a whole number of bytes, at most 2^53 - 1') })
    .min(1, { error: requirement('must be at least 1 byte') });
const count = (noun: string, max: number, min = 1): z.ZodNumber =>
  z
    .int({ error: requirement(`must be a whole number of ${noun}`) })
    .min(min, { error: requirement(`must be at least ${min}`) })
    .max(max, { error: requirement(`must be at most ${max}`) });
const seconds = (min = 0): z.ZodNumber =>
  z
    .number({ error: requirement('must be a finite number of seconds') })
    .min(min, { error: requirement(min === 0 ? 'must not be negative' : `must be at least ${min} seconds`) })
    .max(MAX_SECONDS, { error: requirement(`must be at most ${MAX_SECONDS} seconds`) });
const identifier = (): z.ZodString =>
  z.string({ error: requirement('must be a text') }).regex(/^[\x21-\x7e]{1,128}$/, {
    error: requirement('must be 1 to 128 printable ASCII characters without spaces'),
  });

export const modelSchema = z
  .strictObject({
    id: identifier(),
    block_count: count('blocks', MAX_BLOCKS),
    block_bytes: bytes(),
    cache_bytes_per_block: bytes().optional(),
    cache_bytes_per_token_per_block: bytes().optional(),
    session_tokens: count('tokens', MAX_TOKENS).optional(),
    hidden_bytes_per_token: bytes().optional(),
  })
  .superRefine((model, context) => {
    const refuse = (path: string, message: string): void => {
      context.addIssue({ code: 'custom', path: [path], message });
    };
    const perToken = model.cache_bytes_per_token_per_block;
    if (model.cache_bytes_per_block !== undefined) {
      if (perToken !== undefined) {
        refuse(
          'cache_bytes_per_token_per_block',
          'contradicts cache_bytes_per_block; give one of them (this one together with session_tokens)',
        );
      }
    } else if (perToken === undefined) {
      refuse(
        'cache_bytes_per_block',
        'missing; give it, or cache_bytes_per_token_per_block together with session_tokens',
      );
    } else if (model.session_tokens === undefined) {
      refuse('session_tokens', 'missing; cache_bytes_per_token_per_block needs the tokens of the longest session');
    }
  });

const SPEED_FIELDS = [
  'rtt_seconds',
  'overhead_seconds',
  'overhead_seconds_per_block',
  'prefill_seconds_per_token_per_block',
  'decode_seconds_per_token_per_block',
  'bandwidth_bytes_per_second',
  'concurrency_slope',
] as const;

export const serverSchema = z
  .strictObject({
    id: identifier(),
    memory_bytes: bytes(),
    communication_seconds: seconds().optional(),
    computation_seconds_per_block: seconds(MIN_SECONDS).optional(),
    rtt_seconds: seconds().optional(),
    overhead_seconds: seconds().optional(),
    overhead_seconds_per_block: seconds().optional(),
    prefill_seconds_per_token_per_block: seconds().optional(),
    decode_seconds_per_token_per_block: seconds().optional(),
    bandwidth_bytes_per_second: z
      .number({ error: requirement('must be a finite number of bytes per second') })
      .min(1, { error: requirement('must be at least 1 byte per second') })
      .max(1e15, { error: requirement('must be at most 1e15 bytes per second') })
      .optional(),
    concurrency_slope: z
      .number({ error: requirement('must be a number') })
      .min(0, { error: requirement('must not be negative') })
      .max(1, { error: requirement('must be at most 1') })
      .optional(),
    cost_per_hour: z
      .number({ error: requirement('must be a number, in any one currency') })
      .min(0, { error: requirement('must not be negative') })
      .max(1e6, { error: requirement('must be at most 1000000') })
      .optional(),
    pinned_span: z
      .strictObject({ first_block: count('blocks', MAX_BLOCKS, 0), block_count: count('blocks', MAX_BLOCKS) })
      .optional(),
  })
  .superRefine((server, context) => {
    const refuse = (path: string, message: string): void => {
      context.addIssue({ code: 'custom', path: [path], message });
    };
    const speed = SPEED_FIELDS.find((field) => server[field] !== undefined);
    const gives = {
      communication_seconds: server.communication_seconds !== undefined,
      computation_seconds_per_block: server.computation_seconds_per_block !== undefined,
    };
    if (gives.communication_seconds || gives.computation_seconds_per_block) {
      if (speed !== undefined) {
        refuse(speed, 'contradicts the service times of this server; give service times or speeds, not both');
      } else if (!gives.communication_seconds) {
        refuse('communication_seconds', 'missing; it goes with computation_seconds_per_block');
      } else if (!gives.computation_seconds_per_block) {
        refuse('computation_seconds_per_block', 'missing; it goes with communication_seconds');
      }
      return;
    }
    if (speed === undefined) {
      refuse(
        'communication_seconds',
        'missing; give communication_seconds and computation_seconds_per_block, or speeds ' +
          '(rtt_seconds, prefill_seconds_per_token_per_block, decode_seconds_per_token_per_block)',
      );
    } else if (server.rtt_seconds === undefined) {
      refuse('rtt_seconds', `missing; it goes with ${speed}`);
    }
  });

export const workloadSchema = z.strictObject({
  input_tokens: count('tokens', MAX_TOKENS),
  output_tokens: count('tokens', MAX_TOKENS),
});

/** Fields that a swarm file and a scenario file share. */
export const swarmFields = {
  model: modelSchema,
  arrival_rate_per_second: z
    .number({ error: requirement('must be a finite number of requests per second') })
    .min(1e-6, { error: requirement('must be at least 0.000001 requests per second') })
    .max(1e6, { error: requirement('must be at most 1000000 requests per second') })
    .optional(),
  max_load: z
    .number({ error: requirement('must be a number above 0 and at most 1') })
    .min(0.001, { error: requirement('must be at least 0.001') })
    .max(1, { error: requirement('must be at most 1') })
    .default(0.7),
  servers: z
    .array(serverSchema, { error: requirement('must be a list of servers') })
    .min(1, { error: requirement('must have at least one server') })
    .max(MAX_SERVERS, { error: requirement(`must have at most ${MAX_SERVERS} servers`) }),
};
