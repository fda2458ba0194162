import type { OpenChainRequest, TransportHop } from '../../../application/ports/chain-transport.ts';
import { encodeMsgpack } from '../../wire/petals/encode-msgpack.ts';
import { withMarker } from '../../wire/petals/frame-reader.ts';
import { encodePetals } from '../../wire/petals/messages.ts';
import { encodeHidden, type HiddenDtype, NO_HYPOTHESES, NO_PROMPTS } from '../../wire/petals/tensor-codec.ts';
import type { HopStep } from '../hop-link.ts';

/** What a session is called at one of its hops. */
export function sessionIdAt(request: OpenChainRequest, hopIndex: number): string {
  return `${request.sessionId}-${hopIndex}`;
}

/**
 * The first message of a session: it carries no tokens and reserves the cache.
 * @param allocTimeoutMs how long a server whose cache is full may wait for room
 * @param isPushed the server is to send its outputs on to the hops after it
 */
export function openingMessage(
  request: OpenChainRequest,
  hopIndex: number,
  { dhtPrefix, allocTimeoutMs }: { readonly dhtPrefix: string; readonly allocTimeoutMs: number },
  isPushed: boolean,
): Buffer {
  const { firstBlock, blockCount } = request.hops[hopIndex] as TransportHop;
  const uids = Array.from({ length: blockCount }, (_, i) => `${dhtPrefix}.${firstBlock + i}`);
  return withMarker(
    encodePetals('petals.expert.ExpertRequest', {
      uid: uids.join(' '),
      tensors: [encodeHidden(new Float32Array(0), 0, request.hiddenSize, 'float32'), NO_PROMPTS, NO_HYPOTHESES],
      metadata: encodeMsgpack({
        max_length: request.maxTokens,
        session_id: sessionIdAt(request, hopIndex),
        alloc_timeout: allocTimeoutMs / 1000,
        next_servers: isPushed ? serversAfter(request, hopIndex) : undefined,
      }),
    }),
  );
}

export function stepMessage(request: OpenChainRequest, hopIndex: number, step: HopStep, dtype: HiddenDtype): Buffer {
  return withMarker(
    encodePetals('petals.expert.ExpertRequest', {
      uid: '',
      tensors: [encodeHidden(step.hidden, step.tokens, request.hiddenSize, dtype), NO_PROMPTS, NO_HYPOTHESES],
      metadata: encodeMsgpack({ session_id: sessionIdAt(request, hopIndex) }),
    }),
  );
}

/** `[peer id, session id, first block, end]` of each hop behind this one. */
function serversAfter(request: OpenChainRequest, hopIndex: number): (string | number)[][] {
  return request.hops.slice(hopIndex + 1).map((hop, i) => {
    const peerId = hop.address.slice(hop.address.lastIndexOf('/') + 1);
    return [peerId, sessionIdAt(request, hopIndex + 1 + i), hop.firstBlock, hop.firstBlock + hop.blockCount];
  });
}
