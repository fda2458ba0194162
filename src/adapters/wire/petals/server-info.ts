import { DispatcherError } from '../../../domain/shared/errors.ts';
import { decodeMsgpack } from './decode-msgpack.ts';
import { decodePetals, encodePetals } from './messages.ts';
import type { PetalsNetwork } from './petals-network.ts';
import { callUnary } from './unary-call.ts';

/** What a PETALS server says of itself at this moment. */
export interface PetalsServerInfo {
  /** Of PETALS, for instance "2.2.0.post1". */
  readonly version: string;
  /** Tokens times blocks that fit the free cache. */
  readonly cacheTokensAvailable: number;
}

const MAX_VERSION_LENGTH = 64;

/**
 * Asks a server for its state: the only live source of its free cache.
 * @param uid a block the server is expected to host, "prefix.index"; empty asks of none
 * @throws DispatcherError DSP_SPAN_NOT_HOSTED when it does not host the block; else as `callUnary`
 */
export async function askServerInfo(
  network: PetalsNetwork,
  address: string,
  uid: string,
  timeoutMs: number,
): Promise<PetalsServerInfo> {
  const answer = await callUnary(
    network,
    address,
    'TransformerConnectionHandler.rpc_info',
    encodePetals('petals.expert.ExpertUid', { uid }),
    timeoutMs,
  );
  const info = decodeMsgpack(decodePetals('petals.expert.ExpertInfo', answer).serializedInfo);
  const version = info instanceof Map ? info.get('version') : undefined;
  const cacheTokens = info instanceof Map ? info.get('cache_tokens_available') : undefined;
  if (typeof version !== 'string' || version.length > MAX_VERSION_LENGTH || !isCount(cacheTokens))
    throw new DispatcherError('DSP_BAD_OUTPUT', 'rpc_info was answered without version and cache_tokens_available');
  return { version, cacheTokensAvailable: cacheTokens };
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}
