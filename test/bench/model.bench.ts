/*
 * What a real model costs on one machine, without any network: seconds to load, resident memory, tokens per
 * second of all its blocks on one server (prefill, one stream, four streams) and of the head (1 and 8 rows).
 * One operation is one token through every block, or one row through norm, head and greedy sampling.
 * CPU time is reported beside the clock, because on a shared machine the clock measures the neighbours.
 *
 *   node test/bench/model.bench.ts [model] [dtype] [threads]
 *
 * tiny-austen by default, smollm2-135m-instruct after `pull`; float32 or int8; one thread a product.
 */
import { createBlockHost } from '../../src/block-server/create-block-host.ts';
import type { WeightsDtype } from '../../src/domain/model/weights-dtype.ts';
import { openLanguageModel } from '../../src/language-model/open-language-model.ts';
import { locateModel, modelCacheFolder } from '../../src/language-model/weights/locate-model.ts';

const PROMPT_TOKENS = 256;
const TOKENS = 64;
const STREAMS = 4;
const HEAD_ROWS = 200;

interface Cost {
  readonly seconds: number;
  readonly cpuSeconds: number;
}

async function timed(work: () => Promise<unknown>): Promise<Cost> {
  const cpu = process.cpuUsage();
  const start = performance.now();
  await work();
  const { user, system } = process.cpuUsage(cpu);
  return { seconds: (performance.now() - start) / 1000, cpuSeconds: (user + system) / 1e6 };
}

function report(what: string, cost: Cost, operations = 1): void {
  const perSecond = operations === 1 ? '' : `${(operations / cost.seconds).toFixed(0)} per second, `;
  const cpu = (cost.cpuSeconds / operations) * 1000;
  const wall = (cost.seconds / operations) * 1000;
  console.log(`${what.padEnd(34)} ${perSecond}${wall.toFixed(2)} ms, CPU ${cpu.toFixed(2)} ms; RSS ${rss()}`);
}

const rss = (): string => `${(process.memoryUsage().rss / 1e6).toFixed(0)} MB`;

const [name = 'tiny-austen', dtypeText, threadsText = '1'] = process.argv.slice(2);
const dtype: WeightsDtype = dtypeText === 'int8' ? 'int8' : 'float32';
const threads = Number(threadsText);
const path = await locateModel(name, modelCacheFolder(process.env));
console.log(`${path} in ${dtype}, ${threads} threads; RSS of Node alone ${rss()}`);

let model: Awaited<ReturnType<typeof openLanguageModel>> | undefined;
report("client's half: open", await timed(async () => (model = await openLanguageModel(path, { dtype, threads }))));
let host: Awaited<ReturnType<typeof createBlockHost>> | undefined;
report(
  'block server: start',
  await timed(async () => (host = await createBlockHost({ modelPath: path, dtype, threads, memoryBytes: 1e12 }))),
);
if (model === undefined || host === undefined) throw new Error('nothing was opened');
const { blockCount, hiddenSize } = host;
const served = host;
report('block server: measure its speed', await timed(() => served.measureSpeed()));
report(`block server: load ${blockCount} blocks`, await timed(() => served.host({ firstBlock: 0, blockCount }, 1e11)));

const rows = (count: number): Float32Array => Float32Array.from({ length: count * hiddenSize }, (_, i) => Math.sin(i));
const open = () => served.openSession({ firstBlock: 0, blockCount }, PROMPT_TOKENS + TOKENS);
const decode = async (session: ReturnType<typeof open>): Promise<void> => {
  for (let i = 0; i < TOKENS; i += 1) await session.step(rows(1), 1, 1);
};

const sessions = Array.from({ length: STREAMS }, open);
const [first] = sessions;
if (first === undefined) throw new Error('no session');
report(
  `prefill of ${PROMPT_TOKENS} tokens`,
  await timed(() => first.step(rows(PROMPT_TOKENS), PROMPT_TOKENS, 1)),
  PROMPT_TOKENS,
);
report(`one stream after ${PROMPT_TOKENS} tokens`, await timed(() => decode(first)), TOKENS);
first.close();
const rest = [...sessions.slice(1), open()];
report(`${STREAMS} streams`, await timed(() => Promise.all(rest.map(decode))), TOKENS * STREAMS);
for (const session of rest) session.close();

const language = model;
const samplers = Array.from({ length: 8 }, () => language.createSampler({ temperature: 0, topP: 1, seed: 1 }));
const oneByOne = async (): Promise<void> => {
  for (let i = 0; i < HEAD_ROWS; i += 1) await samplers[0]?.next(rows(1));
};
const eightAtOnce = async (): Promise<void> => {
  for (let i = 0; i < HEAD_ROWS; i += 8) await Promise.all(samplers.map((sampler) => sampler.next(rows(1))));
};
report('head, one row at a time', await timed(oneByOne), HEAD_ROWS);
report('head, eight rows at a time', await timed(eightAtOnce), HEAD_ROWS);
await served.close();
await language.close();
