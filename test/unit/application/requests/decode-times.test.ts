import { describe, expect, it } from 'vitest';
import type { HopTiming } from '../../../../src/application/ports/chain-transport.ts';
import { DecodeTimes } from '../../../../src/application/requests/decode-times.ts';

const CHAIN = {
  id: 'c',
  slots: 1,
  serviceSeconds: 1,
  hops: [
    { serverId: 'a', firstBlock: 0, blockCount: 4 },
    { serverId: 'b', firstBlock: 4, blockCount: 2 },
  ],
};

const timing = (serverId: string, steps: number, roundTripSeconds: number, aheadSeconds = 0): HopTiming => ({
  serverId,
  steps,
  roundTripSeconds,
  computeSeconds: 0,
  aheadSeconds,
});

describe('the times of generated tokens', () => {
  it('leave out what the prompt took, also of what it met at the servers', () => {
    let timings = [timing('a', 3, 9, 5), timing('b', 3, 6)];
    const times = new DecodeTimes({ hopTimings: () => timings });
    timings = [timing('a', 13, 10, 5.5), timing('b', 13, 8)];
    expect(times.hops(CHAIN)).toEqual([
      { serverId: 'a', blockCount: 4, steps: 10, roundTripSeconds: 1, aheadSeconds: 0.5 },
      { serverId: 'b', blockCount: 2, steps: 10, roundTripSeconds: 2, aheadSeconds: 0 },
    ]);
  });

  it('tell nothing of a hop that was replaced meanwhile, or of a chain with other hops', () => {
    let timings = [timing('a', 3, 9), timing('b', 3, 6)];
    const times = new DecodeTimes({ hopTimings: () => timings });
    timings = [timing('a', 13, 10), timing('c', 2, 1)];
    expect(times.hops(CHAIN).map((hop) => hop.serverId)).toEqual(['a']);
    timings = [timing('a', 13, 10)];
    expect(times.hops(CHAIN)).toEqual([]);
  });
});
