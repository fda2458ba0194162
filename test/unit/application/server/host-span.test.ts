import { beforeEach, describe, expect, it } from 'vitest';
import type { BlockHost } from '../../../../src/application/ports/block-host.ts';
import { SpanHosting, type SpanReports } from '../../../../src/application/server/host-span.ts';
import type { Span } from '../../../../src/domain/model/span.ts';
import { DispatcherError } from '../../../../src/domain/shared/errors.ts';
import { MemoryBlockHost } from '../../../support/memory-block-host.ts';

const SPAN: Span = { firstBlock: 1, blockCount: 2 };

describe('SpanHosting', () => {
  let host: MemoryBlockHost;
  let reports: string[];
  const recorder: SpanReports = {
    ready: (epoch, span) => void reports.push(`ready ${epoch} ${span.firstBlock}+${span.blockCount}`),
    failed: (epoch, reason) => void reports.push(`failed ${epoch} ${reason}`),
  };

  beforeEach(() => {
    host = new MemoryBlockHost({ loadMs: 1 });
    reports = [];
  });

  it('hosts what is ordered and reports it', async () => {
    await new SpanHosting(host, 10_000).obey({ planEpoch: 3, span: SPAN, cacheBytes: 100 }, recorder);
    expect(reports).toEqual(['ready 3 1+2']);
    expect(host.hosted()).toEqual(SPAN);
  });

  it('reports the newest of several orders only', async () => {
    const hosting = new SpanHosting(host, 10_000);
    const orders = [1, 2, 3].map((planEpoch) =>
      hosting.obey({ planEpoch, span: { firstBlock: planEpoch, blockCount: 1 }, cacheBytes: 0 }, recorder),
    );
    await Promise.all(orders);
    expect(reports).toEqual(['ready 3 3+1']);
  });

  it('ignores an order of an older epoch', async () => {
    const hosting = new SpanHosting(host, 10_000);
    await hosting.obey({ planEpoch: 5, span: SPAN, cacheBytes: 0 }, recorder);
    await hosting.obey({ planEpoch: 4, span: { firstBlock: 0, blockCount: 1 }, cacheBytes: 0 }, recorder);
    expect(reports).toEqual(['ready 5 1+2']);
    expect(host.hosted()).toEqual(SPAN);
  });

  it('takes the epochs of a new registration as they come, and reports nothing to it of the old one', async () => {
    const hosting = new SpanHosting(host, 10_000);
    const old = hosting.obey({ planEpoch: 50, span: SPAN, cacheBytes: 0 }, recorder);
    hosting.beginRegistration();
    await old;
    expect(reports).toEqual([]);
    await hosting.obey({ planEpoch: 1, span: SPAN, cacheBytes: 0 }, recorder);
    expect(reports).toEqual(['ready 1 1+2']);
  });

  it.each([
    [{ firstBlock: 7, blockCount: 2 }, 0, /do not lie within/],
    [SPAN, 8_001, /need 10001 bytes/],
    [SPAN, Number.NaN, /need NaN bytes/],
  ])('reports an order that it cannot carry out (%#)', async (span, cacheBytes, problem) => {
    await new SpanHosting(host, 10_000).obey({ planEpoch: 1, span, cacheBytes }, recorder);
    expect(reports[0]).toMatch(problem);
    expect(host.hostCalls).toEqual([]);
  });

  it('reports why loading failed, and no inside of an unknown failure', async () => {
    const failing = (error: Error): BlockHost =>
      Object.assign(new MemoryBlockHost(), { host: () => Promise.reject(error) });
    await new SpanHosting(failing(new DispatcherError('DSP_BAD_WEIGHTS', 'block 1 is unreadable')), 10_000).obey(
      { planEpoch: 1, span: SPAN, cacheBytes: 0 },
      recorder,
    );
    await new SpanHosting(failing(new TypeError('x.y')), 10_000).obey(
      { planEpoch: 2, span: SPAN, cacheBytes: 0 },
      recorder,
    );
    expect(reports).toEqual([
      'failed 1 block 1 is unreadable',
      'failed 2 loading the blocks failed; the log of the server tells why',
    ]);
  });
});
