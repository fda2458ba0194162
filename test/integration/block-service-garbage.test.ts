import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, it } from 'vitest';
import { createRng } from '../../src/domain/shared/rng.ts';
import { BlockServiceRig, HIDDEN, OPEN, zeroStep } from '../support/block-service-rig.ts';
import { RawGrpcCall } from '../support/raw-grpc-call.ts';

describe('block service under garbage', () => {
  const rig = new BlockServiceRig();
  afterEach(() => rig.close());

  it('drops connections that do not speak HTTP/2, at once or after the time to say hello', async () => {
    const { port, address } = await rig.start({ limits: { openTimeoutMs: 100 } });
    const ended = (bytes: Buffer | string): Promise<void> =>
      new Promise((resolve) => {
        const socket = connect(port, '127.0.0.1', () => socket.write(bytes));
        socket.on('error', () => {});
        socket.resume();
        socket.once('close', () => resolve());
        rig.onClose(() => socket.destroy());
      });
    const rng = createRng(1);
    const random = Buffer.from(Array.from({ length: 4_096 }, () => Math.floor(rng.next() * 256)));
    await Promise.all([
      ended(random),
      ended('GET / HTTP/1.1\r\nhost: x\r\n\r\n'),
      ended('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
      ended('P'),
      ended(Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), random])),
    ]);
    await rig.stillServes(address);
  });

  it('survives ten thousand random messages', async () => {
    const seed = 20_260_101;
    const { address, host } = await rig.start();
    const rng = createRng(seed, 'garbage');
    const int = (below: number): number => Math.floor(rng.next() * below);
    const bytes = (length: number): Buffer => Buffer.from(Array.from({ length }, () => int(256)));
    let session = await rig.connect(address);
    const calls: RawGrpcCall[] = [];
    for (let i = 0; i < 10_000; i += 1) {
      if (session.closed || session.destroyed) session = await rig.connect(address);
      let call = calls.find((candidate) => !candidate.isClosed && !candidate.stream.destroyed);
      if (call === undefined || int(4) === 0) {
        call = new RawGrpcCall(session);
        calls.push(call);
        if (int(2) === 0) call.send({ open: OPEN });
      }
      sendSomething(call, int, bytes);
      if (calls.length > 60) {
        for (const old of calls.splice(0)) old.stream.close(int(2) * 8);
        await sleep(0);
      }
    }
    session.destroy();
    await rig.freed(host);
    await rig.stillServes(address);
  });
});

function sendSomething(call: RawGrpcCall, int: (below: number) => number, bytes: (length: number) => Buffer): void {
  const length = int(64);
  const prefix = Buffer.from([0, 0, 0, 0, length]);
  switch (int(5)) {
    case 0:
      call.sendBytes(bytes(length));
      return;
    case 1:
      call.sendBytes(Buffer.concat([prefix, bytes(length)]));
      return;
    case 2:
      call.send({
        step: {
          index: int(4),
          position: int(4),
          returnTokens: int(4),
          hidden: { dtype: 'float32', shape: [int(4), HIDDEN], data: bytes(int(4) * HIDDEN * 4) },
        },
      });
      return;
    case 3:
      call.send({ step: zeroStep({}, 1) });
      return;
    default:
      call.send({ open: { ...OPEN, maxTokens: int(20), blocks: { firstBlock: int(10), blockCount: int(10) } } });
  }
}
