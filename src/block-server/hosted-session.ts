import { DispatcherError } from '../domain/shared/errors.ts';
import type { StepResult } from './compute-messages.ts';

export interface SessionLink {
  readonly hiddenSize: number;
  readonly maxTokens: number;
  /** Takes the buffer of `hidden` over. */
  step(hidden: Float32Array, tokens: number, returnTokens: number): Promise<StepResult>;
  close(): void;
}

/** One session on a block server: checks what is asked, counts positions, and closes once. */
export class HostedSession {
  readonly #link: SessionLink;
  /** Tokens of all steps asked for so far. */
  #tokens = 0;
  #isClosed = false;

  constructor(link: SessionLink) {
    this.#link = link;
  }

  /**
   * Runs float32[tokens, hiddenSize] at the session's next positions.
   * @param returnTokens how many of the last rows to return, 0 to `tokens`
   * @throws DispatcherError DSP_INVALID_ARGUMENT, DSP_CONTEXT_TOO_LONG, DSP_CANCELLED when closed, DSP_INTERNAL
   */
  async step(hidden: Float32Array, tokens: number, returnTokens: number): Promise<StepResult> {
    const { hiddenSize, maxTokens } = this.#link;
    if (this.#isClosed) throw new DispatcherError('DSP_CANCELLED', 'the session is closed');
    if (!Number.isSafeInteger(tokens) || tokens < 1) throw invalid('tokens', 'must be a whole number >= 1');
    if (!Number.isSafeInteger(returnTokens) || returnTokens < 0 || returnTokens > tokens) {
      throw invalid('returnTokens', `must be a whole number from 0 to ${tokens}`);
    }
    if (hidden.length !== tokens * hiddenSize) {
      throw invalid('hidden', `holds ${hidden.length} numbers; ${tokens} x ${hiddenSize} are needed`);
    }
    if (this.#tokens + tokens > maxTokens) {
      const message = `${this.#tokens} + ${tokens} tokens exceed the ${maxTokens} that the session reserved`;
      throw new DispatcherError('DSP_CONTEXT_TOO_LONG', message, { param: 'tokens' });
    }
    this.#tokens += tokens;
    // A copy, because the thread takes the buffer over and the caller may need its own again.
    return await this.#link.step(hidden.slice(), tokens, returnTokens);
  }

  /** Frees the cache. Idempotent; a chunk under way ends first, steps that wait are rejected with DSP_CANCELLED. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#link.close();
  }
}

function invalid(param: string, problem: string): DispatcherError {
  return new DispatcherError('DSP_INVALID_ARGUMENT', `${param} ${problem}`, { param });
}
