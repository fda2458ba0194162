import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { createPetalsTransport } from '../../../src/adapters/chain-transport/petals/transport.ts';
import { PetalsNetwork } from '../../../src/adapters/wire/petals/petals-network.ts';
import type { ChainTransport, TransportHop } from '../../../src/application/ports/chain-transport.ts';
import type { LanguageModel } from '../../../src/language-model/open-language-model.ts';
import { TINY_AUSTEN } from '../../support/tiny-austen.ts';
import { chainRequest, REFERENCE } from '../support/greedy-run.ts';
import { DHT_PREFIX, PETALS_PYTHON, petalsEnvironment } from '../support/petals-server.ts';
import type { BenchSwarm } from './bench-swarm.ts';

/** One session: a prompt of 18 tokens, then single ones. Steps are timed from hidden states in to hidden states out. */
export interface BenchRun {
  /** From opening the session to the output of the prompt. */
  readonly firstMs: number;
  readonly stepMs: readonly number[];
  readonly tokens: readonly number[];
}

export interface BenchRuns {
  readonly runs: readonly BenchRun[];
  /** All of them together. */
  readonly seconds: number;
}

const CLIENT = fileURLToPath(new URL('python_client.py', import.meta.url));
const PROMPT = REFERENCE.prompt_tokens;
/** PETALS' client is given this long, ms: where it finds no route it goes on looking. */
const LONGEST_MS = 150_000;

/** Sessions of this client, `atOnce` at a time, `repeats` times. */
export async function runOurClient(
  transport: ChainTransport,
  model: LanguageModel,
  hops: readonly TransportHop[],
  { tokens, repeats, atOnce, isPushed }: { tokens: number; repeats: number; atOnce: number; isPushed: boolean },
): Promise<BenchRuns> {
  const runs: BenchRun[] = [];
  const startedMs = performance.now();
  for (let i = 0; i < repeats; i += 1)
    runs.push(
      ...(await Promise.all(Array.from({ length: atOnce }, () => run(transport, model, hops, tokens, isPushed)))),
    );
  return { runs, seconds: (performance.now() - startedMs) / 1000 };
}

async function run(
  transport: ChainTransport,
  model: LanguageModel,
  hops: readonly TransportHop[],
  count: number,
  isPushed: boolean,
): Promise<BenchRun> {
  const prompt = isPushed ? { prompt: { tokens: PROMPT.length, steps: 1 } } : {};
  const request = chainRequest(model, hops, { maxTokens: PROMPT.length + count, stepTimeoutMs: 60_000, ...prompt });
  const sampler = model.createSampler({ temperature: 0, topP: 1, seed: 1 });
  const tokens: number[] = [];
  const stepMs: number[] = [];
  let fromMs = performance.now();
  const session = await transport.open(request, new AbortController().signal);
  let next = PROMPT;
  for (;;) {
    const hidden = await session.forward(model.embed(next), next.length, 1);
    stepMs.push(performance.now() - fromMs);
    const { token } = await sampler.next(hidden);
    tokens.push(token);
    if (tokens.length === count) break;
    next = [token];
    fromMs = performance.now();
  }
  session.close();
  return { firstMs: stepMs[0] ?? 0, stepMs: stepMs.slice(1), tokens };
}

/** The same with PETALS' own client, in a process of its own. */
export async function runPythonClient(
  swarm: BenchSwarm,
  { tokens, repeats, atOnce }: { tokens: number; repeats: number; atOnce: number },
): Promise<BenchRuns> {
  const request = {
    ...{ folder: TINY_AUSTEN, prefix: DHT_PREFIX, peer: swarm.bootstrap, prompt: PROMPT },
    ...{ tokens, repeats, sessions: atOnce },
  };
  // Its output goes through a file: the daemon that it starts may outlive it, and would keep a pipe open.
  const folder = mkdtempSync(path.join(tmpdir(), 'petals-client-'));
  const file = path.join(folder, 'output');
  const output = openSync(file, 'w');
  try {
    const child = spawn(PETALS_PYTHON, [CLIENT, JSON.stringify(request)], {
      env: petalsEnvironment(),
      stdio: ['ignore', output, output],
      timeout: LONGEST_MS,
      killSignal: 'SIGKILL',
    });
    await once(child, 'exit');
    const text = readFileSync(file, 'utf8');
    const runs = /^runs (.*)$/m.exec(text)?.[1];
    if (runs === undefined) throw new Error(`PETALS' client gave no figures:\n${text.slice(-2_000)}`);
    return JSON.parse(runs) as BenchRuns;
  } finally {
    closeSync(output);
    rmSync(folder, { recursive: true });
  }
}

export interface SetUpTimes {
  /** TCP, noise, yamux and the first protocol: from nothing to a stream, ms. */
  readonly dialMs: number;
  /** One more stream over the connection, ms. */
  readonly streamMs: number;
  /** A session over the connection, its cache reserved, ms. */
  readonly sessionMs: number;
}

/** A fresh connection to the first hop, then a stream and a session over it. */
export async function measureSetUp(model: LanguageModel, hop: TransportHop): Promise<SetUpTimes> {
  const network = new PetalsNetwork();
  const transport = createPetalsTransport({ dhtPrefix: DHT_PREFIX, network });
  try {
    const openStream = async (): Promise<number> => {
      const startedMs = performance.now();
      const method = 'TransformerConnectionHandler.rpc_info';
      const stream = await network.openStream(hop.address, method, AbortSignal.timeout(30_000));
      const tookMs = performance.now() - startedMs;
      stream.abort(new Error('measured'));
      return tookMs;
    };
    const dialMs = await openStream();
    const streamMs = await openStream();
    const startedMs = performance.now();
    const session = await transport.open(chainRequest(model, [hop]), new AbortController().signal);
    const sessionMs = performance.now() - startedMs;
    session.close();
    return { dialMs, streamMs, sessionMs };
  } finally {
    await transport.close();
    await network.close();
  }
}
