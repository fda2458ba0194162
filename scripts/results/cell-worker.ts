/** Runs cells of the report's sections, one after another, on a thread of its own. */
import { parentPort } from 'node:worker_threads';
import { sections } from './sections.ts';

export interface CellTask {
  readonly id: number;
  readonly section: string;
  readonly cell: unknown;
}

export type CellAnswer =
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly failure: string };

parentPort?.on('message', async ({ id, section, cell }: CellTask) => {
  try {
    const value = await sections[section]?.run(cell);
    parentPort?.postMessage({ id, value } satisfies CellAnswer);
  } catch (error) {
    const failure = error instanceof Error ? (error.stack ?? error.message) : String(error);
    parentPort?.postMessage({ id, failure } satisfies CellAnswer);
  }
});
