import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { CellAnswer, CellTask } from './cell-worker.ts';

/**
 * Runs tasks on `threads` threads, in order of their start, and tells of each as it is done.
 * @throws the first failure, once every thread has stopped
 */
export async function runCells(
  tasks: readonly CellTask[],
  threads: number,
  onDone: (task: CellTask, value: unknown) => void,
): Promise<void> {
  const left = tasks.values();
  const runThread = async (): Promise<void> => {
    const worker = new Worker(new URL('./cell-worker.ts', import.meta.url));
    try {
      for (const task of left) {
        worker.postMessage(task);
        const [answer] = (await once(worker, 'message')) as [CellAnswer];
        if ('failure' in answer) throw new Error(`${task.section} ${JSON.stringify(task.cell)}: ${answer.failure}`);
        onDone(task, answer.value);
      }
    } finally {
      await worker.terminate();
    }
  };
  const ends = await Promise.allSettled(Array.from({ length: Math.min(threads, tasks.length) }, runThread));
  for (const end of ends) if (end.status === 'rejected') throw end.reason;
}
