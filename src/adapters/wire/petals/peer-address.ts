/** Where a libp2p peer is reached. */
export interface PeerAddress {
  /** Base58 or CIDv1, as it stands in the address. */
  readonly peerId: string;
  /** The whole multiaddr. */
  readonly multiaddr: string;
}

const PATTERN =
  /^\/(?:ip4\/\d{1,3}(?:\.\d{1,3}){3}|ip6\/[0-9a-fA-F:.]{2,45}|dns[46]?\/[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252}))\/tcp\/(?<port>\d{1,5})\/p2p\/(?<peer>[1-9A-HJ-NP-Za-km-z]{20,80})$/;

/**
 * Reads `/ip4/HOST/tcp/PORT/p2p/ID` (also ip6 and dns names). Undefined for anything else, relays and
 * other transports included: addresses come from peers, and only TCP is dialled.
 */
export function parsePeerAddress(text: string): PeerAddress | undefined {
  const groups = PATTERN.exec(text)?.groups;
  const port = Number(groups?.['port']);
  const peerId = groups?.['peer'];
  if (peerId === undefined || !(port >= 1 && port <= 65_535)) return undefined;
  return { peerId, multiaddr: text };
}
