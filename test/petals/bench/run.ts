/**
 * Question: what do steps over real PETALS servers cost, for this client and for PETALS' own, on the same
 * servers; what does pushing gain where servers are far away; what does setting up cost? One operation is
 * one step of one token through all hops. Servers, clients and everything else share this machine, so
 * the two clients run in turn, ours before and after PETALS' own, and only they are compared.
 *
 *     node test/petals/bench/run.ts [near] [far] [together] [set-up]
 * With a number of hops behind a part, that chain alone: `far:3`.
 */
import { loadavg } from 'node:os';
import { createPetalsTransport } from '../../../src/adapters/chain-transport/petals/transport.ts';
import { openLanguageModel } from '../../../src/language-model/open-language-model.ts';
import { TINY_AUSTEN } from '../../support/tiny-austen.ts';
import { REFERENCE } from '../support/greedy-run.ts';
import makeEnvironment from '../support/make-environment.ts';
import { DHT_PREFIX } from '../support/petals-server.ts';
import { type BenchRuns, measureSetUp, runOurClient, runPythonClient, type SetUpTimes } from './bench-clients.ts';
import { startBenchSwarm } from './bench-swarm.ts';

const CHAINS = [['0:6'], ['0:3', '3:6'], ['0:2', '2:4', '4:6']];
const FAR_MS = 50;
const SESSIONS = 32;

const wanted = process.argv.slice(2);
const isWanted = (part: string, hops = 1): boolean =>
  wanted.length === 0 || wanted.includes(part) || wanted.includes(`${part}:${hops}`);
// So that servers end with it.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
makeEnvironment();
const model = await openLanguageModel(TINY_AUSTEN);
console.log(
  'part | hops | client | sessions at once | first ms | step ms p50 | p99 | tokens/s | reference tokens | load',
);
console.log('--|--|--|--|--|--|--|--|--|--');
for (const spans of CHAINS)
  if (isWanted('near', spans.length)) await compare('near', spans, 0, { tokens: 40, repeats: 3, atOnce: 1 });
for (const spans of CHAINS)
  if (isWanted('far', spans.length))
    await compare(`${FAR_MS} ms away`, spans, FAR_MS, { tokens: 20, repeats: 3, atOnce: 1 });
for (const spans of CHAINS.slice(0, 2))
  if (isWanted('together', spans.length))
    await compare('together', spans, 0, { tokens: 20, repeats: 1, atOnce: SESSIONS });
if (isWanted('set-up')) {
  await setUp('near', 0);
  await setUp(`${FAR_MS} ms away`, FAR_MS);
}
await model.close();

interface Work {
  readonly tokens: number;
  readonly repeats: number;
  readonly atOnce: number;
}

async function compare(part: string, spans: readonly string[], roundTripMs: number, work: Work): Promise<void> {
  const swarm = await startBenchSwarm(spans, roundTripMs);
  const transport = createPetalsTransport({ dhtPrefix: DHT_PREFIX });
  try {
    const ours = (isPushed: boolean): Promise<BenchRuns> =>
      runOurClient(transport, model, swarm.hops, { ...work, isPushed });
    await runOurClient(transport, model, swarm.hops, { tokens: 2, repeats: 1, atOnce: 1, isPushed: spans.length > 1 });
    const byHop = [await ours(false)];
    const pushed = spans.length > 1 ? [await ours(true)] : [];
    const python = await runPythonClient(swarm, work);
    byHop.push(await ours(false));
    if (spans.length > 1) pushed.push(await ours(true));
    const report = (client: string, all: readonly BenchRuns[]): void => row(part, spans.length, client, work, all);
    report('Daisychain, hop by hop', byHop);
    if (pushed.length > 0) report('Daisychain, pushed', pushed);
    report("PETALS' client", [python]);
  } finally {
    await transport.close();
    await swarm.stop();
  }
}

function row(part: string, hops: number, client: string, work: Work, all: readonly BenchRuns[]): void {
  const runs = all.flatMap((each) => each.runs);
  const expected = JSON.stringify(REFERENCE.greedy_tokens.slice(0, work.tokens));
  const isEqual = runs.length > 0 && runs.every(({ tokens }) => JSON.stringify(tokens) === expected);
  const steps = runs.flatMap(({ stepMs }) => stepMs);
  const seconds = all.reduce((sum, each) => sum + each.seconds, 0);
  const cells = [
    ...[
      part,
      hops,
      client,
      work.atOnce,
      quantile(
        runs.map(({ firstMs }) => firstMs),
        0.5,
      ),
    ],
    ...[quantile(steps, 0.5), quantile(steps, 0.99), ((runs.length * work.tokens) / seconds).toFixed(1)],
    ...[isEqual, (loadavg()[0] ?? 0).toFixed(1)],
  ];
  console.log(cells.join(' | '));
}

async function setUp(part: string, roundTripMs: number): Promise<void> {
  const swarm = await startBenchSwarm(['0:6'], roundTripMs);
  try {
    const [hop] = swarm.hops;
    if (hop === undefined) return;
    await measureSetUp(model, hop); // loads the libraries
    const times: SetUpTimes[] = [];
    for (let i = 0; i < 7; i += 1) times.push(await measureSetUp(model, hop));
    const of = (name: 'dialMs' | 'streamMs' | 'sessionMs'): string =>
      quantile(
        times.map((each) => each[name]),
        0.5,
      );
    console.log(
      `set-up, ${part}: first stream over a new connection ${of('dialMs')} ms, one more stream ${of('streamMs')} ms, ` +
        `session over the connection ${of('sessionMs')} ms; load ${(loadavg()[0] ?? 0).toFixed(1)}`,
    );
  } finally {
    await swarm.stop();
  }
}

function quantile(values: readonly number[], share: number): string {
  const sorted = [...values].sort((a, b) => a - b);
  return (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN).toFixed(1);
}
