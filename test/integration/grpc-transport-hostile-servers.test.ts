import { setTimeout as sleep } from 'node:timers/promises';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import { afterEach, describe, expect, it } from 'vitest';
import { GrpcChainRig, HIDDEN, ROW } from '../support/grpc-chain-rig.ts';
import type { BlockServerScript } from '../support/scripted-block-server.ts';

describe('gRPC chain transport with servers that answer wrongly', () => {
  const rig = new GrpcChainRig();
  afterEach(() => rig.close());

  it.each<readonly [string, BlockServerScript, string]>([
    ['never answers the opening', { open: () => {} }, 'DSP_STEP_TIMEOUT'],
    ['ends the stream in place of opening', { open: (replies) => replies.end() }, 'DSP_SERVER_LOST'],
    [
      'opens with bytes that are no message',
      { open: (replies) => replies.send(Buffer.from([0xff, 0xff, 0xff])) },
      'DSP_BAD_OUTPUT',
    ],
    ['opens with an empty message', { open: (replies) => replies.send(Buffer.alloc(0)) }, 'DSP_BAD_OUTPUT'],
    [
      'opens with a result',
      {
        open: (replies) =>
          replies.send({
            result: { index: 0, hidden: { dtype: 'float32', shape: [0, HIDDEN], data: Buffer.alloc(0) } },
          }),
      },
      'DSP_BAD_OUTPUT',
    ],
    [
      'refuses with a code that says nothing',
      { open: (replies) => replies.send({ failure: { code: 'DSP_QUEUE_FULL', message: 'x' } }) },
      'DSP_BAD_OUTPUT',
    ],
    [
      'is shutting down',
      { open: (replies) => replies.send({ failure: { code: 'DSP_CANCELLED', message: 'x' } }) },
      'DSP_SERVER_LOST',
    ],
  ])('refuses to open where the server %s', async (_, script, code) => {
    const address = await rig.scripted(script);
    await expect(rig.open(rig.transport(), [address], { stepTimeoutMs: 150 })).rejects.toMatchObject({
      code,
      serverId: 's0',
    });
  });

  const data = (...values: number[]): Buffer => Buffer.from(Float32Array.from(values).buffer);
  const tensor = (rows: number, values: Buffer, dtype = 'float32') => ({ dtype, shape: [rows, HIDDEN], data: values });
  it.each<readonly [string, Parameters<typeof answers>[0], string]>([
    ['a wrong index', { index: 1, hidden: tensor(1, data(1, 2, 3, 4)) }, 'DSP_BAD_OUTPUT'],
    ['NaN', { index: 0, hidden: tensor(1, data(1, 2, Number.NaN, 4)) }, 'DSP_BAD_OUTPUT'],
    ['too many rows', { index: 0, hidden: tensor(2, data(1, 2, 3, 4, 5, 6, 7, 8)) }, 'DSP_BAD_OUTPUT'],
    ['fewer bytes than its shape says', { index: 0, hidden: tensor(1, data(1, 2, 3)) }, 'DSP_BAD_OUTPUT'],
    [
      'a byte too many',
      { index: 0, hidden: tensor(1, Buffer.concat([data(1, 2, 3, 4), Buffer.alloc(1)])) },
      'DSP_BAD_OUTPUT',
    ],
    ['another dtype', { index: 0, hidden: tensor(1, data(1, 2, 3, 4), 'float64') }, 'DSP_BAD_OUTPUT'],
    [
      'another hidden size',
      { index: 0, hidden: { dtype: 'float32', shape: [2, 2], data: data(1, 2, 3, 4) } },
      'DSP_BAD_OUTPUT',
    ],
    [
      'a shape of five numbers',
      { index: 0, hidden: { dtype: 'float32', shape: [1, HIDDEN, 1, 1, 1], data: data(1, 2, 3, 4) } },
      'DSP_BAD_OUTPUT',
    ],
    ['no tensor', { index: 0 }, 'DSP_BAD_OUTPUT'],
    [
      'a negative compute time',
      { index: 0, hidden: tensor(1, data(1, 2, 3, 4)), computeSeconds: -1 },
      'DSP_BAD_OUTPUT',
    ],
    [
      'a compute time that is not a number',
      { index: 0, hidden: tensor(1, data(1, 2, 3, 4)), computeSeconds: Number.NaN },
      'DSP_BAD_OUTPUT',
    ],
    [
      'a message above the limit',
      { index: 0, hidden: { dtype: 'float32', shape: [1, HIDDEN], data: Buffer.alloc(2_000_000) } },
      'DSP_BAD_OUTPUT',
    ],
  ])('does not pass on an answer with %s', async (_, result, code) => {
    const next = await rig.service();
    const session = await rig.open(rig.transport(), [await rig.scripted(answers(result)), next.address]);
    await expect(session.forward(ROW, 1, 1)).rejects.toMatchObject({ code, serverId: 's0' });
    expect(next.host.stepsRun).toBe(0);
    await rig.freed(next.host);
  });

  it('blames a server that answers before it was asked, or opens twice', async () => {
    const early = await rig.scripted({
      open: (replies) => {
        replies.send({ opened: {} });
        replies.send({ result: { index: 0, hidden: tensor(1, data(1, 2, 3, 4)) } });
      },
    });
    const session = await rig.open(rig.transport(), [early]);
    await sleep(50);
    await expect(session.forward(ROW, 1, 1)).rejects.toMatchObject({ code: 'DSP_BAD_OUTPUT' });
    const twice = await rig.scripted({
      open: (replies) => {
        replies.send({ opened: {} });
        replies.send({ opened: {} });
      },
    });
    const second = await rig.open(rig.transport(), [twice]);
    await expect(second.forward(ROW, 1, 1)).rejects.toMatchObject({ code: 'DSP_BAD_OUTPUT' });
  });

  it('tells that a port of something else is no block server', async () => {
    const empty = new Server();
    const port = await new Promise<number>((resolve) =>
      empty.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (_, bound) => resolve(bound)),
    );
    rig.onClose(() => empty.forceShutdown());
    await expect(rig.open(rig.transport(), [`127.0.0.1:${port}`])).rejects.toMatchObject({ code: 'DSP_BAD_OUTPUT' });
  });

  it.each(['unix:/tmp/socket', '127.0.0.1', '127.0.0.1:0', '127.0.0.1:99999', 'xds:///a:1', ''])(
    'dials nothing for the address "%s"',
    async (address) => {
      await expect(rig.open(rig.transport(), [address])).rejects.toMatchObject({
        code: 'DSP_SERVER_LOST',
        serverId: 's0',
      });
    },
  );

  it('makes one line of printable, bounded text of what a server says', async () => {
    const address = await rig.scripted({
      open: (replies) =>
        replies.send({ failure: { code: 'DSP_CACHE_FULL', message: `full\n\u001b[31m${'x'.repeat(10_000)}` } }),
    });
    const error = await rig.open(rig.transport(), [address]).catch((thrown: Error) => thrown);
    expect((error as Error).message).toMatch(/^Server s0 refused: full {2}\[31mx+\.$/);
    expect((error as Error).message.length).toBeLessThan(400);
  });
});

function answers(result: {
  index?: number;
  hidden?: { dtype: string; shape: number[]; data: Buffer };
  computeSeconds?: number;
}): BlockServerScript {
  return { step: (replies) => replies.send({ result }) };
}
