import { noise } from '@chainsafe/libp2p-noise';
import { yamux } from '@chainsafe/libp2p-yamux';
import type { Stream } from '@libp2p/interface';
import { tcp } from '@libp2p/tcp';
import { createLibp2p } from 'libp2p';
import { encodeMsgpack } from '../../src/adapters/wire/petals/encode-msgpack.ts';
import {
  FrameReader,
  readMarkerPrefix,
  readVarintPrefix,
  withMarker,
  withVarint,
} from '../../src/adapters/wire/petals/frame-reader.ts';
import { encodePetals, type WireTensor } from '../../src/adapters/wire/petals/messages.ts';
import { piecesOf } from '../../src/adapters/wire/petals/stream-bytes.ts';

export const INFERENCE = 'TransformerConnectionHandler.rpc_inference';
export const INFO = 'TransformerConnectionHandler.rpc_info';
export const FIND = 'DHTProtocol.rpc_find';

/** What a peer does with the n-th message of a stream; whatever it likes. */
export type StreamScript = (stream: Stream, message: Buffer, index: number) => void;

export interface ScriptedPetalsPeer {
  readonly address: string;
  readonly peerId: string;
  /** Streams open now. */
  streams(): number;
  close(): Promise<void>;
}

/** A libp2p peer that claims to be a PETALS server, and does as scripted: for what no real server would do. */
export async function startScriptedPetalsPeer(
  scripts: Readonly<Record<string, StreamScript>>,
): Promise<ScriptedPetalsPeer> {
  const node = await createLibp2p({
    addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    connectionMonitor: { enabled: false },
  });
  const open = new Set<Stream>();
  for (const [protocol, script] of Object.entries(scripts)) {
    await node.handle(protocol, (stream) => {
      open.add(stream);
      stream.addEventListener('close', () => open.delete(stream));
      const reader = new FrameReader(protocol === INFERENCE ? readMarkerPrefix : readVarintPrefix, 10_000_000);
      let index = 0;
      stream.addEventListener('message', (event) => {
        for (const piece of piecesOf(event.data))
          for (const { marker, body } of reader.push(piece)) {
            if (marker !== 0) return;
            script(stream, body, index);
            index += 1;
          }
      });
    });
  }
  await node.start();
  return {
    address: String(node.getMultiaddrs()[0]),
    peerId: String(node.peerId),
    streams: () => open.size,
    close: async () => {
      await node.stop();
    },
  };
}

export function tensorOf(values: Float32Array, rows: number, columns: number): WireTensor {
  return { buffer: Buffer.from(values.buffer), size: [1, rows, columns], dtype: 'float32', compression: 0 };
}

/** An answer of a session. */
export function answerOf(...tensors: readonly WireTensor[]): Buffer {
  return withMarker(encodePetals('petals.expert.ExpertResponse', { tensors, metadata: Buffer.alloc(0) }));
}

/** The answer of a call. */
export function callAnswer(message: Uint8Array): Buffer {
  return withVarint(
    encodePetals('petals.unary_call.Response', {
      callId: Buffer.alloc(16),
      answer: { result: 'message', message: Buffer.from(message) },
    }),
  );
}

/** The answer of rpc_info. */
export function infoAnswer(fields: Readonly<Record<string, string | number>>): Buffer {
  return callAnswer(encodePetals('petals.expert.ExpertInfo', { serializedInfo: encodeMsgpack(fields) }));
}
