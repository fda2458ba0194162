/** What one job asks of a server: mean tokens in and out. */
export interface TokenWorkload {
  /** >= 1 */
  readonly inputTokens: number;
  /** >= 1 */
  readonly outputTokens: number;
}

/** How fast a server is and how far away, as measured or declared. All seconds >= 0. */
export interface ServerSpeeds {
  /** Round trip between the dispatcher and the server. */
  readonly rttSeconds: number;
  /** Fixed cost of one exchange beside the round trip (serialisation, hand-off). */
  readonly overheadSeconds: number;
  /** Fixed cost of one step in one block. */
  readonly overheadSecondsPerBlock: number;
  /** One token of a prompt through one block. */
  readonly prefillSecondsPerTokenPerBlock: number;
  /** One generated token through one block. */
  readonly decodeSecondsPerTokenPerBlock: number;
  /** Undefined: the link is so fast that bytes cost nothing beside the round trip. */
  readonly bandwidthBytesPerSecond?: number | undefined;
}

/** Speeds of a server whose compute the sessions on it share. */
export interface SharedServerSpeeds extends ServerSpeeds {
  /** beta, [0, 1]: 1 runs the steps of sessions one after another, 0 batches them for free. */
  readonly concurrencySlope: number;
}

/**
 * Seconds that one step of `tokens` tokens takes in `blocks` blocks with no other step beside it.
 * @param isPrompt prompt tokens are processed together, generated ones come one per step
 */
export function stepSeconds(speeds: ServerSpeeds, blocks: number, tokens: number, isPrompt: boolean): number {
  const perToken = isPrompt ? speeds.prefillSecondsPerTokenPerBlock : speeds.decodeSecondsPerTokenPerBlock;
  return blocks * (speeds.overheadSecondsPerBlock + perToken * tokens);
}

/** Seconds that `tokens` hidden states take one way between the dispatcher and a server. */
export function oneWaySeconds(speeds: ServerSpeeds, tokens: number, hiddenBytesPerToken: number): number {
  const latency = (speeds.rttSeconds + speeds.overheadSeconds) / 2;
  if (speeds.bandwidthBytesPerSecond === undefined) return latency;
  return latency + (tokens * hiddenBytesPerToken) / speeds.bandwidthBytesPerSecond;
}

/**
 * tau^c_j: seconds of all communication of one job with one server. One exchange per generated token
 * (the prompt travels with the first), and every token's hidden state goes in and comes out once.
 * @param hiddenBytesPerToken bytes of one token's hidden state on the wire; used with a bandwidth only
 */
export function communicationSeconds(
  speeds: ServerSpeeds,
  workload: TokenWorkload,
  hiddenBytesPerToken: number,
): number {
  const exchanges = workload.outputTokens * (speeds.rttSeconds + speeds.overheadSeconds);
  if (speeds.bandwidthBytesPerSecond === undefined) return exchanges;
  return exchanges + bytesPerJob(workload, hiddenBytesPerToken) / speeds.bandwidthBytesPerSecond;
}

/** tau^p_j: seconds a server needs for one block of one job, all its tokens. */
export function computationSecondsPerBlock(speeds: ServerSpeeds, workload: TokenWorkload): number {
  return (
    workload.outputTokens * speeds.overheadSecondsPerBlock +
    speeds.prefillSecondsPerTokenPerBlock * workload.inputTokens +
    speeds.decodeSecondsPerTokenPerBlock * (workload.outputTokens - 1)
  );
}

/** The last generated token is never fed back: input + output - 1 hidden states cross in each direction. */
function bytesPerJob(workload: TokenWorkload, hiddenBytesPerToken: number): number {
  return 2 * hiddenBytesPerToken * (workload.inputTokens + workload.outputTokens - 1);
}
