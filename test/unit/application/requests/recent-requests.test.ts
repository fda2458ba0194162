import { describe, expect, it } from 'vitest';
import type { ChainSession, HopTiming } from '../../../../src/application/ports/chain-transport.ts';
import { RecentRequests } from '../../../../src/application/requests/recent-requests.ts';
import type { Chain } from '../../../../src/domain/model/chain.ts';
import { FakeClock } from '../../../support/fake-clock.ts';

const chain = (id: string, ...servers: string[]): Chain => ({
  id,
  hops: servers.map((serverId, index) => ({ serverId, firstBlock: 3 * index, blockCount: 3 })),
  slots: 2,
  serviceSeconds: 1,
});
const FAST = chain('fast', 'a', 'b');
const SLOW = chain('slow', 'c', 'd');

function session(...timings: HopTiming[]): Pick<ChainSession, 'hopTimings'> {
  return { hopTimings: () => timings };
}

describe('the journal of requests', () => {
  it('tells where each second of a request went', () => {
    const clock = new FakeClock();
    const journal = new RecentRequests(clock, 10);
    const story = journal.open('r1', 'm');
    clock.advance(250);
    expect(journal.find('r1')).toMatchObject({ outcome: undefined, totalSeconds: 0.25, queueSeconds: undefined });
    story.chainTaken(SLOW, [FAST, SLOW]);
    clock.advance(50);
    const hops = [
      { serverId: 'c', steps: 3, roundTripSeconds: 0.6, computeSeconds: 0.5 },
      { serverId: 'd', steps: 3, roundTripSeconds: 0.4, computeSeconds: 0.1 },
    ];
    story.chainOpened(session(...hops));
    clock.advance(400);
    story.tokenMade(clock.nowMs(), 7);
    clock.advance(100);
    story.tokenTaken();
    clock.advance(200);
    story.tokenMade(clock.nowMs(), 7);
    story.tokenTaken();
    story.ended('completed');
    clock.advance(9_000);
    expect(journal.find('r1')).toEqual({
      requestId: 'r1',
      modelId: 'm',
      outcome: 'completed',
      promptTokens: 7,
      completionTokens: 2,
      totalSeconds: 1,
      queueSeconds: 0.25,
      firstTokenSeconds: 0.7,
      clientSeconds: 0.1,
      chains: [
        {
          chainId: 'slow',
          choice: { position: 2, chainCount: 2 },
          startedAfterSeconds: 0.25,
          openingSeconds: 0.05,
          prefillSeconds: 0.4,
          decodeSeconds: 0.3,
          tokens: 2,
          hops: hops.map((hop, index) => ({ ...hop, firstBlock: 3 * index, blockCount: 3 })),
        },
      ],
    });
  });

  it('tells every chain that a request ran on, with what its hops had taken when it left', () => {
    const clock = new FakeClock();
    const journal = new RecentRequests(clock, 10);
    const story = journal.open('r1', 'm');
    story.chainTaken(FAST, [FAST, SLOW]);
    story.chainOpened(session({ serverId: 'a', steps: 2, roundTripSeconds: 0.2, computeSeconds: 0.1 }));
    story.tokenMade(clock.nowMs(), 1);
    clock.advance(500);
    story.chainTaken(SLOW, [SLOW]);
    story.ended('failed');
    const { chains, outcome } = journal.find('r1') ?? {};
    expect(outcome).toBe('failed');
    expect(chains?.map(({ chainId, tokens, openingSeconds }) => [chainId, tokens, openingSeconds])).toEqual([
      ['fast', 1, 0],
      ['slow', 0, undefined],
    ]);
    expect(chains?.[0]?.hops.map(({ steps }) => steps)).toEqual([2, 0]);
    expect(chains?.[1]).toMatchObject({ startedAfterSeconds: 0.5, choice: { position: 1, chainCount: 1 } });
  });

  it('counts anew for a chain, although some of its servers go on in the same session', () => {
    const journal = new RecentRequests(new FakeClock(), 10);
    const story = journal.open('r1', 'm');
    let timings: HopTiming[] = [
      { serverId: 'a', steps: 5, roundTripSeconds: 0.5, computeSeconds: 0.3 },
      { serverId: 'b', steps: 4, roundTripSeconds: 0.4, computeSeconds: 0.2 },
    ];
    const going = { hopTimings: () => timings };
    story.chainTaken(FAST, [FAST]);
    story.chainOpened(going);
    story.chainTaken(chain('mixed', 'a', 'd'), []);
    story.chainOpened(going);
    timings = [
      { serverId: 'a', steps: 7, roundTripSeconds: 0.75, computeSeconds: 0.375 },
      { serverId: 'd', steps: 3, roundTripSeconds: 0.25, computeSeconds: 0.125 },
    ];
    story.ended('completed');
    const steps = journal.find('r1')?.chains.map(({ hops }) => hops.map((hop) => [hop.serverId, hop.steps]));
    expect(steps).toEqual([
      [
        ['a', 5],
        ['b', 4],
      ],
      [
        ['a', 2],
        ['d', 3],
      ],
    ]);
    expect(journal.find('r1')?.chains[1]?.hops[0]?.roundTripSeconds).toBeCloseTo(0.25);
  });

  it('tells its listeners of every request that ends, also of one whose id another has taken', () => {
    const ended: string[] = [];
    const journal = new RecentRequests(new FakeClock(), 3, [({ outcome }) => ended.push(String(outcome))]);
    const older = journal.open('same', 'm');
    journal.open('same', 'm').ended('completed');
    older.ended('failed');
    expect(ended).toEqual(['completed', 'failed']);
  });

  it('keeps the last requests that ended and forgets older ones', () => {
    const journal = new RecentRequests(new FakeClock(), 3);
    for (let i = 0; i < 10; i += 1) journal.open(`r${i}`, 'm').ended('rejected');
    const kept = Array.from({ length: 10 }, (_, i) => `r${i}`).filter((id) => journal.find(id) !== undefined);
    expect(kept).toEqual(['r7', 'r8', 'r9']);
    expect(journal.size).toEqual({ underWay: 0, ended: 3 });
  });

  it('finds the latest of the requests that share an id, whichever ends last', () => {
    const journal = new RecentRequests(new FakeClock(), 3);
    const older = journal.open('same', 'm');
    const newer = journal.open('same', 'm');
    newer.ended('completed');
    older.ended('failed');
    expect(journal.find('same')?.outcome).toBe('completed');
    expect(journal.size).toEqual({ underWay: 0, ended: 1 });
  });

  it('counts the first end of a request only', () => {
    const journal = new RecentRequests(new FakeClock(), 3);
    const story = journal.open('r', 'm');
    story.ended('completed');
    story.ended('failed');
    expect(journal.find('r')?.outcome).toBe('completed');
  });
});
