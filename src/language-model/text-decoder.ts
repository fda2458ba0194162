import type { TokenBytes } from './token-bytes.ts';

const SPACE = 0x20;

/**
 * Turns tokens into text as they come. The bytes of a character that is spread over several tokens are
 * held back until the last of them; bytes that are no UTF-8 become U+FFFD.
 */
export class TokenTextDecoder {
  readonly #tokens: TokenBytes;
  readonly #decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  #isAtStart: boolean;

  constructor(tokens: TokenBytes) {
    this.#tokens = tokens;
    this.#isAtStart = tokens.dropsLeadingSpace;
  }

  push(token: number): string {
    let bytes = this.#tokens.bytesOf(token);
    if (bytes.length === 0) return '';
    if (this.#isAtStart && bytes[0] === SPACE) bytes = bytes.subarray(1);
    this.#isAtStart = false;
    return this.#decoder.decode(bytes, { stream: true });
  }

  /** What was held back: an unfinished character gives U+FFFD. */
  flush(): string {
    return this.#decoder.decode();
  }
}

/** Text of a whole list of tokens; special tokens are skipped. */
export function decodeTokens(table: TokenBytes, tokens: readonly number[]): string {
  const decoder = new TokenTextDecoder(table);
  let text = '';
  for (const token of tokens) text += decoder.push(token);
  return text + decoder.flush();
}
