import { describe, expect, it } from 'vitest';
import type { ChainTimes, RequestTimes } from '../../../../src/application/ports/request-journal.ts';
import { ContributionLedger } from '../../../../src/application/swarm/contribution-ledger.ts';
import type { Member } from '../../../../src/domain/membership/member.ts';

const member = (serverId: string, joinedMs: number, blocks = 0): Member =>
  ({ serverId, joinedMs, ready: blocks === 0 ? undefined : { firstBlock: 0, blockCount: blocks } }) as Member;

const chain = (tokens: number, ...servers: string[]) =>
  ({ tokens, hops: servers.map((serverId) => ({ serverId })) }) as unknown as ChainTimes;
const ended = (promptTokens: number, ...chains: ChainTimes[]) => ({ promptTokens, chains }) as unknown as RequestTimes;

describe('the ledger of contributions', () => {
  it('counts the time of a member, and its blocks from the moment that they are ready', () => {
    const ledger = new ContributionLedger(10);
    ledger.observe([member('a', 1_000)], 1_500);
    expect(ledger.of('a', 3_000)).toEqual({ tokens: 0, blockSeconds: 0, uptimeSeconds: 2 });
    ledger.observe([member('a', 1_000, 4)], 3_000);
    expect(ledger.of('a', 5_000)).toEqual({ tokens: 0, blockSeconds: 8, uptimeSeconds: 4 });
    expect(ledger.of('a', 5_000)).toEqual({ tokens: 0, blockSeconds: 8, uptimeSeconds: 4 });
  });

  it('goes on where it was when a server comes back', () => {
    const ledger = new ContributionLedger(10);
    ledger.observe([member('a', 0, 2)], 0);
    ledger.observe([], 1_000);
    expect(ledger.of('a', 9_000)).toEqual({ tokens: 0, blockSeconds: 2, uptimeSeconds: 1 });
    ledger.observe([member('a', 9_000, 2)], 9_500);
    expect(ledger.of('a', 10_000)).toEqual({ tokens: 0, blockSeconds: 4, uptimeSeconds: 2 });
  });

  it('credits every server of a chain with the output, and those of the first one with the prompt', () => {
    const ledger = new ContributionLedger(10);
    ledger.observe(
      ['a', 'b', 'c'].map((id) => member(id, 0)),
      0,
    );
    ledger.requestEnded(ended(100, chain(5, 'a', 'b'), chain(7, 'a', 'c')));
    ledger.requestEnded(ended(100, chain(0, 'b')));
    expect(['a', 'b', 'c', 'unknown'].map((id) => ledger.of(id, 0).tokens)).toEqual([112, 105, 7, 0]);
  });

  it('forgets the servers that left first, and no member', () => {
    const ledger = new ContributionLedger(3);
    for (let i = 0; i < 100; i += 1) ledger.observe([member('stays', 0), member(`guest-${i}`, i)], i);
    const known = Array.from({ length: 100 }, (_, i) => `guest-${i}`).filter(
      (id) => ledger.of(id, 200).uptimeSeconds > 0,
    );
    expect(known).toEqual(['guest-98', 'guest-99']);
    expect(ledger.of('stays', 200).uptimeSeconds).toBeCloseTo(0.2);
  });
});
