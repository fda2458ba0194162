import { afterEach, describe, expect, it, vi } from 'vitest';
import { WorkerClient } from '../../../../src/language-model/runtime/worker-client.ts';

const module = new URL('../../../fixtures/workers/echo-worker.ts', import.meta.url);
type Request = { say?: unknown; fail?: boolean; crash?: boolean; exit?: boolean; hang?: boolean };

let client: WorkerClient<Request> | undefined;
afterEach(async () => {
  await client?.close();
});

function start(onFailure: (error: Error) => void = () => undefined): WorkerClient<Request> {
  client = new WorkerClient<Request>(module, 'echo', onFailure);
  return client;
}

describe('WorkerClient', () => {
  it('gives each call its own answer', async () => {
    const worker = start();
    const answers = await Promise.all([1, 2, 3].map((say) => worker.call({ say })));
    expect(answers).toEqual([1, 2, 3]);
    expect(worker.waitingCount).toBe(0);
  });

  it('carries coded errors over', async () => {
    await expect(start().call({ fail: true })).rejects.toMatchObject({
      code: 'DSP_BAD_WEIGHTS',
      message: 'model.bin is bad',
      param: 'field',
    });
  });

  it.each([{ crash: true }, { exit: true }])(
    'rejects what waits and what follows when the thread dies of %j',
    async (death) => {
      const onFailure = vi.fn();
      const worker = start(onFailure);
      const waiting = worker.call({ hang: true });
      const last = worker.call(death);
      await expect(waiting).rejects.toMatchObject({ code: 'DSP_INTERNAL' });
      await expect(last).rejects.toMatchObject({ code: 'DSP_INTERNAL' });
      await expect(worker.call({ say: 1 })).rejects.toMatchObject({ code: 'DSP_INTERNAL' });
      expect(onFailure).toHaveBeenCalledTimes(1);
      expect(worker.hasFailed).toBe(true);
    },
  );

  it('rejects what waits with DSP_CANCELLED when it is closed, and reports no failure', async () => {
    const onFailure = vi.fn();
    const worker = start(onFailure);
    const waiting = worker.call({ hang: true });
    const closed = worker.close();
    await expect(waiting).rejects.toMatchObject({ code: 'DSP_CANCELLED' });
    await closed;
    expect(onFailure).not.toHaveBeenCalled();
  });
});
