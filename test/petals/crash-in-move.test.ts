import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { PetalsNetwork } from '../../src/adapters/wire/petals/petals-network.ts';
import { askServerInfo } from '../../src/adapters/wire/petals/server-info.ts';
import { openLanguageModel } from '../../src/language-model/open-language-model.ts';
import { type AgentProcess, startAgent } from '../support/agent-process.ts';
import { processesWith } from '../support/process-table.ts';
import { ServeProcess } from '../support/serve-process.ts';
import { TINY_AUSTEN } from '../support/tiny-austen.ts';
import { REFERENCE } from './support/greedy-run.ts';
import { PETALS_PYTHON } from './support/petals-server.ts';

const PETALS_ID = 'a-petals';
/** Room for three of the six blocks: it takes two servers to serve. */
const THREE_BLOCKS = '8MB';

interface ListedServer {
  readonly server_id: string;
  readonly state: string;
  readonly address: string;
  readonly hosted: { readonly first_block: number; readonly block_count: number } | null;
}

describe('a managed PETALS server whose process, or whose agent, dies while it loads or moves blocks', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'crash-in-move-'));
  const network = new PetalsNetwork();
  const agents: AgentProcess[] = [];
  let serve: ServeProcess;

  afterEach(async () => {
    for (const agent of agents) agent.child.kill('SIGTERM');
    await Promise.all([...agents.splice(0).map((agent) => agent.exited), serve?.stop()]);
  });
  afterAll(async () => {
    await network.close();
    rmSync(folder, { recursive: true });
  });

  function start(serverId: string, flags: readonly string[] = []): AgentProcess {
    const grpc = /gRPC (\S+?)[,;]/.exec(serve.stdout)?.[1] ?? '';
    const agent = startAgent(grpc, ['--server-id', serverId, '--memory-bytes', THREE_BLOCKS, ...flags]);
    agents.push(agent);
    return agent;
  }

  function startPetals(): AgentProcess {
    return start(PETALS_ID, [
      ...['--backend', 'petals', '--petals-python', PETALS_PYTHON, '--declare-speed', '0,0.001,0.002'],
      ...['--', '--num_handlers', '2', '--device', 'cpu', '--identity_path', path.join(folder, 'identity')],
    ]);
  }

  async function servers(): Promise<readonly ListedServer[]> {
    const url = /HTTP (\S+),/.exec(serve.stdout)?.[1];
    return ((await (await fetch(`${url}/admin/v1/servers`)).json()) as { servers: ListedServer[] }).servers;
  }

  const petalsServer = async (): Promise<ListedServer | undefined> =>
    (await servers()).find(({ server_id }) => server_id === PETALS_ID);

  const whenLoading = (): Promise<void> =>
    expect
      .poll(async () => (await petalsServer())?.state, { timeout: 120_000, interval: 10 })
      .toBe('loading') as Promise<void>;

  /**
   * Waits until the dispatcher counts the server as serving, and looks whether the server itself answers
   * for the blocks at that moment.
   */
  async function whenServing(): Promise<NonNullable<ListedServer['hosted']>> {
    let last: ListedServer | undefined;
    await expect
      .poll(
        async () => {
          last = await petalsServer();
          return last?.state;
        },
        { timeout: 120_000, interval: 10 },
      )
      .toBe('serving');
    const { address, hosted } = last as ListedServer;
    if (hosted === null) throw new Error('a server that serves hosts something');
    const end = hosted.first_block + hosted.block_count;
    for (const block of [hosted.first_block, end - 1])
      await expect(askServerInfo(network, address, `tiny-austen.${block}`, 5_000)).resolves.toBeDefined();
    return hosted;
  }

  async function answer(): Promise<string | undefined> {
    const request = { model: 'default', prompt: REFERENCE.prompt_tokens, max_tokens: 60, temperature: 0 };
    const response = await serve.post('/v1/completions', request);
    return ((await response.json()) as { choices?: { text: string }[] }).choices?.[0]?.text;
  }

  it('comes back with the blocks it was told, counts as serving only then, and leaves no process behind', async () => {
    const model = await openLanguageModel(TINY_AUSTEN);
    const text = model.decode(REFERENCE.greedy_tokens);
    await model.close();
    serve = new ServeProcess([]);
    await expect.poll(() => serve.stdout, { timeout: 60_000 }).toMatch(/listens/);
    for (const id of ['b-1', 'b-2']) start(id);
    await serve.ready(120_000);

    // The agent dies while its server loads: the server goes with it, and the dispatcher forgets it.
    const first = startPetals();
    await whenLoading();
    first.child.kill('SIGKILL');
    await expect.poll(petalsServer, { timeout: 60_000 }).toBeUndefined();
    await expect.poll(() => processesWith(folder), { timeout: 60_000, interval: 200 }).toEqual([]);

    // The server dies while it loads.
    const second = startPetals();
    await whenLoading();
    for (const pid of processesWith(folder, second.child.pid)) process.kill(pid, 'SIGKILL');
    const before = await whenServing();

    // It is told other blocks, since the only other server of these is gone, and dies on the way to them.
    const span = ({ first_block }: { first_block: number }): number => first_block;
    const other = (await servers()).find(
      ({ server_id: id, hosted }) => id !== PETALS_ID && span(hosted!) !== span(before),
    );
    const gone = agents.find((agent) => agent.child.spawnargs.includes(other?.server_id ?? ''));
    gone?.child.kill('SIGKILL');
    await whenLoading();
    for (const pid of processesWith(folder, second.child.pid)) process.kill(pid, 'SIGKILL');
    expect(await whenServing()).toEqual(other?.hosted);
    await expect.poll(async () => (await fetch(`${serve.url}/readyz`)).status, { timeout: 60_000 }).toBe(200);
    expect(await answer()).toBe(text);

    second.child.kill('SIGTERM');
    expect(await second.exited).toMatchObject({ code: 0 });
    expect(processesWith(folder)).toEqual([]);
  }, 300_000);
});
