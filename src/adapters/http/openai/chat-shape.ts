import type { AnswerIdentity, AnswerShape, ChunkOptions, Usage } from './answer-shape.ts';
import type { LoggedToken } from './choice-assembler.ts';

/** `chat.completion` and `chat.completion.chunk`. */
export const CHAT_SHAPE: AnswerShape = {
  idPrefix: 'chatcmpl-',
  promptField: 'messages',

  chunks(identity, index, piece, isFirst, options) {
    const chunks: string[] = [];
    if (isFirst)
      chunks.push(chunk(identity, index, { role: 'assistant', content: '', refusal: null }, null, null, options));
    const logprobs = options.hasLogprobs ? chatLogprobs(piece.tokens) : null;
    if (piece.text !== '' || piece.tokens.length > 0) {
      chunks.push(chunk(identity, index, { content: piece.text }, logprobs, null, options));
    }
    if (piece.end !== undefined) chunks.push(chunk(identity, index, {}, null, piece.end.finishReason, options));
    return chunks;
  },

  usageChunk(identity, usage) {
    return JSON.stringify({ ...head(identity, 'chat.completion.chunk'), choices: [], usage: detailed(usage) });
  },

  whole(identity, choices, usage, hasLogprobs) {
    return {
      ...head(identity, 'chat.completion'),
      choices: choices.map((choice, index) => ({
        index,
        message: { role: 'assistant', content: choice.text, refusal: null, annotations: [] },
        logprobs: hasLogprobs ? chatLogprobs(choice.tokens) : null,
        finish_reason: choice.finishReason,
      })),
      usage: detailed(usage),
    };
  },
};

function chunk(
  identity: AnswerIdentity,
  index: number,
  delta: object,
  logprobs: object | null,
  finishReason: string | null,
  options: ChunkOptions,
): string {
  return JSON.stringify({
    ...head(identity, 'chat.completion.chunk'),
    choices: [{ index, delta, logprobs, finish_reason: finishReason }],
    ...(options.includeUsage ? { usage: null } : {}),
  });
}

function head(identity: AnswerIdentity, object: string) {
  return { id: identity.id, object, created: identity.createdUnixSeconds, model: identity.modelId };
}

function detailed(usage: Usage) {
  return { ...usage, prompt_tokens_details: { cached_tokens: 0 }, completion_tokens_details: { reasoning_tokens: 0 } };
}

function chatLogprobs(tokens: readonly LoggedToken[]) {
  return {
    content: tokens.map((token) => ({
      token: token.text,
      logprob: token.logprob,
      bytes: bytesOf(token.text),
      top_logprobs: token.top.map((top) => ({ token: top.text, logprob: top.logprob, bytes: bytesOf(top.text) })),
    })),
    refusal: null,
  };
}

/** UTF-8 of a token's text; null for part of a character, whose bytes the text does not tell. */
function bytesOf(text: string): readonly number[] | null {
  return text.includes('\uFFFD') ? null : [...Buffer.from(text, 'utf8')];
}
