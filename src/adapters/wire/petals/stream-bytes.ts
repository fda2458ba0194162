import type { StreamMessageEvent } from '@libp2p/interface';

/** The pieces of what a libp2p stream delivers at once. */
export function piecesOf(data: StreamMessageEvent['data']): Iterable<Uint8Array> {
  return data instanceof Uint8Array ? [data] : data;
}
