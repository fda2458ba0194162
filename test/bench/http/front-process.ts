import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

export interface FrontUsage {
  readonly cpuUs: number;
  readonly rss: number;
  readonly heap: number;
  readonly delayMaxMs: number;
  readonly delayP99Ms: number;
  readonly delayMeanMs: number;
}

export interface FrontProcess {
  readonly url: string;
  /** What the process has used so far; event-loop delays since the last call. */
  usage(): Promise<FrontUsage>;
  stop(): void;
}

/** Starts `instant-front.ts` in a process of its own. */
export async function startFront(tokens: number, paceMs: number): Promise<FrontProcess> {
  const script = fileURLToPath(new URL('./instant-front.ts', import.meta.url));
  const child = spawn(process.execPath, ['--expose-gc', script, String(tokens), String(paceMs)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const port = (await lines.next()).value as string;
  return {
    url: `http://127.0.0.1:${port}`,
    usage: async () => {
      child.stdin.write('\n');
      return JSON.parse((await lines.next()).value as string) as FrontUsage;
    },
    stop: () => {
      child.kill();
    },
  };
}
