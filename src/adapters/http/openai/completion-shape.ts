import type { AnswerIdentity, AnswerShape } from './answer-shape.ts';
import type { LoggedToken } from './choice-assembler.ts';

/** `text_completion`, whole and in chunks. */
export const COMPLETION_SHAPE: AnswerShape = {
  idPrefix: 'cmpl-',
  promptField: 'prompt',

  chunks(identity, index, piece, _isFirst, options) {
    if (piece.text === '' && piece.end === undefined) return [];
    const logprobs = options.hasLogprobs ? completionLogprobs(piece.tokens) : null;
    const choice = { index, text: piece.text, logprobs, finish_reason: piece.end?.finishReason ?? null };
    return [JSON.stringify({ ...head(identity), choices: [choice], ...(options.includeUsage ? { usage: null } : {}) })];
  },

  usageChunk(identity, usage) {
    return JSON.stringify({ ...head(identity), choices: [], usage });
  },

  whole(identity, choices, usage, hasLogprobs) {
    return {
      ...head(identity),
      choices: choices.map((choice, index) => ({
        index,
        text: choice.text,
        logprobs: hasLogprobs ? completionLogprobs(choice.tokens) : null,
        finish_reason: choice.finishReason,
      })),
      usage,
    };
  },
};

function head(identity: AnswerIdentity) {
  return { id: identity.id, object: 'text_completion', created: identity.createdUnixSeconds, model: identity.modelId };
}

function completionLogprobs(tokens: readonly LoggedToken[]) {
  return {
    tokens: tokens.map((token) => token.text),
    token_logprobs: tokens.map((token) => token.logprob),
    // The first token of an echoed prompt has no alternatives, because nothing precedes it.
    top_logprobs: tokens.map((token) =>
      token.logprob === null ? null : Object.fromEntries(token.top.map((top) => [top.text, top.logprob])),
    ),
    text_offset: tokens.map((token) => token.textOffset),
  };
}
