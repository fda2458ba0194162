import { describe, expect, it } from 'vitest';
import { PrefillPieces } from '../../../../src/application/requests/prefill-pieces.ts';
import { StepLoads } from '../../../../src/application/requests/step-loads.ts';
import { Membership } from '../../../../src/domain/membership/membership.ts';
import type { Chain } from '../../../../src/domain/model/chain.ts';
import { FakeClock } from '../../../support/fake-clock.ts';

const chainOver = (...serverIds: string[]): Chain => ({
  id: serverIds.join('-'),
  slots: 1,
  serviceSeconds: 1,
  hops: serverIds.map((serverId, i) => ({ serverId, firstBlock: 2 * i, blockCount: 2 })),
});

function membersOf(...serverIds: string[]): Membership {
  const members = new Membership({
    leaseMs: 1_000,
    loadTimeoutMs: 1_000,
    exclusionMs: 1_000,
    limit: 10,
    speedChangeThreshold: 1,
    flapLimit: 5,
    flapWindowMs: 1_000,
  });
  for (const serverId of serverIds) {
    members.join(
      {
        serverId,
        modelId: 'm',
        address: 'h:1',
        protocol: 'grpc',
        memoryBytes: 1,
        speeds: {
          overheadSecondsPerBlock: 0,
          prefillSecondsPerTokenPerBlock: 0.001,
          decodeSecondsPerTokenPerBlock: 0.05,
          rttSeconds: 0.02,
          bandwidthBytesPerSecond: undefined,
          concurrencySlope: 1,
        },
        hosted: undefined,
        isPinned: false,
        labels: new Map(),
        dtype: 'float32',
        weightsDigest: '',
      },
      0,
    );
  }
  return members;
}

describe('the pieces of prompts', () => {
  const pieces = () => new PrefillPieces(membersOf('a', 'b', 'c'), { least: 8, most: 4_096 });

  it('are shorter while a session generates on one of the servers, and as long as before when it has ended', () => {
    const some = pieces();
    const idle = some.nextPiece(chainOver('a', 'b'), 4_000);
    const end = some.generates(chainOver('b', 'c'));
    expect(some.nextPiece(chainOver('a', 'b'), 4_000)).toBe(104);
    expect(some.nextPiece(chainOver('a'), 4_000)).toBe(4_096);
    end();
    expect(idle).toBeGreaterThan(400);
    expect(some.nextPiece(chainOver('a', 'b'), 4_000)).toBe(idle);
  });

  it('count a server once however often a session passes it, and every session on it', () => {
    const some = pieces();
    const ends = [some.generates(chainOver('a', 'b', 'a')), some.generates(chainOver('a'))];
    ends[0]?.();
    expect(some.nextPiece(chainOver('a'), 4_000)).toBe(104);
    expect(some.nextPiece(chainOver('b'), 4_000)).toBe(4_096);
    ends[1]?.();
    expect(some.nextPiece(chainOver('a'), 4_000)).toBe(4_096);
  });

  it('are as large as may be where nothing is known of the servers', () => {
    expect(pieces().nextPiece(chainOver('unknown'), 4_000)).toBe(4_096);
  });
});

describe('the load of steps', () => {
  it('is told in the time of the server as it was measured, until the steps are answered', () => {
    const clock = new FakeClock();
    const members = membersOf('a');
    members.setMeasured('a', { pace: 2, slope: undefined });
    const loads = new StepLoads(members, clock, 0);
    const first = loads.sent('a', 2, 100);
    expect(first.aheadSeconds).toBe(0);
    const second = loads.sent('a', 2, 1);
    expect(second.aheadSeconds).toBeCloseTo(2 * 2 * 0.1, 9);
    first.ended();
    expect(loads.sent('a', 2, 1).aheadSeconds).toBeCloseTo(2 * 2 * 0.05 - 0.01, 9);
  });

  it('is none at a server that has left', () => {
    const load = new StepLoads(membersOf(), new FakeClock(), 0).sent('gone', 2, 100);
    expect(load.aheadSeconds).toBe(0);
    load.ended();
  });
});
