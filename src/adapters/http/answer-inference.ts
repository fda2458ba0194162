import { randomUUID } from 'node:crypto';
import type { OutgoingHttpHeaders } from 'node:http';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Generation } from '../../application/ports/inference.ts';
import { DispatcherError } from '../../domain/shared/errors.ts';
import { ClientPresence } from './client-presence.ts';
import { errorBody, toDispatcherError } from './error-map.ts';
import type { HttpDeps } from './http-deps.ts';
import type { AnswerIdentity, AnswerShape, FinishedChoice, Usage } from './openai/answer-shape.ts';
import { ChoiceAssembler, type LoggedToken } from './openai/choice-assembler.ts';
import type { MappedRequest } from './openai/map.ts';
import { runJobs } from './run-jobs.ts';
import { SseStream } from './sse.ts';

const CHAIN_HEADER = 'x-daisychain-chain';
const QUEUE_HEADER = 'x-daisychain-queue-ms';

/** Runs a request's jobs and answers in one piece or as a stream. Throws only what can still be answered with a status. */
export async function answerInference(
  deps: HttpDeps,
  reply: FastifyReply,
  request: MappedRequest,
  shape: AnswerShape,
): Promise<unknown> {
  const answer = new Answer(deps, request, shape, answerIdOf(reply.request));
  const presence = new ClientPresence(reply.request.raw.socket);
  return request.isStream ? answerStream(deps, reply, answer, presence) : answerWhole(deps, reply, answer, presence);
}

/** Unique, also where a client gives all its requests the same id. */
function answerIdOf(request: FastifyRequest): string {
  return request.headers['x-request-id'] === request.id ? randomUUID() : request.id;
}

/** The state of one answer: which chains serve it, and what it has cost so far. */
class Answer {
  readonly request: MappedRequest;
  readonly shape: AnswerShape;
  readonly assemblers: readonly ChoiceAssembler[];
  readonly #id: string;
  readonly #chainIds = new Set<string>();
  #identity: AnswerIdentity | undefined;
  #queueMs = 0;
  #promptTokens = 0;
  #completionTokens = 0;

  constructor(deps: HttpDeps, request: MappedRequest, shape: AnswerShape, id: string) {
    this.request = request;
    this.shape = shape;
    this.#id = id;
    this.assemblers = request.jobs.map((job) => new ChoiceAssembler(tokenTextsOf(deps, request, job.modelId)));
  }

  get hasLogprobs(): boolean {
    return this.request.topLogprobs !== undefined;
  }

  get identity(): AnswerIdentity {
    if (this.#identity === undefined)
      throw new DispatcherError('DSP_INTERNAL', 'An answer was written before its job had a chain.');
    return this.#identity;
  }

  get usage(): Usage {
    const prompt = this.#promptTokens;
    const completion = this.#completionTokens;
    return { prompt_tokens: prompt, completion_tokens: completion, total_tokens: prompt + completion };
  }

  /** Headers that tell how the request was dispatched, as far as it is known. */
  get headers(): Record<string, string> {
    return { [CHAIN_HEADER]: [...this.#chainIds].join(','), [QUEUE_HEADER]: String(Math.round(this.#queueMs)) };
  }

  onAssigned(index: number, generation: Generation): void {
    this.#identity ??= {
      id: this.shape.idPrefix + this.#id,
      createdUnixSeconds: Math.floor(Date.now() / 1_000),
      modelId: generation.modelId,
    };
    this.#chainIds.add(generation.chainId);
    this.#queueMs = Math.max(this.#queueMs, generation.queueMs);
    // The choices of one prompt share it: it is counted once.
    if (index % this.request.choicesPerPrompt === 0) this.#promptTokens += generation.promptTokens;
  }

  onChoiceEnd(completionTokens: number): void {
    this.#completionTokens += completionTokens;
  }
}

function tokenTextsOf(
  deps: HttpDeps,
  request: MappedRequest,
  modelId: string,
): ((tokens: readonly number[]) => readonly string[]) | undefined {
  if (request.topLogprobs === undefined) return undefined;
  const service = deps.inference;
  if (service.tokenTexts === undefined) {
    throw new DispatcherError('DSP_UNSUPPORTED', 'This dispatcher reports no log-probabilities.', {
      param: 'logprobs',
    });
  }
  return (tokens) => service.tokenTexts?.(modelId, tokens) ?? [];
}

async function answerWhole(
  deps: HttpDeps,
  reply: FastifyReply,
  answer: Answer,
  presence: ClientPresence,
): Promise<unknown> {
  const choices: { text: string; tokens: LoggedToken[]; finishReason: FinishedChoice['finishReason'] }[] =
    answer.assemblers.map(() => ({
      text: '',
      tokens: [],
      finishReason: 'length',
    }));
  try {
    await runJobs(deps.inference, answer.request.jobs, presence, {
      onAssigned: (index, generation) => answer.onAssigned(index, generation),
      onEvent: (index, event) => {
        const piece = answer.assemblers[index]?.take(event);
        const choice = choices[index];
        if (piece === undefined || choice === undefined) return undefined;
        choice.text += piece.text;
        for (const token of piece.tokens) choice.tokens.push(token);
        if (piece.end !== undefined) {
          choice.finishReason = piece.end.finishReason;
          answer.onChoiceEnd(piece.end.completionTokens);
        }
        return undefined;
      },
    });
  } catch (thrown) {
    if (!presence.isGone) throw withClientNames(toDispatcherError(thrown), answer.shape);
    // Nobody is left to be answered.
    deps.log.debug({ requestId: reply.request.id }, 'client left before its answer');
    return reply.hijack();
  } finally {
    presence.settle();
  }
  const body = answer.shape.whole(answer.identity, choices, answer.usage, answer.hasLogprobs);
  return reply.headers(answer.headers).type('application/json; charset=utf-8').send(JSON.stringify(body));
}

async function answerStream(
  deps: HttpDeps,
  reply: FastifyReply,
  answer: Answer,
  presence: ClientPresence,
): Promise<unknown> {
  const requestId = reply.request.id;
  const stream = new SseStream(reply.raw, deps.options.slowClientTimeoutMs);
  const options = { hasLogprobs: answer.hasLogprobs, includeUsage: answer.request.includeUsage };
  const hasBegun = answer.assemblers.map(() => false);
  try {
    await runJobs(deps.inference, answer.request.jobs, presence, {
      onAssigned: (index, generation) => answer.onAssigned(index, generation),
      onEvent: (index, event) => {
        const piece = answer.assemblers[index]?.take(event);
        if (piece === undefined) return undefined;
        if (piece.end !== undefined) answer.onChoiceEnd(piece.end.completionTokens);
        // The head leaves with the first text: until then a failure still gets its own status.
        if (!stream.hasBegun) {
          reply.hijack();
          stream.begin({ ...(reply.getHeaders() as OutgoingHttpHeaders), ...answer.headers });
        }
        let pause: Promise<void> | undefined;
        for (const chunk of answer.shape.chunks(answer.identity, index, piece, !hasBegun[index], options))
          pause = both(pause, stream.send(chunk));
        hasBegun[index] = true;
        return pause;
      },
    });
    if (options.includeUsage) await stream.send(answer.shape.usageChunk(answer.identity, answer.usage));
    stream.finish();
  } catch (thrown) {
    const error = withClientNames(toDispatcherError(thrown), answer.shape);
    if (presence.isGone) {
      deps.log.debug({ requestId }, 'client left its stream');
      if (!reply.sent) reply.hijack();
    } else if (!stream.hasBegun) {
      throw error;
    } else if (stream.hasStalled) {
      deps.log.info({ requestId, code: error.code, reason: error.message }, 'stream dropped');
      stream.drop();
    } else {
      deps.log.warn(
        { requestId, code: error.code, serverId: error.serverId, err: error },
        'stream failed after it began',
      );
      stream.fail(JSON.stringify(errorBody(error)));
    }
  } finally {
    presence.settle();
  }
  return reply;
}

/** Ends with the later of two waits, and fails with either: none may fail unseen. */
function both(one: Promise<void> | undefined, other: Promise<void> | undefined): Promise<void> | undefined {
  if (one === undefined || one === other) return other;
  return other === undefined ? one : Promise.all([one, other]).then(() => undefined);
}

/** The application names fields in its own words; the client gets the name that it wrote. */
function withClientNames(error: DispatcherError, shape: AnswerShape): DispatcherError {
  const { code, message, param, serverId, retryAfterMs, cause } = error;
  if (param === undefined) return error;
  const renamed = param
    .replace(/^prompt\b/, shape.promptField)
    .replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  if (renamed === param) return error;
  return new DispatcherError(code, message, {
    param: renamed,
    ...(serverId === undefined ? {} : { serverId }),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    ...(cause === undefined ? {} : { cause }),
  });
}
