import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const SERVER = fileURLToPath(new URL('./bench-server.ts', import.meta.url));

/** Starts and ends the processes of a benchmark. */
export class BenchServers {
  readonly #children: ChildProcess[] = [];

  /** @param argv see bench-server.ts   @returns its port on 127.0.0.1 */
  async start(...argv: readonly (string | number)[]): Promise<number> {
    const child = spawn(process.execPath, [SERVER, ...argv.map(String)], { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#children.push(child);
    return new Promise((resolve, reject) => {
      child.stdout.once('data', (chunk: Buffer) => resolve(Number(chunk.toString())));
      child.once('exit', (code) => reject(new Error(`a benchmark server ended with code ${code}`)));
    });
  }

  stop(): void {
    for (const child of this.#children) child.stdin?.end();
  }
}
