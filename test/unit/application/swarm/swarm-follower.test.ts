import { beforeEach, describe, expect, it } from 'vitest';
import type { ListedServer, SwarmDirectory } from '../../../../src/application/ports/swarm-directory.ts';
import { SwarmFollower } from '../../../../src/application/swarm/swarm-follower.ts';
import type { Registration } from '../../../../src/domain/membership/member.ts';
import { DispatcherError } from '../../../../src/domain/shared/errors.ts';
import { FakeClock } from '../../../support/fake-clock.ts';

const INTERVAL_MS = 1_000;
const MODEL = { id: 'm', dtype: 'float32', blockBytes: 1_000, cacheBytesPerTokenPerBlock: 10, sessionTokens: 20 };

function listed(serverId: string, change: Partial<ListedServer> = {}): ListedServer {
  return {
    serverId,
    address: `/ip4/10.0.0.1/tcp/1/p2p/${serverId}`,
    span: { firstBlock: 0, blockCount: 2 },
    state: 'online',
    decodeSecondsPerTokenPerBlock: 0.01,
    prefillSecondsPerTokenPerBlock: 0.001,
    dtype: 'float32',
    quantization: 'none',
    version: '2.2.0',
    ...change,
  };
}

describe('a follower of a swarm that exists by itself', () => {
  let clock: FakeClock;
  let servers: ListedServer[] | DispatcherError;
  let answers: Map<string, number | DispatcherError>;
  let measured: string[];
  let events: string[];
  let joined: Registration[];
  let links: Parameters<ConstructorParameters<typeof SwarmFollower>[0]['swarm']['join']>[1][];
  let follower: SwarmFollower;

  beforeEach(() => {
    clock = new FakeClock();
    servers = [];
    answers = new Map();
    [measured, events, joined, links] = [[], [], [], []];
    const directory: SwarmDirectory = {
      list: async () => {
        if (servers instanceof DispatcherError) throw servers;
        return servers;
      },
      ask: async ({ serverId }) => {
        const answer = answers.get(serverId) ?? 100;
        if (answer instanceof DispatcherError) throw answer;
        return { rttSeconds: 0.02, cacheTokensFree: answer };
      },
      measureSpeed: async ({ serverId }) => {
        measured.push(serverId);
        return { overheadSecondsPerBlock: 0, prefillSecondsPerTokenPerBlock: 0.1, decodeSecondsPerTokenPerBlock: 0.5 };
      },
    };
    follower = new SwarmFollower(
      {
        directory,
        swarm: {
          join: (registration, link) => {
            joined.push(registration);
            links.push(link);
            events.push(`join ${registration.serverId} ${registration.hosted?.firstBlock}`);
            return joined.length;
          },
          heartbeat: (serverId, incarnation, { cacheBytesFree, sessions, memoryBytes }) => {
            expect(sessions).toBeUndefined();
            const grown = memoryBytes === undefined ? '' : ` of ${memoryBytes}`;
            events.push(`beat ${serverId} ${incarnation} ${cacheBytesFree}${grown}`);
          },
          spanReady: (serverId, incarnation, epoch) => void events.push(`ready ${serverId} ${incarnation} ${epoch}`),
          streamEnded: (serverId, incarnation, hadLeft) =>
            void events.push(`end ${serverId} ${incarnation} ${hadLeft ? 'left' : 'lost'}`),
        },
        model: MODEL,
        clock,
        log: (message, { serverId, reason }) =>
          void events.push([message, serverId, reason].filter(Boolean).join(': ')),
      },
      { intervalMs: INTERVAL_MS, exclusionMs: 5_000 },
    );
  });

  /** What happens in one round of questions. */
  async function round(): Promise<string[]> {
    events.length = 0;
    if (joined.length === 0 && clock.pendingTimers === 0) follower.start();
    else clock.advance(INTERVAL_MS);
    for (let i = 0; i < 20; i += 1) await Promise.resolve();
    return events;
  }

  const lost = new DispatcherError('DSP_STEP_TIMEOUT', 'silent');

  it('registers a server pinned to its blocks, with the memory and speed that it tells', async () => {
    servers = [listed('a')];
    expect(await round()).toEqual(['join a 0']);
    expect(joined[0]).toMatchObject({
      protocol: 'petals',
      isPinned: true,
      hosted: { firstBlock: 0, blockCount: 2 },
      memoryBytes: 2 * 1_000 + 100 * 10,
      speeds: { decodeSecondsPerTokenPerBlock: 0.01, prefillSecondsPerTokenPerBlock: 0.001, rttSeconds: 0.02 },
    });
    expect(measured).toEqual([]);
    expect(await round()).toEqual(['beat a 1 1000']);
  });

  it('measures a server that tells no speed, once for its blocks', async () => {
    servers = [listed('a', { decodeSecondsPerTokenPerBlock: undefined })];
    await round();
    expect(await round()).toEqual(['beat a 1 1000']);
    expect(measured).toEqual(['a']);
    servers = [listed('a', { decodeSecondsPerTokenPerBlock: undefined, span: { firstBlock: 1, blockCount: 1 } })];
    expect(await round()).toEqual(['join a 1']);
    expect(measured).toEqual(['a', 'a']);
  });

  it('tells what is free down to nothing, and more memory only when more is free than ever before', async () => {
    servers = [listed('a')];
    await round();
    answers.set('a', 0);
    expect(await round()).toEqual(['beat a 1 0']);
    answers.set('a', 100);
    expect(await round()).toEqual(['beat a 1 1000']);
    answers.set('a', 200);
    expect(await round()).toEqual([`beat a 1 2000 of ${2 * 1_000 + 200 * 10}`]);
    answers.set('a', 150);
    expect(await round()).toEqual(['beat a 1 1500']);
    expect(joined).toHaveLength(1);
  });

  it('takes a server that is full when it is met for one that others use, with room for one session', async () => {
    servers = [listed('a')];
    answers.set('a', 0);
    expect(await round()).toEqual([expect.stringContaining('less cache free than a session may need'), 'join a 0']);
    expect(joined[0]?.memoryBytes).toBe(2 * 1_000 + 2 * 20 * 10);
    expect(await round()).toEqual(['beat a 1 0']);
  });

  it('takes over the speed of another server for one that is too full to be measured', async () => {
    servers = [listed('a', { decodeSecondsPerTokenPerBlock: 0.3 })];
    await round();
    servers.push(listed('b', { decodeSecondsPerTokenPerBlock: undefined }));
    answers.set('b', 39);
    await round();
    expect(joined[1]?.speeds.decodeSecondsPerTokenPerBlock).toBe(0.3);
    expect(measured).toEqual([]);
  });

  it('leaves out servers that are joining or offline, and loses one that goes', async () => {
    servers = [listed('a'), listed('b', { state: 'joining' }), listed('c', { state: 'offline' })];
    expect(await round()).toEqual(['join a 0']);
    servers = [listed('a', { state: 'offline' })];
    expect(await round()).toEqual(['end a 1 left']);
    servers = [listed('a')];
    expect(await round()).toEqual(['join a 0']);
    servers = [];
    expect(await round()).toEqual(['end a 2 left']);
  });

  it('outlives one answer that is missing, not two', async () => {
    servers = [listed('a')];
    await round();
    answers.set('a', lost);
    expect(await round()).toEqual([]);
    answers.delete('a');
    expect(await round()).toEqual(['beat a 1 1000']);
    answers.set('a', lost);
    expect(await round()).toEqual([]);
    expect(await round()).toEqual(['end a 1 lost']);
    expect(await round()).toEqual([]);
  });

  it('loses a server at once when it says that it no longer holds the blocks', async () => {
    servers = [listed('a')];
    await round();
    answers.set('a', new DispatcherError('DSP_SPAN_NOT_HOSTED', 'moved'));
    expect(await round()).toEqual(['end a 1 lost']);
  });

  it('leaves out a server with wrong answers for a while, with the reason', async () => {
    servers = [listed('a')];
    await round();
    answers.set('a', new DispatcherError('DSP_BAD_OUTPUT', 'rpc_info is nonsense'));
    expect(await round()).toEqual([
      'a server of the swarm is left out for a while: a: rpc_info is nonsense',
      'end a 1 lost',
    ]);
    answers.delete('a');
    for (let i = 0; i < 4; i += 1) expect(await round()).toEqual([]);
    expect(await round()).toEqual(['join a 0']);
  });

  it('goes on asking the servers it knows while the directory is silent', async () => {
    servers = [listed('a')];
    await round();
    servers = new DispatcherError('DSP_SERVER_LOST', 'nobody answers');
    expect(await round()).toEqual(['the directory of the swarm does not answer: nobody answers', 'beat a 1 1000']);
    expect(await round()).toEqual(['beat a 1 1000']);
    servers = [listed('a')];
    expect(await round()).toEqual(['the directory of the swarm answers again', 'beat a 1 1000']);
  });

  it('answers an order for the blocks it holds as ready, and no other', async () => {
    servers = [listed('a')];
    await round();
    events.length = 0;
    links[0]?.hostSpan({ epoch: 4, span: { firstBlock: 0, blockCount: 2 }, cacheBytes: 1 });
    links[0]?.hostSpan({ epoch: 5, span: { firstBlock: 3, blockCount: 2 }, cacheBytes: 1 });
    await Promise.resolve();
    expect(events).toEqual(['ready a 1 4']);
  });

  it('joins again when the dispatcher ended its registration', async () => {
    servers = [listed('a')];
    await round();
    links[0]?.end(lost);
    expect(await round()).toEqual(['join a 0']);
  });

  it('asks nobody after it was stopped', async () => {
    servers = [listed('a')];
    await round();
    follower.stop();
    expect(await round()).toEqual([]);
    expect(clock.pendingTimers).toBe(0);
  });
});
