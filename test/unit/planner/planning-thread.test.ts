import { afterEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../src/adapters/system/system-clock.ts';
import type { PlanningQuestion } from '../../../src/planner/planning-messages.ts';
import { PlanningThread, type ThreadAnswer } from '../../../src/planner/planning-thread.ts';

const module = new URL('../../fixtures/workers/moody-planning-worker.ts', import.meta.url);

let thread: PlanningThread | undefined;
afterEach(async () => {
  await thread?.close();
});

const failures: string[] = [];

function start(options: { timeLimitMs?: number; queueLimit?: number } = {}): PlanningThread {
  failures.length = 0;
  thread = new PlanningThread({
    name: 'planning',
    isBackground: true,
    timeLimitMs: 15_000,
    queueLimit: 2,
    clock: systemClock,
    onFailure: (cause) => failures.push(cause),
    module,
    ...options,
  });
  return thread;
}

/** A question that the thread takes as it is called. */
function question(wish: string): PlanningQuestion {
  const model = { id: wish, blockCount: 1, blockBytes: 1, cacheBytesPerBlock: 1 };
  return { kind: 'look', look: { model } as Extract<PlanningQuestion, { kind: 'look' }>['look'] };
}

function ask(on: PlanningThread, wish: string): Promise<ThreadAnswer> {
  return new Promise((resolve, reject) => {
    if (!on.compute(question(wish), resolve)) reject(new Error('refused'));
  });
}

describe('a planning thread', () => {
  it('computes in the order of asking, and refuses what would wait behind too many', async () => {
    const planning = start();
    const order: unknown[] = [];
    const asked = ['a', 'b', 'c'].map(async (wish) => {
      const answer = await ask(planning, wish);
      order.push(answer.kind === 'done' && answer.value);
    });
    await expect(ask(planning, 'd')).rejects.toThrow('refused');
    await Promise.all(asked);
    expect(order).toEqual(['a', 'b', 'c']);
    await expect(ask(planning, 'e')).resolves.toMatchObject({ kind: 'done', value: 'e' });
    expect(failures).toEqual([]);
  });

  it.each(['throw', 'exit'])(
    'fails the computation that makes it %s, and computes what waits in another go',
    async (end) => {
      const planning = start();
      const [failed, next] = await Promise.all([ask(planning, end), ask(planning, 'next')]);
      expect(failed).toMatchObject({ kind: 'failed', cause: 'crashed' });
      expect(next).toMatchObject({ kind: 'done', value: 'next' });
      expect(failures).toEqual(['crashed']);
    },
  );

  it('gives up a computation that takes too long, with its thread, and goes on in a new one', async () => {
    // Long enough for a new thread to start on a busy machine.
    const planning = start({ timeLimitMs: 3_000 });
    const [failed, next] = await Promise.all([ask(planning, 'hang'), ask(planning, 'next')]);
    expect(failed).toMatchObject({ kind: 'failed', cause: 'timed_out', reason: 'it took more than 3 s' });
    expect(next).toMatchObject({ kind: 'done', value: 'next' });
    expect(failures).toEqual(['timed_out']);
  });

  it('waits longer after each failure in a row', async () => {
    const planning = start();
    const startedMs = performance.now();
    for (let i = 0; i < 3; i += 1) await ask(planning, 'throw');
    await ask(planning, 'next');
    // 100, 200 and 400 ms.
    expect(performance.now() - startedMs).toBeGreaterThanOrEqual(690);
  });

  it('answers nothing once it is closed, and takes no question', async () => {
    const planning = start();
    let answers = 0;
    planning.compute(question('a'), () => {
      answers += 1;
    });
    await planning.close();
    expect(planning.compute(question('b'), () => undefined)).toBe(false);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(answers).toBe(0);
    expect(failures).toEqual([]);
  });
});
