import { z } from 'zod';

/** Answers as they are documented. Tests check real answers against these. */

const usage = z.object({ prompt_tokens: z.int(), completion_tokens: z.int(), total_tokens: z.int() });
const finishReason = z.enum(['stop', 'length']);
const tokenLogprob = { token: z.string(), logprob: z.number().nullable(), bytes: z.array(z.int()).nullable() };
const chatLogprobs = z.object({
  content: z.array(z.object({ ...tokenLogprob, top_logprobs: z.array(z.object(tokenLogprob)) })),
  refusal: z.null(),
});
const head = { id: z.string(), created: z.int(), model: z.string() };

export const chatAnswerSchema = z.object({
  ...head,
  object: z.literal('chat.completion'),
  choices: z.array(
    z.object({
      index: z.int(),
      message: z.object({ role: z.literal('assistant'), content: z.string(), refusal: z.null() }),
      logprobs: chatLogprobs.nullable(),
      finish_reason: finishReason,
    }),
  ),
  usage,
});

export const chatChunkSchema = z.object({
  ...head,
  object: z.literal('chat.completion.chunk'),
  choices: z.array(
    z.object({
      index: z.int(),
      delta: z.object({ role: z.literal('assistant').optional(), content: z.string().optional() }),
      logprobs: chatLogprobs.nullable(),
      finish_reason: finishReason.nullable(),
    }),
  ),
  usage: usage.nullish(),
});

export const completionAnswerSchema = z.object({
  ...head,
  object: z.literal('text_completion'),
  choices: z.array(
    z.object({
      index: z.int(),
      text: z.string(),
      logprobs: z
        .object({
          tokens: z.array(z.string()),
          token_logprobs: z.array(z.number().nullable()),
          top_logprobs: z.array(z.record(z.string(), z.number()).nullable()),
          text_offset: z.array(z.int()),
        })
        .nullable(),
      finish_reason: finishReason.nullable().describe('Null on the chunks of a stream before the last.'),
    }),
  ),
  usage: usage.nullish(),
});

const model = z.object({
  id: z.string(),
  object: z.literal('model'),
  created: z.int(),
  owned_by: z.string(),
  max_model_len: z.int().describe('Most tokens of one request: prompt and answer together.'),
});

export const modelSchema = model;
export const modelListSchema = z.object({ object: z.literal('list'), data: z.array(model) });

export const errorSchema = z.object({
  error: z.object({
    message: z.string(),
    type: z.enum([
      'invalid_request_error',
      'authentication_error',
      'rate_limit_error',
      'timeout_error',
      'server_error',
    ]),
    param: z.string().nullable().describe('The field at fault.'),
    code: z.string(),
  }),
});

export const readinessSchema = z.object({
  status: z.enum(['ready', 'unready']),
  reasons: z.array(z.string()).optional(),
  models: z.array(z.object({ id: z.string(), is_serving: z.boolean() })).optional(),
});
