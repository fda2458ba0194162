import type { GenerationRequest, Prompt } from '../../../application/ports/inference.ts';
import type { ChatMessage, SamplingOptions } from '../../../application/ports/language-model.ts';
import { DispatcherError } from '../../../domain/shared/errors.ts';
import type { JobHeaders } from '../request-headers.ts';
import type { ChatCompletionBody, CompletionBody } from './schemas.ts';
import { refuseUnsupportedChat, refuseUnsupportedCompletion, unsupported } from './unsupported.ts';

/** Output tokens of a request that names no maximum. */
export const DEFAULT_MAX_TOKENS = 256;

/** What belongs to a request besides its body. */
export interface RequestContext {
  readonly requestId: string;
  readonly headers: JobHeaders;
  /** Most jobs of one request: prompts times `n`. */
  readonly maxJobs: number;
}

/** One request of a client as jobs, in the order of its choices. */
export interface MappedRequest {
  readonly jobs: readonly GenerationRequest[];
  /** Answers per prompt. */
  readonly choicesPerPrompt: number;
  readonly isStream: boolean;
  readonly includeUsage: boolean;
  /** Alternatives to report per token; undefined: no log-probabilities. */
  readonly topLogprobs: number | undefined;
}

type SharedFields = Pick<
  ChatCompletionBody,
  | 'model'
  | 'temperature'
  | 'top_p'
  | 'seed'
  | 'n'
  | 'stop'
  | 'stream'
  | 'stream_options'
  | 'presence_penalty'
  | 'frequency_penalty'
  | 'logit_bias'
>;

/** @throws DispatcherError DSP_INVALID_ARGUMENT, DSP_UNSUPPORTED, each naming the field */
export function mapChatCompletion(body: ChatCompletionBody, context: RequestContext): MappedRequest {
  refuseUnsupportedChat(body);
  if (body.top_logprobs != null && body.logprobs !== true) throw invalid('top_logprobs', 'needs `logprobs` to be true');
  const topLogprobs = body.logprobs === true ? (body.top_logprobs ?? 0) : undefined;
  const prompt: Prompt = { kind: 'chat', messages: body.messages.map(toChatMessage) };
  return mapJobs(body, context, {
    prompts: [prompt],
    maxTokens: body.max_completion_tokens ?? body.max_tokens ?? undefined,
    topLogprobs,
    isEcho: false,
  });
}

/** @throws DispatcherError DSP_INVALID_ARGUMENT, DSP_UNSUPPORTED, each naming the field */
export function mapCompletion(body: CompletionBody, context: RequestContext): MappedRequest {
  refuseUnsupportedCompletion(body);
  const isEcho = body.echo === true;
  if (body.max_tokens === 0 && !isEcho) throw invalid('max_tokens', 'must be at least 1 without `echo`');
  return mapJobs(body, context, {
    prompts: toPrompts(body.prompt),
    maxTokens: body.max_tokens ?? undefined,
    topLogprobs: body.logprobs ?? undefined,
    isEcho,
  });
}

interface JobParts {
  readonly prompts: readonly Prompt[];
  readonly maxTokens: number | undefined;
  readonly topLogprobs: number | undefined;
  readonly isEcho: boolean;
}

function mapJobs(body: SharedFields, context: RequestContext, parts: JobParts): MappedRequest {
  const choicesPerPrompt = body.n ?? 1;
  const jobCount = parts.prompts.length * choicesPerPrompt;
  if (jobCount > context.maxJobs) {
    const param = choicesPerPrompt > 1 ? 'n' : 'prompt';
    throw invalid(
      param,
      `asks for ${jobCount} answers at once, of which this service gives at most ${context.maxJobs}`,
    );
  }
  const stop = body.stop == null ? [] : typeof body.stop === 'string' ? [body.stop] : body.stop;
  const seed = body.seed ?? Math.floor(Math.random() * 2 ** 31);
  const sampling = toSampling(body, parts.topLogprobs);
  const jobs: GenerationRequest[] = [];
  for (const prompt of parts.prompts) {
    for (let choice = 0; choice < choicesPerPrompt; choice += 1) {
      jobs.push({
        requestId: jobCount === 1 ? context.requestId : `${context.requestId}-${jobs.length}`,
        modelId: body.model,
        prompt,
        maxTokens: parts.maxTokens ?? DEFAULT_MAX_TOKENS,
        ...(parts.maxTokens === undefined ? { isMaxTokensDefault: true } : {}),
        // Choices of one prompt must differ, and stay the same for one seed.
        sampling: { ...sampling, seed: seed + choice <= Number.MAX_SAFE_INTEGER ? seed + choice : seed - choice },
        stop,
        ...(parts.isEcho ? { echo: true } : {}),
        ...context.headers,
      });
    }
  }
  return {
    jobs,
    choicesPerPrompt,
    isStream: body.stream === true,
    includeUsage: body.stream_options?.include_usage === true,
    topLogprobs: parts.topLogprobs,
  };
}

function toSampling(body: SharedFields, topLogprobs: number | undefined): Omit<SamplingOptions, 'seed'> {
  const topP = body.top_p ?? 1;
  return {
    // The smallest nucleus holds one token, the likeliest: that is greedy.
    temperature: topP === 0 ? 0 : (body.temperature ?? 1),
    topP: topP === 0 ? 1 : topP,
    ...(topLogprobs === undefined ? {} : { topLogprobs }),
    ...(body.presence_penalty ? { presencePenalty: body.presence_penalty } : {}),
    ...(body.frequency_penalty ? { frequencyPenalty: body.frequency_penalty } : {}),
    ...(body.logit_bias == null
      ? {}
      : { logitBias: new Map(Object.entries(body.logit_bias).map(([token, bias]) => [Number(token), bias])) }),
  };
}

function toChatMessage(message: ChatCompletionBody['messages'][number], index: number): ChatMessage {
  const role = message.role === 'developer' ? 'system' : message.role;
  const content = message.content;
  if (content == null) throw invalid(`messages[${index}].content`, 'must be a text or a list of content parts');
  if (typeof content === 'string') return { role, content };
  const texts = content.map((part, partIndex) => {
    const path = `messages[${index}].content[${partIndex}]`;
    if (part.type !== 'text') throw unsupported(`${path}.type`, 'only parts of type `text` are served');
    if (part.text == null) throw invalid(`${path}.text`, 'must be a text');
    return part.text;
  });
  return { role, content: texts.join('') };
}

function toPrompts(prompt: CompletionBody['prompt']): readonly Prompt[] {
  if (typeof prompt === 'string') return [{ kind: 'text', text: prompt }];
  if (typeof prompt[0] === 'number') return [{ kind: 'tokens', tokens: prompt as readonly number[] }];
  return (prompt as readonly (string | readonly number[])[]).map((one) =>
    typeof one === 'string' ? { kind: 'text', text: one } : { kind: 'tokens', tokens: one },
  );
}

function invalid(param: string, rule: string): DispatcherError {
  return new DispatcherError('DSP_INVALID_ARGUMENT', `'${param}' ${rule}.`, { param });
}
