import type { ClientHttp2Session } from 'node:http2';
import { setTimeout as sleep } from 'node:timers/promises';
import { BlockServiceRig, HIDDEN, OPEN, zeroStep } from '../support/block-service-rig.ts';
import type { MemoryBlockHost } from '../support/memory-block-host.ts';
import { RawGrpcCall } from '../support/raw-grpc-call.ts';
import type { FuzzTarget } from './fuzz-target.ts';
import type { RandomInput } from './random-input.ts';

/** The data plane of a block server: sessions of any messages and bytes. */
export async function blockServiceTarget(): Promise<{
  readonly target: FuzzTarget;
  readonly host: MemoryBlockHost;
  close(): Promise<void>;
}> {
  const rig = new BlockServiceRig();
  const { address, host } = await rig.start();
  let session: ClientHttp2Session | undefined;
  const connection = async (): Promise<ClientHttp2Session> => {
    if (session === undefined || session.closed || session.destroyed) session = await rig.connect(address);
    return session;
  };
  return {
    host,
    close: async () => {
      session?.destroy();
      await rig.close();
    },
    target: {
      name: 'block-service',
      weight: 6,
      run: async (input) => {
        const call = new RawGrpcCall(await connection());
        if (input.chance(0.6)) call.send({ open: OPEN });
        for (let i = 1 + input.int(5); i > 0; i -= 1) say(call, input);
        if (input.chance(0.8)) call.stream.end();
        await Promise.race([call.closed, sleep(20)]);
        if (!call.isClosed) call.stream.close(8);
        await Promise.race([call.closed, sleep(1_000)]);
        if (!call.isClosed) return 'a session that its client reset stays open';
        return call.grpcStatus === 2 ? 'a session ended with UNKNOWN' : undefined;
      },
    },
  };
}

function say(call: RawGrpcCall, input: RandomInput): void {
  if (call.stream.destroyed || call.stream.closed) return;
  const kind = input.int(5);
  if (kind === 0) call.sendBytes(input.bytes(64));
  else if (kind === 1) {
    const bytes = input.bytes(64);
    call.sendBytes(Buffer.concat([Buffer.from([input.int(3), 0, 0, 0, bytes.length]), bytes]));
  } else if (kind === 2) {
    const rows = input.int(4);
    const data = input.chance(0.5) ? Buffer.alloc(rows * HIDDEN * 4) : input.bytes(rows * HIDDEN * 4);
    const hidden = { dtype: input.pick(['float32', 'float16', '']), shape: [rows, HIDDEN], data };
    call.send({ step: { index: input.int(4), position: input.int(4), returnTokens: input.int(4), hidden } });
  } else if (kind === 3) call.send({ step: zeroStep({}, 1) });
  else {
    const blocks = { firstBlock: input.int(10), blockCount: input.int(10) };
    call.send({ open: { ...OPEN, maxTokens: input.int(20), blocks } });
  }
}
