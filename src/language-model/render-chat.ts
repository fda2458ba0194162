import { DispatcherError } from '../domain/shared/errors.ts';
import { badWeights } from './weights/bad-weights.ts';
import { isJsonObject } from './weights/json-file.ts';
import type { TokenizerFiles } from './weights/model-weights.ts';

export interface ChatTurn {
  readonly role: string;
  readonly content: string;
}

/**
 * The function that turns a conversation into a prompt: the model's chat template, or for a model
 * without one the contents joined by blank lines.
 * @throws DispatcherError DSP_BAD_WEIGHTS when the template is no Jinja
 */
export async function createChatRenderer(files: TokenizerFiles): Promise<(turns: readonly ChatTurn[]) => string> {
  if (files.chatTemplate === undefined) return (turns) => turns.map(({ content }) => content).join('\n\n');
  // Loaded only by models that need it: the command line should start fast.
  const { Template } = await import('@huggingface/jinja');
  const template = parse(files, (source) => new Template(source));
  const marks = {
    bos_token: readSpecialToken(files, 'bos_token'),
    eos_token: readSpecialToken(files, 'eos_token'),
  };
  return (turns) => {
    try {
      const messages = turns.map(({ role, content }) => ({ role, content }));
      return template.render({ messages, add_generation_prompt: true, ...marks });
    } catch (cause) {
      // Templates refuse what the model was not trained on, for instance two user turns in a row.
      const reason = cause instanceof Error ? cause.message : String(cause);
      const message = `messages do not fit the model's chat template: ${reason}`;
      throw new DispatcherError('DSP_INVALID_ARGUMENT', message, { param: 'messages', cause });
    }
  };
}

function parse<Value>(files: TokenizerFiles, create: (source: string) => Value): Value {
  try {
    return create(files.chatTemplate ?? '');
  } catch (error) {
    throw badWeights(files.path, 'chat_template', 'is not valid Jinja', error);
  }
}

/** A token's text, which the files give as a string or as an object with `content`. */
function readSpecialToken(files: TokenizerFiles, field: string): string {
  const value = files.tokenizerConfig[field];
  if (typeof value === 'string') return value;
  const content = isJsonObject(value) ? value['content'] : undefined;
  return typeof content === 'string' ? content : '';
}
