import { expect, test } from 'vitest';
import { chainId } from '../../src/domain/model/chain.ts';
import { Scheduler } from '../../src/domain/scheduling/scheduler.ts';

/**
 * What does a dispatch decision cost? One operation is an arrival and a completion: the whole
 * bookkeeping of one job on chains of three servers, with every slot but one taken (the fastest free
 * chain is the last one looked for), and with a queue in which each completion starts a waiting job.
 * Aim: above 10^6 decisions a second at 2,000 chains. Figures are read, not asserted.
 */
const options = { time: 500, iterations: 10, warmupTime: 100 };

function busyScheduler(chains: number, queued: number): Scheduler {
  const scheduler = new Scheduler({ queueLimit: Math.max(1, queued + 1) });
  const plan = Array.from({ length: chains }, (_, k) => {
    const hops = [0, 1, 2].map((h) => ({
      serverId: `s${k}-${h}`,
      firstBlock: h * 10,
      blockCount: 10,
    }));
    return { id: chainId(hops), hops, slots: 4, serviceSeconds: 1 + k / 1000 };
  });
  scheduler.adoptPlan({ epoch: 1, chains: plan, serverSlots: new Map() }, 0);
  const running = chains * 4 - (queued > 0 ? 0 : 1);
  for (let i = 0; i < running + queued; i += 1)
    scheduler.arrive({ id: `w${i}`, deadlineMs: queued > 0 ? 1e12 : undefined }, 0);
  expect(scheduler.runningCount).toBe(running);
  expect(scheduler.queueLength).toBe(queued);
  return scheduler;
}

for (const chains of [10, 200, 2_000]) {
  test(`${chains} chains: decisions`, async ({ bench }) => {
    const free = busyScheduler(chains, 0);
    let next = 0;
    await bench(`${chains} chains, one slot free: arrive + complete`, () => {
      const id = `j${next++}`;
      free.arrive({ id, deadlineMs: undefined }, 1);
      free.complete(id, 'completed', 1);
    }).run(options);

    const full = busyScheduler(chains, 1_000);
    const running = Array.from({ length: chains * 4 }, (_, i) => `w${i}`);
    let oldest = 0;
    await bench(`${chains} chains, 1,000 waiting: complete + start the next + arrive`, () => {
      for (const effect of full.complete(running[oldest % running.length] as string, 'completed', 2)) {
        if (effect.kind === 'assigned') running[oldest % running.length] = effect.jobId;
      }
      oldest += 1;
      full.arrive({ id: `n${next++}`, deadlineMs: 1e12 }, 2);
    }).run(options);
  });
}
