import type { Writable } from 'node:stream';

const WIDTH = 30;
const MEGABYTE = 1e6;

/** One line that tells how far a download is; on a stream that is no terminal it stays silent. */
export interface ProgressBar {
  show(label: string, bytes: number, totalBytes: number): void;
  /** Removes the line, so that something else can be written. */
  clear(): void;
}

export function createProgressBar(stream: Writable): ProgressBar {
  const isTerminal = 'isTTY' in stream && stream.isTTY === true;
  let shown = '';
  return {
    show(label, bytes, totalBytes) {
      if (!isTerminal) return;
      const share = totalBytes > 0 ? Math.min(1, bytes / totalBytes) : 0;
      const filled = Math.round(share * WIDTH);
      const bar = '#'.repeat(filled) + '.'.repeat(WIDTH - filled);
      const size = `${(bytes / MEGABYTE).toFixed(0)} of ${(totalBytes / MEGABYTE).toFixed(0)} MB`;
      const line = `${label} [${bar}] ${Math.floor(share * 100)} % ${size}`;
      // Thousands of pieces come per second; only a changed line is written.
      if (line === shown) return;
      shown = line;
      stream.write(`\r\u001b[K${line}`);
    },
    clear() {
      if (shown === '') return;
      shown = '';
      stream.write('\r\u001b[K');
    },
  };
}
