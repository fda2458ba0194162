import { describe, expect, it } from 'vitest';
import { JobDispatcher } from '../../../../src/application/requests/job-dispatcher.ts';
import { chainId } from '../../../../src/domain/model/chain.ts';
import { ArrivalRate } from '../../../../src/domain/planning/arrival-rate.ts';
import { Scheduler } from '../../../../src/domain/scheduling/scheduler.ts';
import { FakeClock } from '../../../support/fake-clock.ts';

const HOPS = [{ serverId: 's', firstBlock: 0, blockCount: 2 }];
const CHAIN = { id: chainId(HOPS), hops: HOPS, slots: 1, serviceSeconds: 1 };

function setUp(queueLimit = 5): { clock: FakeClock; scheduler: Scheduler; dispatcher: JobDispatcher } {
  const clock = new FakeClock();
  const scheduler = new Scheduler({ queueLimit });
  const dispatcher = new JobDispatcher(scheduler, clock, new ArrivalRate(60_000));
  dispatcher.adoptPlan({ epoch: 1, chains: [CHAIN], serverSlots: new Map([['s', 2]]) });
  return { clock, scheduler, dispatcher };
}

const never = new AbortController().signal;
const code = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => 'resolved',
    (error: { code: string }) => error.code,
  );

describe('the job dispatcher', () => {
  it('hands a freed slot to the job that has waited longest', async () => {
    const { clock, dispatcher } = setUp();
    const first = await dispatcher.acquire({ id: '1', deadlineMs: undefined }, never);
    const second = dispatcher.acquire({ id: '2', deadlineMs: undefined }, never);
    const third = dispatcher.acquire({ id: '3', deadlineMs: undefined }, never);
    clock.advance(250);
    first.release('completed');
    expect(await second).toMatchObject({ jobId: '2', queuedMs: 250, epoch: 1 });
    (await second).release('failed');
    expect((await third).jobId).toBe('3');
  });

  it('gives a slot back once, however often it is released', async () => {
    const { dispatcher, scheduler } = setUp();
    const ticket = await dispatcher.acquire({ id: '1', deadlineMs: undefined }, never);
    ticket.release('completed');
    ticket.release('cancelled');
    expect(scheduler.counts).toMatchObject({ completed: 1, cancelled: 0 });
    expect(scheduler.runningCount).toBe(0);
  });

  it('tells a job whose deadline passes in the queue, at that time, and keeps no timer after it', async () => {
    const { clock, dispatcher, scheduler } = setUp();
    const running = await dispatcher.acquire({ id: '1', deadlineMs: undefined }, never);
    const late = code(dispatcher.acquire({ id: '2', deadlineMs: 100 }, never));
    expect(clock.pendingTimers).toBe(1);
    clock.advance(99);
    expect(scheduler.queueLength).toBe(1);
    clock.advance(1);
    expect(await late).toBe('DSP_DEADLINE_EXCEEDED');
    expect(clock.pendingTimers).toBe(0);
    running.release('completed');
    expect(scheduler.counts).toMatchObject({ arrived: 2, completed: 1, expired: 1 });
  });

  it('takes a client that leaves out of the queue', async () => {
    const { dispatcher, scheduler } = setUp();
    await dispatcher.acquire({ id: '1', deadlineMs: undefined }, never);
    const leaver = new AbortController();
    const waiting = code(dispatcher.acquire({ id: '2', deadlineMs: undefined }, leaver.signal));
    leaver.abort();
    expect(await waiting).toBe('DSP_CANCELLED');
    expect(scheduler.queueLength).toBe(0);
    expect(await code(dispatcher.acquire({ id: '3', deadlineMs: undefined }, leaver.signal))).toBe('DSP_CANCELLED');
    expect(scheduler.counts.arrived).toBe(2);
  });

  it('admits jobs together or not at all', async () => {
    const { dispatcher, scheduler } = setUp(1);
    const job = (id: string) => ({ id, deadlineMs: undefined });
    expect(() => dispatcher.acquireTogether([job('1'), job('2'), job('3')], never)).toThrow(/queue is full/);
    expect(scheduler.counts.arrived).toBe(0);
    const [first, second] = dispatcher.acquireTogether([job('1'), job('2')], never);
    expect((await first)?.jobId).toBe('1');
    expect(scheduler.queueLength).toBe(1);
    (await first)?.release('completed');
    expect((await second)?.jobId).toBe('2');
  });

  it('rejects with what stands in the way', async () => {
    const { dispatcher } = setUp(0);
    await dispatcher.acquire({ id: '1', deadlineMs: undefined }, never);
    expect(await code(dispatcher.acquire({ id: '2', deadlineMs: undefined }, never))).toBe('DSP_QUEUE_FULL');
    dispatcher.adoptPlan({ epoch: 2, chains: [], serverSlots: new Map() });
    expect(await code(dispatcher.acquire({ id: '3', deadlineMs: undefined }, never))).toBe('DSP_NO_CAPACITY');
    dispatcher.stopAccepting();
    expect(await code(dispatcher.acquire({ id: '4', deadlineMs: undefined }, never))).toBe('DSP_DRAINING');
  });

  const OTHER = [{ serverId: 't', firstBlock: 0, blockCount: 2 }];
  const OTHER_CHAIN = { id: chainId(OTHER), hops: OTHER, slots: 1, serviceSeconds: 2 };

  it('lets a job that lost its chain wait ahead of those that have not run, and keeps its ticket', async () => {
    const { dispatcher, scheduler } = setUp();
    const lost = await dispatcher.acquire({ id: '1', deadlineMs: undefined }, never);
    dispatcher.adoptPlan({ epoch: 2, chains: [], serverSlots: new Map() });
    const back = lost.waitAgain(1_000);
    dispatcher.adoptPlan({ epoch: 3, chains: [OTHER_CHAIN], serverSlots: new Map([['t', 2]]) });
    await back;
    expect(lost).toMatchObject({ epoch: 3, chain: { id: OTHER_CHAIN.id } });
    const second = dispatcher.acquire({ id: '2', deadlineMs: undefined }, never);
    const again = lost.waitAgain(1_000);
    // Its own slot was the only one, and it still goes first.
    await again;
    expect(scheduler.queueLength).toBe(1);
    lost.release('completed');
    expect((await second).jobId).toBe('2');
  });

  it('tells a job that no chain came for it in time, and frees nothing twice', async () => {
    const { clock, dispatcher, scheduler } = setUp();
    const lost = await dispatcher.acquire({ id: '1', deadlineMs: undefined }, never);
    dispatcher.adoptPlan({ epoch: 2, chains: [], serverSlots: new Map() });
    const back = code(lost.waitAgain(100));
    clock.advance(100);
    expect(await back).toBe('DSP_DEADLINE_EXCEEDED');
    lost.release('failed');
    expect(scheduler.counts).toMatchObject({ arrived: 1, expired: 1, failed: 0 });
    expect(await code(lost.waitAgain(200))).toBe('DSP_CANCELLED');
  });

  it('takes a job that waits again out of the queue when it is released', async () => {
    const { dispatcher, scheduler } = setUp();
    const lost = await dispatcher.acquire({ id: '1', deadlineMs: undefined }, never);
    dispatcher.adoptPlan({ epoch: 2, chains: [], serverSlots: new Map() });
    const back = code(lost.waitAgain(100));
    lost.release('cancelled');
    expect(await back).toBe('DSP_CANCELLED');
    expect(scheduler.queueLength + scheduler.runningCount).toBe(0);
  });

  it('moves a job to hops outside the plan when their servers have room, and not otherwise', async () => {
    const { dispatcher, scheduler } = setUp();
    dispatcher.adoptPlan({
      epoch: 2,
      chains: [CHAIN],
      serverSlots: new Map([
        ['s', 2],
        ['t', 2],
      ]),
    });
    const first = await dispatcher.acquire({ id: '1', deadlineMs: undefined }, never);
    const second = dispatcher.acquire({ id: '2', deadlineMs: undefined }, never);
    expect(first.moveTo(OTHER_CHAIN)).toBe(true);
    expect(dispatcher.freeSlotsAt('t')).toBe(0);
    // The slot that it left goes to the next in the queue at once.
    expect((await second).chain.id).toBe(CHAIN.id);
    expect((await second).moveTo(OTHER_CHAIN)).toBe(false);
    expect((await second).chain.id).toBe(CHAIN.id);
    first.release('completed');
    expect(dispatcher.freeSlotsAt('t')).toBe(2);
    expect(first.moveTo(OTHER_CHAIN)).toBe(false);
    (await second).release('completed');
    expect(scheduler.runningCount).toBe(0);
  });
});
