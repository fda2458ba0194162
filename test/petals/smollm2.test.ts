import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { openLanguageModel } from '../../src/language-model/open-language-model.ts';
import { type AgentProcess, startAgent } from '../support/agent-process.ts';
import { runDaisychain } from '../support/run-daisychain.ts';
import { ServeProcess } from '../support/serve-process.ts';
import { findSmollm2, readGolden } from '../support/smollm2.ts';
import { PETALS_PYTHON, PetalsServer } from './support/petals-server.ts';

const MODEL = 'smollm2-135m-instruct';
/** Nobody is given up on because the machine is busy. */
const PATIENCE = { DAISYCHAIN_SWARM__STEP_TIMEOUT_SECONDS: '60', DAISYCHAIN_SWARM__LEASE_SECONDS: '60' };
const fetched = await findSmollm2();
const why = fetched === undefined ? `: left out, ${MODEL} is not here; "daisychain pull" fetches it` : '';

describe.skipIf(fetched === undefined)(`${MODEL} over real PETALS servers${why}`, () => {
  /** A few tokens of each: what is computed once is computed always. */
  const golden = readGolden<{ message: string; greedy_tokens: number[] }[]>('smollm2-greedy.json').map(
    ({ message, greedy_tokens }) => ({ message, tokens: greedy_tokens.slice(0, 12) }),
  );
  const scratch = mkdtempSync(path.join(tmpdir(), 'petals-smollm2-'));
  const servers: PetalsServer[] = [];
  const agents: AgentProcess[] = [];
  let serve: ServeProcess | undefined;
  /** What Hugging Face transformers in float32 answers to each message of the golden file. */
  let expected: string[];

  beforeAll(async () => {
    const model = await openLanguageModel(fetched!);
    const [end = -1] = model.endTokens;
    expected = golden.map(({ tokens }) => {
      const length = tokens.indexOf(end);
      return model.decode(length < 0 ? tokens : tokens.slice(0, length));
    });
    await model.close();
  });
  afterEach(async () => {
    for (const agent of agents) agent.child.kill('SIGTERM');
    await Promise.all([...agents.splice(0).map((agent) => agent.exited), serve?.stop()]);
    await Promise.all(servers.splice(0).map((server) => server.stop()));
  });
  afterAll(() => rmSync(scratch, { recursive: true }));

  async function answers(): Promise<string[]> {
    const texts: string[] = [];
    for (const { message, tokens } of golden) {
      const response = await serve!.post('/v1/chat/completions', {
        model: 'default',
        messages: [{ role: 'user', content: message }],
        max_tokens: tokens.length,
        temperature: 0,
      });
      const { choices } = (await response.json()) as { choices?: { message: { content: string } }[] };
      texts.push(choices?.[0]?.message.content ?? `status ${response.status}`);
    }
    return texts;
  }

  it('answers over two servers that it follows, with the folder that "pull" writes for them', async () => {
    const folder = path.join(scratch, 'followed');
    expect(await runDaisychain(['pull', MODEL, '--petals-folder', folder])).toMatchObject({ exitCode: 0 });
    const model = { folder, dhtPrefix: MODEL };
    const first = await PetalsServer.start({ model, blocks: '0:15', cacheTokens: 2_000 });
    servers.push(first);
    servers.push(await PetalsServer.start({ model, blocks: '15:30', cacheTokens: 2_000, peers: [first.address] }));
    serve = new ServeProcess(['--model', MODEL], {
      ...PATIENCE,
      DAISYCHAIN_SWARM__PETALS__BOOTSTRAP: first.address,
      DAISYCHAIN_SWARM__PETALS__DHT_PREFIX: MODEL,
    });
    await serve.ready(120_000);
    const texts = await answers();
    expect(texts[0]).toBe('The capital of France is Paris.');
    expect(texts).toEqual(expected);
  });

  it('answers over two servers that its agents manage, who need nothing but the name of the model', async () => {
    // A cache of its own, with the fetched model in it: what the agents write for PETALS goes away with it.
    const cache = path.join(scratch, 'cache');
    mkdirSync(path.join(cache, 'models'), { recursive: true });
    symlinkSync(fetched!, path.join(cache, 'models', MODEL));
    serve = new ServeProcess(['--model', MODEL], PATIENCE);
    await expect.poll(() => serve?.stdout, { timeout: 60_000 }).toMatch(/listens/);
    const grpc = /gRPC (\S+?)[,;]/.exec(serve.stdout)?.[1] ?? '';
    for (const id of ['gpu-1', 'gpu-2']) {
      const flags = ['--model', MODEL, '--server-id', id, '--memory-bytes', '300MB', '--backend', 'petals'];
      const petals = ['--petals-python', PETALS_PYTHON, '--', '--device', 'cpu', '--num_handlers', '2'];
      agents.push(
        startAgent(grpc, [...flags, ...petals], {
          env: { DAISYCHAIN_CACHE_DIR: cache, OMP_NUM_THREADS: '1' },
        }),
      );
    }
    await serve.ready(120_000);
    expect(await answers()).toEqual(expected);
  });
});
