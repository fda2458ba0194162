/** One measured figure, with the goal that it is held against. */
export interface Figure {
  readonly question: string;
  readonly measured: string;
  readonly goal: string;
  readonly isReached: boolean;
}

/** How much work a measurement does: 1 for figures that are published, less for a look whether it still runs. */
export interface Effort {
  readonly share: number;
}

/** Body of a chat request for `tokens` tokens. */
export function chatBody(tokens: number, isStream = false): string {
  const messages = [{ role: 'user', content: 'Hello there' }];
  return JSON.stringify({ model: 'default', messages, max_tokens: tokens, temperature: 0, stream: isStream });
}
