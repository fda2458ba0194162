import type { Span } from './span.ts';

/** The blocks that one server of a chain processes (a suffix of what it hosts). */
export interface Hop extends Span {
  readonly serverId: string;
}

/** An ordered set of servers that together process every block once, and how many jobs it may hold at once. */
export interface Chain {
  /** Short hash of the hops: it survives plan changes that keep the chain. */
  readonly id: string;
  readonly hops: readonly Hop[];
  /** c_k: jobs at once, >= 1. */
  readonly slots: number;
  /** T_k = 1/mu_k: mean service time of one job, seconds > 0. */
  readonly serviceSeconds: number;
}

/** The hops as text: equal for equal hops only, whatever servers call themselves. */
export function hopsKey(hops: readonly Hop[]): string {
  return hops.map((hop) => `${hop.serverId}\n${hop.firstBlock}\n${hop.blockCount}`).join('\n');
}

/** For people and metrics; two chains may share it by chance, or by a server's malice: `hopsKey` tells them apart. 48 bits of FNV-1a (two 32-bit lanes with different offsets) over the hops, as 12 hexadecimal digits. */
export function chainId(hops: readonly Hop[]): string {
  let high = 0x811c9dc5;
  let low = 0x01000193;
  const feed = (code: number): void => {
    high = Math.imul(high ^ code, 0x01000193);
    low = Math.imul(low ^ code, 0x85ebca6b) ^ (low >>> 15);
  };
  for (const hop of hops) {
    for (let i = 0; i < hop.serverId.length; i += 1) feed(hop.serverId.charCodeAt(i));
    feed(0x1f);
    feed(hop.firstBlock);
    feed(0x1f);
    feed(hop.blockCount);
    feed(0x1e);
  }
  const hex = (word: number): string => (word >>> 0).toString(16).padStart(8, '0');
  return (hex(high) + hex(low)).slice(0, 12);
}
