import type { MeasuredSpeed } from '../ports/block-host.ts';
import type { ChainTransport, TransportHop } from '../ports/chain-transport.ts';

/** One prompt of this many tokens, then single ones. */
const PROMPT_TOKENS = 16;
const STEPS = 4;

/** Cache that a measurement takes in each block, tokens. */
export const MEASURED_SESSION_TOKENS: number = PROMPT_TOKENS + STEPS;

/**
 * How fast a server runs its blocks, seen from here: a short session, with its round trips.
 * @param nowMs for the time it takes
 * @throws DispatcherError as `ChainTransport.open`
 */
export async function measureSessionSpeed(
  transport: ChainTransport,
  hop: TransportHop,
  model: { readonly id: string; readonly hiddenSize: number },
  options: { readonly sessionId: string; readonly stepTimeoutMs: number; readonly nowMs: () => number },
): Promise<MeasuredSpeed> {
  const { sessionId, stepTimeoutMs, nowMs } = options;
  const session = await transport.open(
    {
      sessionId,
      modelId: model.id,
      hiddenSize: model.hiddenSize,
      planEpoch: 0,
      hops: [hop],
      maxTokens: MEASURED_SESSION_TOKENS,
      stepTimeoutMs,
    },
    new AbortController().signal,
  );
  try {
    const timeStep = async (tokens: number): Promise<number> => {
      const startedMs = nowMs();
      // Any finite values do: the time does not depend on them.
      await session.forward(new Float32Array(tokens * model.hiddenSize).fill(0.01), tokens, 0);
      return Math.max(1e-6, (nowMs() - startedMs) / 1000);
    };
    const promptSeconds = await timeStep(PROMPT_TOKENS);
    let stepSeconds = Number.POSITIVE_INFINITY;
    for (let i = 0; i < STEPS; i += 1) stepSeconds = Math.min(stepSeconds, await timeStep(1));
    const decode = stepSeconds / hop.blockCount;
    // What a longer step costs beyond a single token, shared by the tokens that made it longer.
    const extra = Math.max(0, promptSeconds - stepSeconds) / (PROMPT_TOKENS - 1) / hop.blockCount;
    return {
      overheadSecondsPerBlock: 0,
      prefillSecondsPerTokenPerBlock: Math.min(decode, Math.max(extra, decode / 100)),
      decodeSecondsPerTokenPerBlock: decode,
    };
  } finally {
    session.close();
  }
}
