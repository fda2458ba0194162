import { afterEach, describe, expect, it } from 'vitest';
import { createPetalsTransport } from '../../src/adapters/chain-transport/petals/transport.ts';
import { PetalsDirectory } from '../../src/adapters/petals-discovery/petals-directory.ts';
import { encodeMsgpack } from '../../src/adapters/wire/petals/encode-msgpack.ts';
import { withMarker, withVarint } from '../../src/adapters/wire/petals/frame-reader.ts';
import { encodePetals } from '../../src/adapters/wire/petals/messages.ts';
import { PetalsNetwork } from '../../src/adapters/wire/petals/petals-network.ts';
import { askServerInfo } from '../../src/adapters/wire/petals/server-info.ts';
import type { ChainSession } from '../../src/application/ports/chain-transport.ts';
import {
  answerOf,
  callAnswer,
  FIND,
  INFERENCE,
  INFO,
  infoAnswer,
  type ScriptedPetalsPeer,
  type StreamScript,
  startScriptedPetalsPeer,
  tensorOf,
} from '../support/scripted-petals-peer.ts';

const HIDDEN = 4;
const EMPTY = answerOf(tensorOf(new Float32Array(0), 0, HIDDEN));
const ROW = Float32Array.of(1, 2, 3, 4);

describe('peers that only claim to be PETALS servers', () => {
  const cleanups: (() => unknown)[] = [];
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  });

  async function peer(scripts: Readonly<Record<string, StreamScript>>): Promise<ScriptedPetalsPeer> {
    const started = await startScriptedPetalsPeer(scripts);
    cleanups.push(() => started.close());
    return started;
  }

  function network(): PetalsNetwork {
    const made = new PetalsNetwork({ dialTimeoutMs: 1_000 });
    cleanups.push(() => made.close());
    return made;
  }

  async function open(
    script: StreamScript,
    stepTimeoutMs = 2_000,
  ): Promise<{ session: ChainSession; streams: () => number }> {
    const started = await peer({ [INFERENCE]: script });
    const transport = createPetalsTransport({ dhtPrefix: 'x', network: network() });
    cleanups.push(() => transport.close());
    const hops = [
      { serverId: 's0', address: started.address, protocol: 'petals' as const, firstBlock: 0, blockCount: 2 },
    ];
    const request = {
      sessionId: 'session',
      modelId: 'm',
      hiddenSize: HIDDEN,
      planEpoch: 1,
      hops,
      maxTokens: 64,
      stepTimeoutMs,
    };
    return { session: await transport.open(request, new AbortController().signal), streams: started.streams };
  }

  /** A server that opens sessions and answers the first step so. */
  const answering =
    (answer: Buffer): StreamScript =>
    (stream, _, index) =>
      void stream.send(index === 0 ? EMPTY : answer);

  it('runs a step when the answer is as it should be', async () => {
    const { session, streams } = await open(answering(answerOf(tensorOf(ROW, 1, HIDDEN))));
    expect(await session.forward(ROW, 1, 1)).toEqual(ROW);
    session.close();
    await expect.poll(streams, { timeout: 10_000 }).toBe(0);
  });

  it.each([
    ['values that are not finite', answerOf(tensorOf(Float32Array.of(1, Number.NaN, 3, 4), 1, HIDDEN))],
    ['more rows than were sent', answerOf(tensorOf(new Float32Array(8), 2, HIDDEN))],
    ['rows of another width', answerOf(tensorOf(new Float32Array(5), 1, 5))],
    ['a shape that its bytes do not fill', answerOf({ ...tensorOf(ROW, 1, HIDDEN), size: [1, 4_000_000_000, HIDDEN] })],
    ['no tensor', answerOf()],
    ['bytes that are no protobuf', withMarker(Buffer.from([0xff, 0xff, 0xff, 0xff]))],
    ['two answers to one step', Buffer.concat([1, 2, 3].map(() => answerOf(tensorOf(ROW, 1, HIDDEN))))],
    ['a message of 2^60 bytes', Buffer.from([0, 0x10, 0, 0, 0, 0, 0, 0, 0])],
    ['a message just above the limit', withMarker(Buffer.alloc(1_048_576)).subarray(0, 2_000)],
    ['an error in no protobuf', Buffer.from([1, 0, 0, 0, 0, 0, 0, 0, 2, 0xff, 0xff])],
    [
      'an error that nobody knows',
      Buffer.concat([Buffer.from([1, 0, 0, 0, 0, 0, 0, 0, 4]), Buffer.from([10, 2, 0x0a, 0x07])]),
    ],
  ])('blames a server that answers with %s, and ends its session', async (_, answer) => {
    const { session, streams } = await open(answering(answer));
    const failure = await session
      .forward(ROW, 1, 1)
      .then(() => session.forward(ROW, 1, 1))
      .catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: 'DSP_BAD_OUTPUT', serverId: 's0' });
    expect((failure as Error).message).toMatch(/^Server s0/);
    await expect.poll(streams, { timeout: 10_000 }).toBe(0);
  });

  it('blames a server that opens a session with rows', async () => {
    const opening = open((stream) => void stream.send(answerOf(tensorOf(ROW, 1, HIDDEN))));
    await expect(opening).rejects.toMatchObject({ code: 'DSP_BAD_OUTPUT', serverId: 's0' });
  });

  it('gives up on a server that sends its answer byte by byte without an end', async () => {
    const answer = answerOf(tensorOf(ROW, 1, HIDDEN));
    const { session, streams } = await open((stream, _, index) => {
      if (index === 0) {
        stream.send(EMPTY);
        return;
      }
      let at = 0;
      const timer = setInterval(() => {
        if (stream.status !== 'open' || at >= answer.length - 1) clearInterval(timer);
        else stream.send(answer.subarray(at, at + 1));
        at += 1;
      }, 200);
    }, 400);
    const startMs = performance.now();
    await expect(session.forward(ROW, 1, 1)).rejects.toMatchObject({ code: 'DSP_STEP_TIMEOUT' });
    expect(performance.now() - startMs).toBeLessThan(10_000);
    await expect.poll(streams, { timeout: 10_000 }).toBe(0);
  });

  it('keeps its memory when a server streams without end', async () => {
    const flood = answerOf(tensorOf(new Float32Array(200_000), 50_000, HIDDEN));
    let sent = 0;
    const { session, streams } = await open((stream, _, index) => {
      if (index === 0) {
        stream.send(EMPTY);
        return;
      }
      const pour = (): void => {
        if (stream.status !== 'open' || sent > 200) return;
        try {
          stream.send(flood);
          sent += 1;
          setImmediate(pour);
        } catch {
          // Reset by the client.
        }
      };
      pour();
    });
    const before = process.memoryUsage().arrayBuffers;
    await expect(session.forward(ROW, 1, 1)).rejects.toMatchObject({ code: 'DSP_BAD_OUTPUT' });
    await expect.poll(streams, { timeout: 10_000 }).toBe(0);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(100_000_000);
  });

  it('refuses a peer with another identity than the address names', async () => {
    const [one, other] = [await peer({ [INFO]: () => {} }), await peer({ [INFO]: () => {} })];
    const forged = one.address.replace(one.peerId, other.peerId);
    await expect(askServerInfo(network(), forged, '', 2_000)).rejects.toMatchObject({ code: 'DSP_SERVER_LOST' });
  });

  it.each([
    ['nothing', undefined, 'DSP_STEP_TIMEOUT'],
    ['bytes that are no protobuf', withVarint(Buffer.from([0xff, 0xff])), 'DSP_BAD_OUTPUT'],
    ['a length without end', Buffer.alloc(20, 0xff), 'DSP_BAD_OUTPUT'],
    ['a message above 4 MiB', Buffer.from([0x80, 0x80, 0x80, 0x04]), 'DSP_BAD_OUTPUT'],
    [
      'msgpack that nests without end',
      callAnswer(encodePetals('petals.expert.ExpertInfo', { serializedInfo: Buffer.alloc(1_000, 0x91) })),
      'DSP_BAD_OUTPUT',
    ],
    ['a version of the wrong type', infoAnswer({ version: 2, cache_tokens_available: 1 }), 'DSP_BAD_OUTPUT'],
    ['a cache of a fraction', infoAnswer({ version: '2', cache_tokens_available: 1.5 }), 'DSP_BAD_OUTPUT'],
    ['a cache below zero', infoAnswer({ version: '2', cache_tokens_available: -1 }), 'DSP_BAD_OUTPUT'],
  ])('gives a coded error when a call is answered with %s', async (_, answer, code) => {
    const started = await peer({ [INFO]: (stream) => (answer === undefined ? undefined : void stream.send(answer)) });
    await expect(askServerInfo(network(), started.address, '', 500)).rejects.toMatchObject({ code });
  });

  describe('records in the hash table', () => {
    const now = Date.now() / 1000;

    /** The msgpack of a dictionary with these entries, as the table keeps it. */
    function dictionary(entries: readonly (readonly [peerId: unknown, value: Buffer, expiresAt: number])[]): Buffer {
      const parts = entries.flatMap(([peerId, value, expiresAt]) => [
        Buffer.of(0x93),
        encodeMsgpack(peerId as string),
        Buffer.of(0xc5, value.length >> 8, value.length & 0xff),
        value,
        encodeMsgpack(expiresAt + 0.5),
      ]);
      const header = Buffer.of(0x93, 0x01, 0x02, 0xdc, entries.length >> 8, entries.length & 0xff);
      const body = Buffer.concat([header, ...parts]);
      const length = Buffer.alloc(4);
      length.writeUInt32BE(body.length);
      return Buffer.concat([Buffer.of(0xc9), length, Buffer.of(0x50), body]);
    }

    async function listFrom(value: Buffer, maxServers = 10, type = 2) {
      const started = await peer({
        [FIND]: (stream) => {
          const result = {
            type,
            value,
            expirationTime: now + 60,
            nearestNodeIds: [],
            nearestPeerIds: [Buffer.alloc(5_000, 1), Buffer.alloc(0)],
          };
          stream.send(
            callAnswer(encodePetals('petals.dht.FindResponse', { results: Array.from({ length: 6 }, () => result) })),
          );
        },
      });
      const directory = new PetalsDirectory(
        {
          bootstrap: [started.address],
          dhtPrefix: 'x',
          blockCount: 6,
          hiddenSize: HIDDEN,
          modelId: 'm',
          maxServers,
          askTimeoutMs: 500,
          newId: () => 'id',
          unixSeconds: () => now,
        },
        network(),
        createPetalsTransport({ dhtPrefix: 'x' }),
      );
      return { list: await directory.list(), started };
    }

    const value = (fields: Readonly<Record<string, string | number>>, state = 2): Buffer =>
      encodeMsgpack([state, 1, fields]);
    const sound = { start_block: 0, end_block: 6 };

    it('takes a sound one', async () => {
      const started = await peer({});
      const entries = dictionary([[started.peerId, value(sound), now + 60]]);
      const book = await listFrom(entries);
      // Its address is not known to the peer asked: it is left out, and nothing else happens.
      expect(book.list).toEqual([]);
    });

    it.each([
      ['a span beyond the model', value({ start_block: 0, end_block: 1e9 })],
      ['a span before the model', value({ start_block: -5, end_block: 6 })],
      ['a span that ends before it begins', value({ start_block: 5, end_block: 1 })],
      ['a span of fractions', value({ start_block: 0.5, end_block: 6 })],
      ['a span of texts', value({ start_block: '0', end_block: '6' })],
      ['a state that does not exist', value(sound, 7)],
      ['no fields', encodeMsgpack([2, 1])],
      ['bytes that are no msgpack', Buffer.from([0xc1, 0xc1])],
    ])('leaves out one with %s', async (_, forged) => {
      const { list } = await listFrom(
        dictionary([['QmXyAQSYVwR6rrWcgv9W6LVNYr1YZooG7gdWpMvrmr7NVG', forged, now + 60]]),
      );
      expect(list).toEqual([]);
    });

    it.each([
      ['a peer id that is none', '../../etc/passwd'],
      ['a number for a peer id', 12],
    ])('leaves out one with %s', async (_, peerId) => {
      expect((await listFrom(dictionary([[peerId, value(sound), now + 60]]))).list).toEqual([]);
    });

    it('bounds how many servers a table can name', async () => {
      const many = Array.from({ length: 2_000 }, (_, i) => {
        const name = `Qm${String(i).padStart(44, '1').replaceAll('0', 'z')}`;
        return [name, value(sound), now + 60] as const;
      });
      const { list } = await listFrom(dictionary(many), 5);
      // None of them has an address; five were looked up at most.
      expect(list).toEqual([]);
    });

    it('tells in a code that a table is no table', async () => {
      await expect(listFrom(Buffer.from([0xc1]))).rejects.toMatchObject({ code: 'DSP_SERVER_LOST' });
      expect((await listFrom(encodeMsgpack('no dictionary'))).list).toEqual([]);
      expect((await listFrom(Buffer.alloc(0), 10, 0)).list).toEqual([]);
    });
  });
});
