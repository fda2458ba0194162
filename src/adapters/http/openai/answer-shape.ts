import type { ChoicePiece, LoggedToken } from './choice-assembler.ts';

/** What all parts of one answer share. */
export interface AnswerIdentity {
  readonly id: string;
  readonly createdUnixSeconds: number;
  readonly modelId: string;
}

export interface Usage {
  readonly prompt_tokens: number;
  readonly completion_tokens: number;
  readonly total_tokens: number;
}

/** One choice, complete. */
export interface FinishedChoice {
  readonly text: string;
  readonly tokens: readonly LoggedToken[];
  readonly finishReason: 'stop' | 'length';
}

/** How one endpoint of OpenAI's API writes its answers. */
export interface AnswerShape {
  /** Chunks for one piece of one choice, each a JSON text. `isFirst`: the choice's first piece. */
  chunks(
    identity: AnswerIdentity,
    index: number,
    piece: ChoicePiece,
    isFirst: boolean,
    options: ChunkOptions,
  ): readonly string[];
  /** The chunk with the usage, which has no choices. */
  usageChunk(identity: AnswerIdentity, usage: Usage): string;
  /** The whole answer of a request without a stream. */
  whole(identity: AnswerIdentity, choices: readonly FinishedChoice[], usage: Usage, hasLogprobs: boolean): object;
  /** The endpoint's field that holds the prompt. */
  readonly promptField: 'messages' | 'prompt';
  /** Begins the ids of answers. */
  readonly idPrefix: string;
}

export interface ChunkOptions {
  readonly hasLogprobs: boolean;
  /** Chunks before the usage then say `usage: null`. */
  readonly includeUsage: boolean;
}
