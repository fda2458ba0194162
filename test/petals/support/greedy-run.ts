import type {
  ChainSession,
  ChainTransport,
  OpenChainRequest,
  TransportHop,
} from '../../../src/application/ports/chain-transport.ts';
import type { LanguageModel } from '../../../src/language-model/open-language-model.ts';
import { readReference } from '../../support/tiny-austen.ts';

export const REFERENCE = readReference();

export interface GreedyOptions {
  readonly prompt?: readonly number[];
  readonly tokens?: number;
  readonly chunkTokens?: number;
  /** Tells the transport that the prompt is one step, which lets servers push. */
  readonly isPushHinted?: boolean;
}

/** A hop of a test's chain: `first:end` at a server. */
export function hopAt(
  server: { readonly address: string; readonly protocol?: 'grpc' | 'petals' },
  blocks: string,
): TransportHop {
  const [first = 0, end = 0] = blocks.split(':').map(Number);
  const { address, protocol = 'petals' } = server;
  return { serverId: `${address}-${blocks}`, address, protocol, firstBlock: first, blockCount: end - first };
}

let sessions = 0;

export function chainRequest(
  model: LanguageModel,
  hops: readonly TransportHop[],
  overrides: Partial<OpenChainRequest> = {},
): OpenChainRequest {
  sessions += 1;
  return {
    sessionId: `test-${process.pid}-${sessions}`,
    modelId: model.id,
    hiddenSize: model.hiddenSize,
    planEpoch: 1,
    hops,
    maxTokens: 300,
    stepTimeoutMs: 15_000,
    ...overrides,
  };
}

/** Greedy tokens of a prompt over a chain. */
export async function generateOver(
  transport: ChainTransport,
  model: LanguageModel,
  hops: readonly TransportHop[],
  options: GreedyOptions = {},
): Promise<number[]> {
  const prompt = options.prompt ?? REFERENCE.prompt_tokens;
  const maxTokens = options.tokens ?? REFERENCE.greedy_tokens.length;
  const request = chainRequest(model, hops, {
    maxTokens: prompt.length + maxTokens,
    ...(options.isPushHinted === true ? { prompt: { tokens: prompt.length, steps: 1 } } : {}),
  });
  const session = await transport.open(request, new AbortController().signal);
  try {
    return await continueOver(session, model, prompt, maxTokens, options.chunkTokens ?? 256);
  } finally {
    session.close();
  }
}

/** Prefill in chunks, several on their way at once, then greedy tokens one by one. */
export async function continueOver(
  session: ChainSession,
  model: LanguageModel,
  prompt: readonly number[],
  maxTokens: number,
  chunkTokens: number,
): Promise<number[]> {
  const chunks = Array.from({ length: Math.ceil(prompt.length / chunkTokens) }, (_, i) =>
    prompt.slice(i * chunkTokens, (i + 1) * chunkTokens),
  );
  const steps = chunks.map((chunk, i) =>
    session.forward(model.embed(chunk), chunk.length, i === chunks.length - 1 ? 1 : 0),
  );
  let hidden = (await Promise.all(steps)).at(-1) as Float32Array;
  const sampler = model.createSampler({ temperature: 0, topP: 1, seed: 1 });
  const tokens: number[] = [];
  while (tokens.length < maxTokens) {
    const { token } = await sampler.next(hidden);
    tokens.push(token);
    if (tokens.length < maxTokens) hidden = await session.forward(model.embed([token]), 1, 1);
  }
  return tokens;
}
