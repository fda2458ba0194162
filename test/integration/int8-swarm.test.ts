import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startAgent } from '../support/agent-process.ts';
import { ServeProcess } from '../support/serve-process.ts';

const DECLARED = ['--declare-speed', '0.0001,0.00001,0.0001'];

describe('a swarm in int8', () => {
  let serve: ServeProcess;
  beforeAll(async () => {
    serve = new ServeProcess(['--embedded-swarm', '2', '--dtype', 'int8']);
    await serve.ready(60_000);
  }, 70_000);
  afterAll(() => serve?.stop());

  it('answers with a text', async () => {
    const response = await fetch(`${serve.url}/v1/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        model: 'default',
        prompt: 'Emma Woodhouse, handsome, clever',
        max_tokens: 8,
        temperature: 0,
      }),
    });
    expect(await response.json()).toMatchObject({ choices: [{ text: ', and the country, and' }] });
  });

  it('shows the format of each server', async () => {
    const { servers } = (await (await fetch(`${serve.url}/admin/v1/servers`)).json()) as { servers: object[] };
    expect(servers).toHaveLength(2);
    for (const server of servers) expect(server).toMatchObject({ dtype: 'int8' });
  });

  it('refuses a server in float32, which ends and tells the remedy', async () => {
    const dispatcher = /gRPC (\S+),/.exec(serve.stdout)?.[1] ?? '';
    const agent = startAgent(dispatcher, DECLARED);
    expect((await agent.exited).code).toBe(1);
    expect(agent.stderr()).toContain('start it with --dtype int8');
  });
});

describe('daisychain agent with a format that it has not', () => {
  it.each([
    [['--dtype', 'int4'], /--dtype .*float32, int8/],
    [['--dtype', 'int8', '--backend', 'petals'], /--dtype: a PETALS server/],
  ])('%j ends with exit code 2 and one line', async (flags, told) => {
    const agent = startAgent('127.0.0.1:9', flags);
    expect((await agent.exited).code).toBe(2);
    expect(agent.stderr()).toMatch(told);
    expect(agent.stderr().trim().split('\n')).toHaveLength(1);
  });
});
