import type {
  AdmittedJob,
  Generation,
  GenerationEvent,
  GenerationRequest,
  InferenceService,
  ServedModel,
} from '../../src/application/ports/inference.ts';
import type { SampledToken } from '../../src/application/ports/language-model.ts';
import { DispatcherError } from '../../src/domain/shared/errors.ts';

/** What one job of the fake does: texts of its tokens, and where it fails or waits. */
export interface Script {
  readonly texts?: readonly string[];
  readonly finishReason?: 'stop' | 'length';
  /** Text of the last event. */
  readonly endText?: string;
  /** Thrown instead of admitting the job. */
  readonly refusal?: DispatcherError;
  /** Thrown instead of the token with this index. */
  readonly failAt?: { readonly token: number; readonly error: Error };
  /** Awaited before each token. */
  readonly beforeToken?: (index: number, signal: AbortSignal) => Promise<void>;
  /** Ends without an `end` event. */
  readonly isTruncated?: boolean;
  readonly queueMs?: number;
}

/** An inference service whose jobs follow scripts, and which records what it was asked. */
export class FakeInferenceService implements InferenceService {
  /** The script of each job, by its request; one for all otherwise. */
  script: Script | ((request: GenerationRequest) => Script) = { texts: ['Hello', ' world'] };
  reasons: readonly string[] = [];
  served: readonly ServedModel[] = [
    { id: 'tiny-austen', createdUnixSeconds: 1_700_000_000, sessionTokens: 512, isServing: true },
  ];
  readonly requests: GenerationRequest[] = [];
  readonly signals: AbortSignal[] = [];
  /** Jobs that hold a slot now. */
  running = 0;
  /** Tokens handed out. */
  tokensPulled = 0;

  models(): readonly ServedModel[] {
    return this.served;
  }

  unreadyReasons(): readonly string[] {
    return this.reasons;
  }

  async generate(request: GenerationRequest, signal: AbortSignal): Promise<Generation> {
    this.requests.push(request);
    this.signals.push(signal);
    const script = typeof this.script === 'function' ? this.script(request) : this.script;
    if (script.refusal) throw script.refusal;
    if (request.modelId !== 'default' && !this.served.some((model) => model.id === request.modelId)) {
      throw new DispatcherError('DSP_MODEL_NOT_FOUND', `The model '${request.modelId}' is not served.`, {
        param: 'model',
      });
    }
    this.running += 1;
    return {
      modelId: this.served[0]?.id ?? '',
      chainId: 'c0ffee000001',
      queueMs: script.queueMs ?? 0,
      promptTokens: 7,
      events: this.#events(request, script, signal),
    };
  }

  async generateTogether(requests: readonly GenerationRequest[], signal: AbortSignal): Promise<readonly AdmittedJob[]> {
    return requests.map((request) => {
      const generation = this.generate(request, signal);
      return { assigned: () => generation };
    });
  }

  tokenTexts(_modelId: string, tokens: readonly number[]): readonly string[] {
    return tokens.map((token) => `<${token}>`);
  }

  #events(request: GenerationRequest, script: Script, signal: AbortSignal): AsyncIterableIterator<GenerationEvent> {
    const texts = script.texts ?? ['Hello', ' world'];
    let next = request.echo ? -1 : 0;
    let isOver = false;
    const end = (): void => {
      if (!isOver) this.running -= 1;
      isOver = true;
    };
    const iterator: AsyncIterableIterator<GenerationEvent> = {
      [Symbol.asyncIterator]: () => iterator,
      next: async () => {
        if (isOver) return { done: true, value: undefined };
        const index = next;
        next += 1;
        if (index === -1)
          return {
            done: false,
            value: { kind: 'prompt', text: 'Once', tokens: [{ token: 900 }, sampled(901, request)] },
          };
        try {
          await script.beforeToken?.(index, signal);
          if (script.failAt?.token === index) throw script.failAt.error;
        } catch (thrown) {
          end();
          throw thrown;
        }
        if (isOver) return { done: true, value: undefined };
        if (index < Math.min(texts.length, request.maxTokens)) {
          this.tokensPulled += 1;
          return { done: false, value: { kind: 'token', text: texts[index] ?? '', token: sampled(index, request) } };
        }
        end();
        if (script.isTruncated) return { done: true, value: undefined };
        const finishReason = script.finishReason ?? (texts.length > request.maxTokens ? 'length' : 'stop');
        return {
          done: false,
          value: { kind: 'end', text: script.endText ?? '', finishReason, completionTokens: index },
        };
      },
      return: async () => {
        end();
        return { done: true, value: undefined };
      },
    };
    return iterator;
  }
}

function sampled(token: number, request: GenerationRequest): SampledToken {
  const count = request.sampling.topLogprobs;
  if (count === undefined) return { token };
  return {
    token,
    logprob: -0.5,
    topLogprobs: Array.from({ length: count }, (_, i) => ({ token: token + i, logprob: -0.5 - i })),
  };
}
