import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Outcomes on disk, so that a run that was stopped goes on where it was. */
export interface OutcomeCache {
  read(cell: unknown): unknown;
  write(cell: unknown, value: unknown): void;
}

/**
 * The outcomes of one section at one version of the code.
 * @param folder made if missing
 */
export function openOutcomeCache(folder: string, section: string, version: string): OutcomeCache {
  const own = join(folder, section);
  mkdirSync(own, { recursive: true });
  const fileOf = (cell: unknown): string => {
    const key = createHash('sha256')
      .update(`${version}\0${JSON.stringify(cell)}`)
      .digest('hex');
    return join(own, `${key.slice(0, 24)}.json`);
  };
  return {
    read: (cell) => {
      try {
        return JSON.parse(readFileSync(fileOf(cell), 'utf8')) as unknown;
      } catch {
        // Missing, or cut off by a stop while it was written: made again.
        return undefined;
      }
    },
    write: (cell, value) => {
      const file = fileOf(cell);
      writeFileSync(`${file}.new`, `${JSON.stringify(value)}\n`);
      renameSync(`${file}.new`, file);
    },
  };
}
