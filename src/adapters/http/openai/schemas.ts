import { z } from 'zod';

/**
 * Request bodies of OpenAI's API as far as this service reads them. Fields that are not named here
 * pass and are ignored; fields that are named here must have the right type. Ranges are OpenAI's.
 */

const MAX_MESSAGES = 2_048;
const MAX_CONTENT_PARTS = 64;
const MAX_STOP_TEXTS = 4;
const MAX_STOP_LENGTH = 1_024;
const MAX_LOGIT_BIASES = 1_024;
const MAX_TOKENS_LIMIT = 10_000_000;
const MAX_PROMPTS = 128;

/**
 * A list whose length is checked before its items: a hostile list of a million wrong items must cost
 * one complaint, not a million.
 */
function boundedList<T extends z.ZodType>(item: T, maxItems: number, minItems = 0) {
  const length = z
    .array(z.unknown())
    .min(minItems, 'must not be empty')
    .max(maxItems, `must have at most ${maxItems} items`);
  return length.pipe(z.array(item).min(minItems).max(maxItems));
}

const stopText = z.string().min(1, 'must not be empty').max(MAX_STOP_LENGTH);

/** One prompt, or several; each as text or as token ids. */
export type PromptField = string | readonly number[] | readonly (string | readonly number[])[];

export const PROMPT_RULE = `must be a text, a list of token ids, or a list of 1 to ${MAX_PROMPTS} texts or such lists`;

/** Checked by hand, because a union would try each of its forms on every token of a long prompt. */
export const promptField = z.custom<PromptField>(
  (value) => typeof value === 'string' || isTokenList(value) || (Array.isArray(value) && isPromptList(value)),
  PROMPT_RULE,
);

function isPromptList(values: readonly unknown[]): boolean {
  if (values.length < 1 || values.length > MAX_PROMPTS) return false;
  return values.every((value) => typeof value === 'string' || isTokenList(value));
}

function isTokenList(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.length > 0 && value.every((token) => Number.isSafeInteger(token) && token >= 0);
}

/** Fields that both endpoints share. */
const sampling = {
  model: z.string().min(1).max(256).describe('A model id from `GET /v1/models`, or `default` for the served model.'),
  temperature: z.number().min(0).max(2).nullish().describe('0 always takes the likeliest token. Default 1.'),
  top_p: z
    .number()
    .min(0)
    .max(1)
    .nullish()
    .describe('Samples from the likeliest tokens that together have this probability. Default 1.'),
  seed: z.int().nullish().describe('The same seed and request give the same tokens.'),
  n: z.int().min(1).max(128).nullish().describe('Answers per prompt, admitted together or not at all. Default 1.'),
  stop: z
    .union(
      [stopText, boundedList(stopText, MAX_STOP_TEXTS)],
      `must be a text or a list of at most ${MAX_STOP_TEXTS} texts`,
    )
    .nullish()
    .describe('Texts before which the answer ends.'),
  stream: z.boolean().nullish().describe('Sends the answer as server-sent events.'),
  stream_options: z.object({ include_usage: z.boolean().nullish() }).nullish(),
  presence_penalty: z.number().min(-2).max(2).nullish(),
  frequency_penalty: z.number().min(-2).max(2).nullish(),
  logit_bias: z
    .record(z.string(), z.unknown())
    .refine((biases) => Object.keys(biases).length <= MAX_LOGIT_BIASES, `must have at most ${MAX_LOGIT_BIASES} entries`)
    .pipe(z.record(z.string().regex(/^[0-9]{1,9}$/, 'must have token ids as keys'), z.number().min(-100).max(100)))
    .nullish()
    .describe('Added to the logits of the tokens named.'),
};

const contentPart = z.object({ type: z.string(), text: z.string().nullish() });

const message = z.object({
  role: z.enum(['system', 'developer', 'user', 'assistant', 'tool', 'function']),
  content: z
    .union([z.string(), boundedList(contentPart, MAX_CONTENT_PARTS)], 'must be a text or a list of content parts')
    .nullish(),
  tool_calls: z.unknown().optional(),
  function_call: z.unknown().optional(),
});

/** Fields whose presence asks for something that this service does not do. */
const toolFields = {
  tools: z.unknown().optional(),
  tool_choice: z.unknown().optional(),
  functions: z.unknown().optional(),
  function_call: z.unknown().optional(),
};

export const chatCompletionSchema = z.object({
  ...sampling,
  ...toolFields,
  messages: boundedList(message, MAX_MESSAGES, 1),
  max_tokens: z
    .int()
    .min(1)
    .max(MAX_TOKENS_LIMIT)
    .nullish()
    .describe('The older name of `max_completion_tokens`. Default 256.'),
  max_completion_tokens: z.int().min(1).max(MAX_TOKENS_LIMIT).nullish(),
  logprobs: z.boolean().nullish(),
  top_logprobs: z.int().min(0).max(20).nullish(),
  response_format: z.object({ type: z.string() }).nullish(),
  modalities: boundedList(z.string(), 16).nullish(),
  audio: z.unknown().optional(),
  web_search_options: z.unknown().optional(),
});

export const completionSchema = z.object({
  ...sampling,
  prompt: promptField,
  max_tokens: z.int().min(0).max(MAX_TOKENS_LIMIT).nullish().describe('0 only with `echo`. Default 256.'),
  logprobs: z.int().min(0).max(20).nullish(),
  echo: z.boolean().nullish().describe('Puts the prompt before the answer.'),
  best_of: z.int().min(1).max(128).nullish(),
  suffix: z.string().nullish(),
});

export type ChatCompletionBody = z.infer<typeof chatCompletionSchema>;
export type CompletionBody = z.infer<typeof completionSchema>;
