import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isAlive } from '../support/process-table.ts';
import { ServeProcess } from '../support/serve-process.ts';
import { readReference } from '../support/tiny-austen.ts';

const SOON = { timeout: 10_000, interval: 50 };

/** Text of an SSE stream of completions, and whether it ended as it should. */
function readStream(sse: string): { text: string; isDone: boolean; error: { code: string } | undefined } {
  const events = sse
    .split('\n\n')
    .filter((event) => event.startsWith('data: '))
    .map((event) => event.slice('data: '.length));
  const isDone = events.at(-1) === '[DONE]';
  const chunks = events
    .filter((event) => event !== '[DONE]')
    .map((event) => JSON.parse(event) as { choices?: { text: string }[]; error?: { code: string } });
  return { text: chunks.map((chunk) => chunk.choices?.[0]?.text ?? '').join(''), isDone, error: chunks.at(-1)?.error };
}

interface ScoredReply {
  readonly choices: readonly {
    readonly text: string;
    readonly finish_reason: string;
    readonly logprobs: {
      readonly token_logprobs: readonly (number | null)[];
      readonly top_logprobs: readonly (Readonly<Record<string, number>> | null)[];
    };
  }[];
  readonly usage: unknown;
}

describe('serve --embedded-swarm', () => {
  let serve: ServeProcess;
  let readyMs: number;
  const reference = readReference();
  const request = {
    model: 'default',
    prompt: reference.prompt,
    temperature: 0,
    max_tokens: reference.greedy_tokens.length,
  };
  let undisturbed: string;

  beforeAll(async () => {
    serve = new ServeProcess();
    readyMs = await serve.ready(20_000);
  });
  afterAll(async () => {
    await serve.stop();
  });

  it('is ready within 15 s on a busy machine too, with four servers of different memory and at least two chains', async () => {
    expect(readyMs).toBeLessThan(15_000);
    expect(serve.children()).toHaveLength(4);
    const { servers } = (await (await fetch(`${serve.url}/admin/v1/servers`)).json()) as {
      servers: { memory_bytes: number; state: string }[];
    };
    expect(servers.map((server) => server.state)).toEqual(['serving', 'serving', 'serving', 'serving']);
    expect(new Set(servers.map((server) => server.memory_bytes)).size).toBe(4);
    const { chains } = (await (await fetch(`${serve.url}/admin/v1/chains`)).json()) as {
      chains: { hops: unknown[] }[];
    };
    expect(chains.length).toBeGreaterThanOrEqual(2);
    for (const chain of chains) expect(chain.hops.length).toBeGreaterThanOrEqual(2);
  });

  it('gives the reference text, whole and streamed', async () => {
    const whole = (await (await serve.post('/v1/completions', { ...request, logprobs: 0 })).json()) as {
      choices: { text: string; finish_reason: string; logprobs: { tokens: string[] } }[];
      usage: unknown;
    };
    const [choice] = whole.choices;
    undisturbed = choice?.text ?? '';
    expect(choice).toMatchObject({ finish_reason: 'length' });
    expect(whole.usage).toEqual({ prompt_tokens: 18, completion_tokens: 60, total_tokens: 78 });
    const asPrompt = await serve.post('/v1/completions', { ...request, prompt: reference.prompt_tokens });
    expect(((await asPrompt.json()) as { choices: { text: string }[] }).choices[0]?.text).toBe(undisturbed);
    const streamed = readStream(await (await serve.post('/v1/completions', { ...request, stream: true })).text());
    expect(streamed).toEqual({ text: undisturbed, isDone: true, error: undefined });
    expect(undisturbed.startsWith(', and I am sure')).toBe(true);
  });

  it('scores the tokens of an echoed prompt as it scored them when it wrote them', async () => {
    const wrote = (await (await serve.post('/v1/completions', { ...request, logprobs: 2 })).json()) as ScoredReply;
    const prompt = [...reference.prompt_tokens, ...reference.greedy_tokens];
    const asked = { model: 'default', prompt, echo: true, logprobs: 2, max_tokens: 0 };
    const echoed = (await (await serve.post('/v1/completions', asked)).json()) as ScoredReply;
    const { text, finish_reason, logprobs } = echoed.choices[0] as ScoredReply['choices'][number];
    expect(text).toBe(reference.prompt + undisturbed);
    expect(finish_reason).toBe('length');
    expect(echoed.usage).toMatchObject({ prompt_tokens: prompt.length, completion_tokens: 0 });
    expect(logprobs.token_logprobs[0]).toBeNull();
    expect(logprobs.token_logprobs).toHaveLength(prompt.length);
    const written = wrote.choices[0]?.logprobs as ScoredReply['choices'][number]['logprobs'];
    const tail = logprobs.token_logprobs.slice(reference.prompt_tokens.length);
    for (const [i, logprob] of written.token_logprobs.entries()) expect(tail[i]).toBeCloseTo(logprob as number, 3);
    expect(Object.keys(logprobs.top_logprobs.at(-1) ?? {})).toEqual(Object.keys(written.top_logprobs.at(-1) ?? {}));
  });

  it('answers many requests at once with the same text, and has every slot free afterwards', async () => {
    const texts = await Promise.all(
      Array.from(
        { length: 24 },
        async () => readStream(await (await serve.post('/v1/completions', { ...request, stream: true })).text()).text,
      ),
    );
    expect(new Set(texts)).toEqual(new Set([undisturbed]));
    expect(await serve.metric('daisychain_chain_slots_in_use{')).toBe(0);
    expect(await serve.metric('daisychain_queue_length')).toBe(0);
  });

  it('goes on with the stream of a server killed in mid-generation, to the identical text', async () => {
    const long = { ...request, max_tokens: 450, stream: true };
    const expected = readStream(await (await serve.post('/v1/completions', long)).text());
    const reply = await serve.post('/v1/completions', long);
    const [, second = ''] = await serve.serversOf(reply);
    process.kill(serve.serverProcess(second), 'SIGKILL');
    expect(readStream(await reply.text())).toEqual(expected);
    expect(expected).toMatchObject({ isDone: true, error: undefined });
    expect(await serve.metric('daisychain_failovers_total{outcome="continued"')).toBeGreaterThanOrEqual(1);

    await expect.poll(async () => (await fetch(`${serve.url}/readyz`)).status, SOON).toBe(200);
    await expect.poll(() => serve.metric('daisychain_servers{state="serving"'), SOON).toBe(3);
    const after = (await (await serve.post('/v1/completions', request)).json()) as { choices: { text: string }[] };
    expect(after.choices[0]?.text).toBe(undisturbed);
    expect(await serve.metric('daisychain_chain_slots_in_use{')).toBe(0);
  });
});

describe('the end of serve --embedded-swarm', () => {
  it('stops everything within 3 s of Ctrl-C, a stream that runs told by name', async () => {
    const serve = new ServeProcess();
    await serve.ready(20_000);
    const children = serve.children();
    const reply = await serve.post('/v1/completions', {
      model: 'default',
      prompt: 'It is',
      max_tokens: 500,
      stream: true,
      temperature: 1.5,
      seed: 3,
    });
    const text = reply.text();
    const stopped = serve.stop();
    serve.child.kill('SIGINT'); // npm passes the terminal's Ctrl-C on: the same press comes twice
    const { code, tookMs } = await stopped;
    expect(code).toBe(0);
    expect(serve.stderr).not.toMatch(/not joined|server ended|"level":"(error|fatal)"/);
    // 3 s are promised, on a machine that has nothing else to do.
    expect(tookMs).toBeLessThan(8_000);
    const stream = readStream(await text);
    expect(stream.isDone || stream.error?.code === 'draining').toBe(true);
    expect(children.filter(isAlive)).toEqual([]);
  });

  it('leaves no server behind when the dispatcher is killed', async () => {
    const serve = new ServeProcess();
    await serve.ready(20_000);
    const children = serve.children();
    expect(children).toHaveLength(4);
    serve.child.kill('SIGKILL');
    await serve.exited;
    await expect.poll(() => children.filter(isAlive), SOON).toEqual([]);
  });
});

describe('serve with what it cannot do', () => {
  it.each([
    [['--model', 'no-such-model'], {}, 1, /no-such-model/],
    [['--http-port', '70000'], {}, 2, /--http-port/],
    [['--dtype', 'int4'], {}, 2, /model\.dtype in --dtype: .*float32.*int8/],
    [['--embedded-swarm', '0'], {}, 2, /--embedded-swarm/],
    [['--config', '/no/such/file.yaml'], {}, 2, /no\/such\/file/],
    [[], { DAISYCHAIN_PLANNER__MAX_LOAD: '7' }, 2, /planner\.max_load/],
    [[], { DAISYCHAIN_MODEL__SESSION_TOKENS: '100000' }, 1, /model\.session_tokens/],
  ])('%j %j exits with a line that names it', async (flags, env, code, told) => {
    const serve = new ServeProcess(flags, env as Record<string, string>);
    expect(await serve.exited).toBe(code);
    expect(serve.stderr).toMatch(told);
    expect(serve.stderr).not.toMatch(/^\s+at /m);
    expect(serve.stderr.trim().split('\n')).toHaveLength(1);
  });

  it('says which port is taken, and what to do', async () => {
    const first = new ServeProcess([]);
    await expect.poll(() => first.stdout, SOON).toContain('daisychain listens');
    const [, http = '', grpc = ''] =
      /HTTP http:\/\/127\.0\.0\.1:(\d+), gRPC 127\.0\.0\.1:(\d+)/.exec(first.stdout) ?? [];
    const attempts = Object.entries({ http, grpc }).map(async ([section, port]) => {
      const second = new ServeProcess([`--${section}-port`, port]);
      expect(await second.exited).toBe(1);
      expect(second.stderr).toContain(`daisychain: ${section}.port: 127.0.0.1:${port} is in use: another`);
      expect(second.stderr).toContain(`--${section}-port (0: any free one)`);
    });
    await Promise.all(attempts);
    await first.stop();
  });
});
