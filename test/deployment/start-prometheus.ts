import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';

const SHIPPED = new URL('../../config/prometheus.yml', import.meta.url);

export interface RunningPrometheus {
  /** Its base address. */
  readonly url: string;
  stop(): Promise<void>;
}

/**
 * A Prometheus with the configuration that is shipped, on a free port of this machine.
 * @param program path of its binary
 * @param options `target`: base address of the dispatcher to scrape; `folder`: where it keeps what it has;
 *   `scrapeSeconds`: other than the shipped interval
 */
export async function startPrometheus(
  program: string,
  options: { readonly target: string; readonly folder: string; readonly scrapeSeconds?: number },
): Promise<RunningPrometheus> {
  const { target, folder, scrapeSeconds } = options;
  const file = join(folder, 'prometheus.yml');
  let configuration = readFileSync(SHIPPED, 'utf8').replace('dispatcher:8080', new URL(target).host);
  if (scrapeSeconds !== undefined)
    configuration = configuration.replace(/scrape_interval: \w+/, `scrape_interval: ${scrapeSeconds}s`);
  writeFileSync(file, configuration);
  const port = await freePort();
  const flags = [`--config.file=${file}`, `--storage.tsdb.path=${join(folder, 'data')}`, '--log.level=error'];
  const child = spawn(program, [...flags, `--web.listen-address=127.0.0.1:${port}`], { stdio: 'inherit' });
  const ended = once(child, 'exit');
  return {
    url: `http://127.0.0.1:${port}`,
    stop: async () => {
      child.kill('SIGTERM');
      await ended;
    },
  };
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}
