import { DispatcherError } from '../../../domain/shared/errors.ts';
import type { ChatCompletionBody, CompletionBody } from './schemas.ts';

/** A documented feature of OpenAI's API that this service does not offer. */
export function unsupported(param: string, reason: string): DispatcherError {
  return new DispatcherError('DSP_UNSUPPORTED', `'${param}' is not supported: ${reason}.`, { param });
}

/**
 * Refuses what would change the answer's meaning if it were ignored. Values that ask for nothing
 * (null, an empty list, "none", plain text) pass, because clients send them by default.
 * @throws DispatcherError DSP_UNSUPPORTED
 */
export function refuseUnsupportedChat(body: ChatCompletionBody): void {
  if (asksForTools(body.tools))
    throw unsupported('tools', 'the model is served without tool calls; leave the field out');
  if (asksForTools(body.functions))
    throw unsupported('functions', 'the model is served without function calls; leave the field out');
  if (asksForToolChoice(body.tool_choice))
    throw unsupported('tool_choice', 'the model is served without tool calls; leave the field out');
  if (asksForToolChoice(body.function_call))
    throw unsupported('function_call', 'the model is served without function calls; leave the field out');
  if (body.response_format != null && body.response_format.type !== 'text') {
    throw unsupported('response_format', 'only the type `text` is served');
  }
  if (body.modalities?.some((modality) => modality !== 'text'))
    throw unsupported('modalities', 'only `text` is served');
  if (body.audio != null) throw unsupported('audio', 'only text is served');
  if (body.web_search_options != null) throw unsupported('web_search_options', 'the dispatcher searches nothing');
  body.messages.forEach((message, index) => {
    const path = `messages[${index}]`;
    if (message.role === 'tool' || message.role === 'function')
      throw unsupported(`${path}.role`, 'the model is served without tool calls');
    if (asksForTools(message.tool_calls))
      throw unsupported(`${path}.tool_calls`, 'the model is served without tool calls');
    if (message.function_call != null)
      throw unsupported(`${path}.function_call`, 'the model is served without function calls');
  });
}

/** @throws DispatcherError DSP_UNSUPPORTED */
export function refuseUnsupportedCompletion(body: CompletionBody): void {
  if (body.suffix != null && body.suffix !== '')
    throw unsupported('suffix', 'the model continues a text, it does not fill gaps');
  if (body.best_of != null && body.best_of > (body.n ?? 1))
    throw unsupported('best_of', 'every generated answer is returned; use `n`');
}

function asksForTools(value: unknown): boolean {
  return value != null && !(Array.isArray(value) && value.length === 0);
}

function asksForToolChoice(value: unknown): boolean {
  // Without tools, "auto" can choose nothing.
  return value != null && value !== 'none' && value !== 'auto';
}
