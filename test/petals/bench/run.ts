/**
 * Question: what does a token cost over real PETALS servers, for this client and for PETALS' own, on the
 * same servers? One operation is one token; the first one includes opening the session. Servers, clients
 * and everything else share this machine: compare the two clients with each other, nothing else.
 *
 *     node test/petals/bench/run.ts [REPEATS]
 */
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { createPetalsTransport } from '../../../src/adapters/chain-transport/petals/transport.ts';
import { openLanguageModel } from '../../../src/language-model/open-language-model.ts';
import { TINY_AUSTEN } from '../../support/tiny-austen.ts';
import { chainRequest, continueOver, hopAt, REFERENCE } from '../support/greedy-run.ts';
import makeEnvironment from '../support/make-environment.ts';
import { DHT_PREFIX, PETALS_PYTHON, PetalsServer, petalsEnvironment } from '../support/petals-server.ts';

const TOKENS = 40;
const REPEATS = Number(process.argv[2] ?? 5);
const CLIENT = fileURLToPath(new URL('python_client.py', import.meta.url));
const CHAINS = [['0:6'], ['0:3', '3:6'], ['0:2', '2:4', '4:6']];

interface Run {
  readonly firstTokenMs: number;
  readonly tokenMs: number;
  readonly tokens: readonly number[];
}

makeEnvironment();
const model = await openLanguageModel(TINY_AUSTEN);
const expected = REFERENCE.greedy_tokens.slice(0, TOKENS);

for (const spans of CHAINS) {
  const servers: PetalsServer[] = [];
  for (const blocks of spans) {
    const peers = servers[0] === undefined ? {} : { peers: [servers[0].address] };
    servers.push(await PetalsServer.start({ blocks, ...peers, updatePeriodSeconds: 30 }));
  }
  const transport = createPetalsTransport({ dhtPrefix: DHT_PREFIX });
  const ours = async (isPushed: boolean): Promise<Run[]> => {
    const runs: Run[] = [];
    for (let i = 0; i < REPEATS; i += 1) runs.push(await runOurs(isPushed));
    return runs;
  };
  const runOurs = async (isPushed: boolean): Promise<Run> => {
    const hops = spans.map((blocks, i) => hopAt(servers[i] as PetalsServer, blocks));
    const { length } = REFERENCE.prompt_tokens;
    const startedMs = performance.now();
    const session = await transport.open(
      chainRequest(model, hops, {
        maxTokens: length + TOKENS,
        ...(isPushed ? { prompt: { tokens: length, steps: 1 } } : {}),
      }),
      new AbortController().signal,
    );
    const first = await continueOver(session, model, REFERENCE.prompt_tokens, 1, 256);
    const firstMs = performance.now();
    const rest = await continueOver(session, model, first, TOKENS - 1, 256);
    const tokenMs = (performance.now() - firstMs) / (TOKENS - 1);
    session.close();
    return { firstTokenMs: firstMs - startedMs, tokenMs, tokens: [...first, ...rest] };
  };
  await ours(false); // connections
  report(spans.length, 'Daisychain, hop by hop', await ours(false));
  if (spans.length > 1) report(spans.length, 'Daisychain, pushed', await ours(true));
  const args = [CLIENT, TINY_AUSTEN, DHT_PREFIX, servers[0]?.address ?? '', JSON.stringify(REFERENCE.prompt_tokens)];
  const output = execFileSync(PETALS_PYTHON, [...args, String(TOKENS), String(REPEATS + 1)], {
    env: petalsEnvironment(),
    stdio: ['ignore', 'pipe', 'ignore'],
  }).toString();
  const [, ...pythonRuns] = JSON.parse(/^runs (.*)$/m.exec(output)?.[1] ?? '[]') as Run[];
  report(spans.length, "PETALS' client", pythonRuns);
  await transport.close();
  await Promise.all(servers.map((server) => server.stop()));
}
await model.close();

function report(hops: number, client: string, runs: readonly Run[]): void {
  const median = (values: number[]): string => (values.sort((a, b) => a - b)[values.length >> 1] ?? 0).toFixed(1);
  const isEqual = runs.every((run) => JSON.stringify(run.tokens) === JSON.stringify(expected));
  const first = median(runs.map((run) => run.firstTokenMs));
  const token = median(runs.map((run) => run.tokenMs));
  console.log(`${hops} hops | ${client} | first token ${first} ms | token ${token} ms | reference tokens: ${isEqual}`);
}
