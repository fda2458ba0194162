/** What one server of a chain takes for its blocks, seconds. */
export interface PromptHop {
  /** One token of a prompt, > 0. */
  readonly prefillSeconds: number;
  /** One generated token: about what a piece of a prompt takes at least, however short, since the weights are read once. */
  readonly tokenSeconds: number;
}

/** A prompt on its way, and who else is there. */
export interface PromptOnChain {
  /** Tokens that are still to be fed, >= 1. */
  readonly tokens: number;
  /** In the order of the blocks; empty where speeds are not known. */
  readonly hops: readonly PromptHop[];
  /** Other sessions that generate tokens on the busiest server of the chain, >= 0. */
  readonly generating: number;
}

/** Bounds of a piece, tokens: 1 <= least <= most. */
export interface ChunkBounds {
  readonly least: number;
  readonly most: number;
}

/** While others generate, a piece holds each of their tokens up for about as long as so many tokens take. */
const TOKENS_HELD_UP = 2;
const MULTIPLE = 8;

/**
 * Tokens of the next piece of a prompt.
 *
 * Alone, n pieces pass h servers in h - 1 + n steps of the slowest one: more pieces keep more servers busy at
 * once, but each costs what reading the weights does. With P tokens of p seconds and that cost o the first
 * token comes soonest with pieces of sqrt(P o / (p (h - 1))) tokens; one server gets the largest pieces.
 * Where others generate tokens, these wait behind a piece at every server, so it gets shorter.
 */
export function prefillChunkTokens({ tokens, hops, generating }: PromptOnChain, { least, most }: ChunkBounds): number {
  let slowest: PromptHop | undefined;
  for (const hop of hops) if (slowest === undefined || hop.prefillSeconds > slowest.prefillSeconds) slowest = hop;
  if (slowest === undefined || !(slowest.prefillSeconds > 0)) return most;
  const tokensPerStep = slowest.tokenSeconds / slowest.prefillSeconds;
  const alone = hops.length === 1 ? most : Math.sqrt((tokens * tokensPerStep) / (hops.length - 1));
  const wanted = generating > 0 ? Math.min(alone, TOKENS_HELD_UP * tokensPerStep) : alone;
  return Math.min(most, Math.max(least, MULTIPLE * Math.round(wanted / MULTIPLE)));
}
