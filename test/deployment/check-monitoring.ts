/**
 * Checks what operators see with a real Prometheus: `promtool check metrics` and `check config`, and every query of
 * the Grafana dashboard against a Prometheus that scrapes a dispatcher at work. Run: npm run check:monitoring
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ServeProcess } from '../support/serve-process.ts';
import { findPrometheus } from './find-prometheus.ts';
import { type RunningPrometheus, startPrometheus } from './start-prometheus.ts';

interface Dashboard {
  /** Headings have no targets. */
  readonly panels: readonly { readonly title: string; readonly targets?: readonly { readonly expr: string }[] }[];
  readonly annotations: { readonly list: readonly { readonly expr: string }[] };
}

const CONFIG = fileURLToPath(new URL('../../config/', import.meta.url));
/** Work goes on until every query has answered; on a busy machine requests take their time. */
const PATIENCE_MS = 60_000;
const SERVER_LOSS_MS = 4_000;
const PAUSE_MS = 200;
const SCRAPE_SECONDS = 1;
/** What may be without a value: bounds of a plan that is asked for more than it serves, searches where none are configured, and news that is none. */
const MAY_BE_EMPTY: readonly RegExp[] = [/daisychain_plan_(response|search)_seconds/, / > 0$/];

const programs = findPrometheus();
if (programs === undefined) {
  console.log('not checked: there is no prometheus on this machine, nor apt-get to fetch it with');
  process.exit(0);
}
const folder = mkdtempSync(join(tmpdir(), 'daisychain-monitoring-'));
const serve = new ServeProcess(['--embedded-swarm'], { DAISYCHAIN_OFFLINE: '1' });
let prometheus: RunningPrometheus | undefined;
try {
  await serve.ready(60_000);
  prometheus = await startPrometheus(programs.prometheus, {
    target: serve.url,
    folder,
    scrapeSeconds: SCRAPE_SECONDS,
  });
  await pause(2_000 * SCRAPE_SECONDS); // rates count from the first scrape
  const working = new AbortController();
  const worked = work(serve, working.signal);
  await pause(SERVER_LOSS_MS);
  process.kill(serve.serverProcess('embedded-2'), 'SIGKILL');
  await checkDashboard(prometheus.url).finally(() => working.abort());
  await worked;
  checkWithPromtool(programs.promtool, await (await fetch(`${serve.url}/metrics`)).text());
} finally {
  await prometheus?.stop();
  await serve.stop();
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
}

/** Requests of several sorts, more than there is room for, so that every family has something to tell. */
async function work(dispatcher: ServeProcess, signal: AbortSignal): Promise<void> {
  const sorts = [...Array.from({ length: 14 }, () => ({})), { stream: true }, { max_tokens: 9_000_000 }, { n: 3 }];
  const clients = sorts.map(async (extra) => {
    while (!signal.aborted) {
      const body = { model: 'default', prompt: 'It is', max_tokens: 100, ...extra };
      await (await dispatcher.post('/v1/completions', body)).text();
      await pause(PAUSE_MS);
    }
  });
  await Promise.all(clients);
}

/** Of our own families: the names of vLLM and of Node's are theirs, and promtool dislikes some. */
function checkWithPromtool(promtool: string, scrape: string): void {
  const own = scrape.split('\n').filter((line) => /^(# (HELP|TYPE) )?daisychain_/.test(line));
  const metrics = spawnSync(promtool, ['check', 'metrics'], { input: `${own.join('\n')}\n`, encoding: 'utf8' });
  const config = spawnSync(promtool, ['check', 'config', '--syntax-only', `${CONFIG}prometheus.yml`], {
    encoding: 'utf8',
  });
  for (const { status, stdout, stderr } of [metrics, config]) {
    if (status !== 0) throw new Error(`promtool: ${stdout}${stderr}`);
  }
  console.log('ok promtool check metrics, promtool check config');
}

async function checkDashboard(url: string): Promise<void> {
  const { panels, annotations } = JSON.parse(
    readFileSync(`${CONFIG}grafana/dashboards/daisychain.json`, 'utf8'),
  ) as Dashboard;
  const queries = [
    ...panels.flatMap(({ title, targets = [] }) => targets.map(({ expr }) => ({ title, expr }))),
    ...annotations.list.map(({ expr }) => ({ title: 'annotation', expr })),
  ];
  const endMs = performance.now() + PATIENCE_MS;
  let empty = queries.filter(({ expr }) => !MAY_BE_EMPTY.some((query) => query.test(expr)));
  for (const { expr } of queries) await countSeries(url, filled(expr)); // none may be refused
  while (empty.length > 0) {
    if (performance.now() > endMs) {
      const list = empty.map(({ title, expr }) => `${title}: ${expr}`).join('\n');
      throw new Error(`queries of the dashboard that answer nothing:\n${list}`);
    }
    const counts = await Promise.all(empty.map(({ expr }) => countSeries(url, filled(expr))));
    empty = empty.filter((_, i) => counts[i] === 0);
    await pause(PAUSE_MS);
  }
  console.log(
    `ok ${queries.length} queries of ${panels.filter(({ targets }) => targets !== undefined).length} panels answer`,
  );
}

/** Grafana's variables as it would fill them in. */
function filled(expr: string): string {
  return expr.replaceAll('$model', '.*').replaceAll(/\$__(rate_)?interval/g, '20s');
}

/** Series that have a value: a quantile of nothing is NaN. */
async function countSeries(url: string, query: string): Promise<number> {
  const reply = await fetch(`${url}/api/v1/query?${new URLSearchParams({ query })}`);
  const { status, error, data } = (await reply.json()) as {
    status: string;
    error?: string;
    data?: { result: { value: [number, string] }[] };
  };
  if (status !== 'success') throw new Error(`${query}: ${error}`);
  return data?.result.filter(({ value }) => value[1] !== 'NaN').length ?? 0;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
