import { DispatcherError } from '../../domain/shared/errors.ts';
import { type ChainTransport, MAX_STEPS_UNDER_WAY, type ServerLoad } from '../ports/chain-transport.ts';
import type { Clock } from '../ports/clock.ts';
import type {
  AdmittedJob,
  Generation,
  GenerationEvent,
  GenerationRequest,
  InferenceService,
  ServedModel,
} from '../ports/inference.ts';
import type { LanguageModel } from '../ports/language-model.ts';
import type { RequestTrace, RequestTracer } from '../ports/request-tracer.ts';
import type { Telemetry } from '../ports/telemetry.ts';
import type { ChainAccess } from './chain-access.ts';
import type { JobDescriptions } from './job-descriptions.ts';
import type { JobDispatcher, Ticket } from './job-dispatcher.ts';
import type { PrefillPieces } from './prefill-pieces.ts';
import type { RecentRequests } from './recent-requests.ts';
import { RequestRecord } from './request-record.ts';
import type { RecoveryOptions } from './resilience-parts.ts';
import { ResilientChain } from './resilient-chain.ts';
import { RunningRequest } from './running-request.ts';
import { runTokenLoop } from './token-loop.ts';

export interface GenerateTextOptions {
  /** Prompt plus output of one request, tokens. */
  readonly sessionTokens: number;
  /** See `ResilientChainOptions`. */
  readonly replayTokens: number;
  readonly stepTimeoutMs: number;
  readonly recovery: RecoveryOptions;
  /** When the model was opened, for the models list. */
  readonly createdUnixSeconds: number;
}

export interface GenerateTextDependencies {
  readonly model: LanguageModel;
  readonly dispatcher: JobDispatcher;
  readonly jobs: JobDescriptions;
  readonly chains: ChainAccess;
  readonly transport: ChainTransport;
  readonly load: ServerLoad;
  readonly pieces: PrefillPieces;
  readonly telemetry: Telemetry;
  readonly clock: Clock;
  /** Unguessable ids for jobs and sessions. */
  readonly newId: () => string;
  readonly log: (message: string, fields: Readonly<Record<string, unknown>>) => void;
  /** Keeps where the time of each request went. */
  readonly journal: RecentRequests;
  readonly tracer: RequestTracer;
}

/** A request after validation. */
interface CheckedRequest {
  readonly request: GenerationRequest;
  readonly promptTokens: readonly number[];
  readonly maxTokens: number;
  readonly arrivedMs: number;
}

/**
 * The main use case: a validated prompt waits for its turn, gets a chain, and becomes text. Whatever
 * ends a request (its last token, a failure, the client's leaving) passes one `finish`, once, and that
 * frees the caches at every hop and the slot.
 */
export class GenerateText implements InferenceService {
  readonly #deps: GenerateTextDependencies;
  readonly #options: GenerateTextOptions;
  readonly #running = new Set<RunningRequest>();

  constructor(deps: GenerateTextDependencies, options: GenerateTextOptions) {
    this.#deps = deps;
    this.#options = options;
  }

  models(): readonly ServedModel[] {
    const { model, chains } = this.#deps;
    const { createdUnixSeconds, sessionTokens } = this.#options;
    return [{ id: model.id, createdUnixSeconds, sessionTokens, isServing: chains.unreadyReasons().length === 0 }];
  }

  unreadyReasons(): readonly string[] {
    return this.#deps.chains.unreadyReasons();
  }

  warnings(): readonly string[] {
    return this.#deps.chains.warnings();
  }

  /** Ends every running request with `reason`; for the end of the grace period. */
  interruptAll(reason: DispatcherError): void {
    for (const running of [...this.#running]) running.interrupt(reason);
  }

  tokenTexts(modelId: string, tokens: readonly number[]): readonly string[] {
    this.#checkModel(modelId);
    return tokens.map((token) => this.#deps.model.decode([token]));
  }

  async generate(request: GenerationRequest, signal: AbortSignal): Promise<Generation> {
    const [job] = await this.generateTogether([request], signal);
    return (job as AdmittedJob).assigned();
  }

  async generateTogether(requests: readonly GenerationRequest[], signal: AbortSignal): Promise<readonly AdmittedJob[]> {
    const { clock, dispatcher, journal, model, telemetry } = this.#deps;
    const checked = requests.map((request) => this.#check(request));
    const records = checked.map(
      ({ request, maxTokens }) =>
        new RequestRecord(clock, telemetry, journal.open(request.requestId, model.id, this.#trace(request, maxTokens))),
    );
    const jobs = checked.map(({ request, promptTokens, maxTokens }) =>
      this.#deps.jobs.describe({
        ...request,
        id: this.#deps.newId(),
        inputTokens: promptTokens.length,
        maxOutputTokens: maxTokens,
        limit: request.limits,
      }),
    );
    let tickets: readonly Promise<Ticket>[];
    try {
      tickets = dispatcher.acquireTogether(jobs, signal);
    } catch (error) {
      for (const record of records) record.neverRan(error);
      throw error;
    }
    return tickets.map((ticket, i) => {
      const assigned = this.#start(ticket, checked[i] as CheckedRequest, records[i] as RequestRecord, signal);
      assigned.catch(() => undefined); // the front asks for it later, or not at all
      return { assigned: () => assigned };
    });
  }

  async #start(
    pending: Promise<Ticket>,
    checked: CheckedRequest,
    record: RequestRecord,
    signal: AbortSignal,
  ): Promise<Generation> {
    let ticket: Ticket;
    try {
      ticket = await pending;
    } catch (error) {
      record.neverRan(error);
      throw error;
    }
    record.assigned();
    const running = new RunningRequest({ ...this.#deps, running: this.#running }, ticket, record, signal);
    try {
      const chain = this.#chainFor(running, ticket, checked);
      running.adopt(chain);
      await chain.open();
      return {
        modelId: this.#deps.model.id,
        chainId: ticket.chain.id,
        queueMs: ticket.queuedMs,
        promptTokens: checked.promptTokens.length,
        events: endingWith(this.#events(running, chain, checked), () => running.finish('cancelled')),
      };
    } catch (error) {
      throw running.fail(error);
    }
  }

  #chainFor(running: RunningRequest, ticket: Ticket, { request, promptTokens, maxTokens, arrivedMs }: CheckedRequest) {
    return new ResilientChain(this.#deps, this.#options, {
      ticket,
      record: running.record,
      promptTokens: promptTokens.length,
      maxTokens: promptTokens.length + maxTokens,
      deadlineMs: arrivedMs + (request.deadlineMs ?? Number.POSITIVE_INFINITY),
      signal: running.signal,
    });
  }

  async *#events(
    running: RunningRequest,
    chain: ResilientChain,
    checked: CheckedRequest,
  ): AsyncGenerator<GenerationEvent> {
    const { request, promptTokens, maxTokens } = checked;
    const { model } = this.#deps;
    const tokens = runTokenLoop(model, chain, {
      promptTokens,
      maxTokens,
      sampling: request.sampling,
      stop: request.stop,
      echo: request.echo === true,
      nextPiece: (tokensLeft) => this.#deps.pieces.nextPiece(running.chain, tokensLeft),
      stepsUnderWay: Math.min(running.hopCount + 1, MAX_STEPS_UNDER_WAY),
    });
    try {
      for await (const event of tokens) {
        running.observe(event, promptTokens.length);
        yield event;
        running.record.story?.tokenTaken();
      }
      running.finish('completed');
    } catch (error) {
      throw running.fail(error);
    }
  }

  #check(request: GenerationRequest): CheckedRequest {
    this.#checkModel(request.modelId);
    const { model } = this.#deps;
    const promptTokens = this.#promptTokens(request);
    const { sessionTokens } = this.#options;
    if (promptTokens.length === 0) throw invalid('prompt', 'the prompt holds no token: give at least one character');
    const room = sessionTokens - promptTokens.length;
    const maxTokens =
      request.isMaxTokensDefault === true ? Math.max(1, Math.min(request.maxTokens, room)) : request.maxTokens;
    if (!Number.isSafeInteger(maxTokens) || maxTokens < (request.echo === true ? 0 : 1))
      throw invalid('max_tokens', 'max_tokens must be a whole number of at least 1');
    if (maxTokens > room) {
      throw new DispatcherError(
        'DSP_CONTEXT_TOO_LONG',
        `the prompt's ${promptTokens.length} tokens and max_tokens ${maxTokens} exceed the session limit of ${sessionTokens} tokens of ${model.id}`,
        { param: promptTokens.length >= sessionTokens ? 'prompt' : 'max_tokens' },
      );
    }
    return { request, promptTokens, maxTokens, arrivedMs: this.#deps.clock.nowMs() };
  }

  #trace(request: GenerationRequest, maxTokens: number): RequestTrace {
    const { modelId, prompt, priority, tenant, traceparent } = request;
    const operation = prompt.kind === 'chat' ? 'chat' : 'text_completion';
    return this.#deps.tracer.begin({ operation, requestedModel: modelId, tenant, priority, maxTokens, traceparent });
  }

  #checkModel(modelId: string): void {
    const { model } = this.#deps;
    if (modelId === 'default' || modelId === model.id) return;
    const shown = modelId.length > 80 ? `${modelId.slice(0, 80)}...` : modelId;
    throw new DispatcherError(
      'DSP_MODEL_NOT_FOUND',
      `the model '${shown}' is not served here; ask for '${model.id}' or 'default'`,
      { param: 'model' },
    );
  }

  #promptTokens(request: GenerationRequest): readonly number[] {
    const { model } = this.#deps;
    const { prompt } = request;
    if (prompt.kind === 'chat') return model.encode(model.renderChat(prompt.messages));
    if (prompt.kind === 'text') return model.encode(prompt.text);
    const wrong = prompt.tokens.findIndex(
      (token) => !Number.isSafeInteger(token) || token < 0 || token >= model.vocabularySize,
    );
    if (wrong >= 0)
      throw invalid(
        `prompt[${wrong}]`,
        `prompt[${wrong}] is no token of ${model.id}: ids are 0..${model.vocabularySize - 1}`,
      );
    return prompt.tokens;
  }
}

/**
 * A generator whose consumer may leave early, before the first event too (where a generator's own
 * `finally` would never run): `end` then frees what it holds, and a step under way fails at once.
 */
function endingWith(events: AsyncGenerator<GenerationEvent>, end: () => void): AsyncIterableIterator<GenerationEvent> {
  return {
    next: () => events.next(),
    return: (value) => {
      end();
      return events.return(value);
    },
    throw: (error) => {
      end();
      return events.throw(error);
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

function invalid(param: string, message: string): DispatcherError {
  return new DispatcherError('DSP_INVALID_ARGUMENT', message, { param });
}
