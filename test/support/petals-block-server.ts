import type { Stream } from '@libp2p/interface';
import { decodeMsgpack } from '../../src/adapters/wire/petals/decode-msgpack.ts';
import { encodeMsgpack } from '../../src/adapters/wire/petals/encode-msgpack.ts';
import { decodePetals, encodePetals } from '../../src/adapters/wire/petals/messages.ts';
import type { PetalsNetwork } from '../../src/adapters/wire/petals/petals-network.ts';
import { decodeHidden, NO_HYPOTHESES, NO_PROMPTS } from '../../src/adapters/wire/petals/tensor-codec.ts';
import { callUnary } from '../../src/adapters/wire/petals/unary-call.ts';
import type { BlockHost, BlockSession } from '../../src/application/ports/block-host.ts';
import { DispatcherError } from '../../src/domain/shared/errors.ts';
import {
  answerOf,
  callAnswer,
  INFERENCE,
  INFO,
  infoAnswer,
  type ScriptedPetalsPeer,
  startScriptedPetalsPeer,
  tensorOf,
} from './scripted-petals-peer.ts';

const PUSH = 'TransformerConnectionHandler.rpc_push';
const PUSH_TIMEOUT_MS = 1_000;

type Request = Parameters<typeof encodePetals<'petals.expert.ExpertRequest'>>[1];
type NextServer = readonly [peerId: string, sessionId: string, first: number, end: number];

export interface PetalsBlockServer extends ScriptedPetalsPeer {
  /** Steps that came from another server. */
  readonly pushes: () => number;
}

/**
 * A block host behind PETALS' protocol, as version 2.2 speaks it: for what does not need a real server.
 * @param network to push with   @param addressOf where a peer is, for pushes
 */
export async function startPetalsBlockServer(
  host: BlockHost,
  network: PetalsNetwork,
  addressOf: (peerId: string) => string | undefined,
): Promise<PetalsBlockServer> {
  const sessions = new Map<string, PetalsSession>();
  const ofStream = new Map<Stream, PetalsSession>();
  let pushes = 0;
  const push = (next: readonly NextServer[], tensors: Request['tensors']): void => {
    const [first, ...rest] = next;
    const address = first === undefined ? undefined : addressOf(first[0]);
    if (first === undefined || address === undefined) return;
    const metadata = encodeMsgpack({ session_id: first[1], next_servers: rest, pushed: true });
    const message = encodePetals('petals.expert.ExpertRequest', { uid: 'pushed', tensors, metadata });
    callUnary(network, address, PUSH, message, PUSH_TIMEOUT_MS).catch(() => {});
  };
  const peer = await startScriptedPetalsPeer({
    [INFO]: (stream) => void stream.send(infoAnswer({ version: '2.2.0.test', cache_tokens_available: 1_000 })),
    [PUSH]: (stream, body) => {
      const { call } = decodePetals('petals.unary_call.Request', body);
      const request = decodePetals('petals.expert.ExpertRequest', call.message);
      const sessionId = (decodeMsgpack(request.metadata) as Map<string, string>).get('session_id') ?? '';
      pushes += 1;
      sessions.get(sessionId)?.take(request);
      stream.send(callAnswer(encodePetals('petals.expert.ExpertResponse', { tensors: [], metadata: Buffer.alloc(0) })));
    },
    [INFERENCE]: (stream, body, index) => {
      const request = decodePetals('petals.expert.ExpertRequest', body);
      if (index > 0) {
        if (request.tensors.length > 0) ofStream.get(stream)?.take(request);
        else void stream.close();
        return;
      }
      const metadata = decodeMsgpack(request.metadata) as Map<string, unknown>;
      const sessionId = String(metadata.get('session_id'));
      try {
        const session = new PetalsSession(host, stream, request, metadata, push);
        sessions.set(sessionId, session);
        ofStream.set(stream, session);
        const over = (): void => {
          sessions.delete(sessionId);
          session.close();
        };
        stream.addEventListener('close', over);
        stream.addEventListener('remoteCloseWrite', over);
        session.take(request);
      } catch (error) {
        fail(stream, error);
      }
    },
  });
  return { ...peer, pushes: () => pushes };
}

class PetalsSession {
  readonly #host: BlockHost;
  readonly #stream: Stream;
  readonly #session: BlockSession;
  readonly #next: readonly NextServer[];
  readonly #push: (next: readonly NextServer[], tensors: Request['tensors']) => void;
  #isClosed = false;

  constructor(
    host: BlockHost,
    stream: Stream,
    request: Request,
    metadata: ReadonlyMap<string, unknown>,
    push: (next: readonly NextServer[], tensors: Request['tensors']) => void,
  ) {
    this.#host = host;
    this.#stream = stream;
    const blocks = request.uid.split(' ').map((uid) => Number(uid.split('.')[1]));
    const span = { firstBlock: blocks[0] as number, blockCount: blocks.length };
    this.#session = host.openSession(span, Number(metadata.get('max_length')));
    this.#next = (metadata.get('next_servers') ?? []) as readonly NextServer[];
    this.#push = push;
  }

  take(request: Request): void {
    const decoded = decodeHidden(request.tensors[0], this.#host.hiddenSize);
    if (decoded.kind === 'malformed') fail(this.#stream, new Error(decoded.problem));
    else if (decoded.rows === 0) this.#answer(new Float32Array(0));
    else
      this.#session.step(decoded.hidden, decoded.rows, decoded.rows).then(
        ({ hidden }) => this.#answer(hidden),
        (error) => fail(this.#stream, error),
      );
  }

  close(): void {
    this.#isClosed = true;
    this.#session.close();
  }

  #answer(hidden: Float32Array): void {
    if (this.#isClosed) return;
    const { hiddenSize } = this.#host;
    const tensor = tensorOf(hidden, hidden.length / hiddenSize, hiddenSize);
    if (this.#stream.status === 'open') this.#stream.send(answerOf(tensor));
    this.#push(this.#next, [tensor, NO_PROMPTS, NO_HYPOTHESES]);
  }
}

/** The texts that PETALS gives its errors. */
function fail(stream: Stream, error: unknown): void {
  const code = error instanceof DispatcherError ? error.code : undefined;
  const text =
    code === 'DSP_CACHE_FULL'
      ? 'Could not allocate 768 bytes immediately: out of memory'
      : code === 'DSP_SPAN_NOT_HOSTED'
        ? 'Remote peer does not serve x.0'
        : `RuntimeError(${String(error)})`;
  const message = encodePetals('petals.unary_call.StreamError', { message: text });
  const frame = Buffer.alloc(9 + message.length);
  frame[0] = 1;
  frame.writeBigUInt64BE(BigInt(message.length), 1);
  message.copy(frame, 9);
  if (stream.status === 'open') stream.send(frame);
}
