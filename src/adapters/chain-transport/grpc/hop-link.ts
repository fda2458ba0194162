import { type ClientDuplexStream, Metadata, type StatusObject } from '@grpc/grpc-js';
import type { OpenChainRequest, TransportHop } from '../../../application/ports/chain-transport.ts';
import { DispatcherError, type ErrorCode } from '../../../domain/shared/errors.ts';
import { decodeSessionReply, encodeSessionRequest, SESSION_PATH } from '../../wire/block-server-codec.ts';
import { codeOfStreamEnd, connectionProblem, failureCodeOf, GRPC_STATUS } from '../../wire/failure-codes.ts';
import type { SessionReply__Output } from '../../wire/generated/daisychain/v1/SessionReply.ts';
import { printablePeerText } from '../../wire/printable-text.ts';
import { decodeTensor, encodeTensor, WIRE_DTYPE } from '../../wire/tensor.ts';
import type { HopLink, HopListener, HopStep } from '../hop-link.ts';
import type { ChannelLease, ChannelPool } from './channel-pool.ts';

/** How long a server may take to end a stream that was ended in order, milliseconds. */
const FAREWELL_MS = 5_000;

const asIs = (message: Buffer): Buffer => message;

/** Opens one `BlockServer.Session` stream. @throws DispatcherError as `ChannelPool.lease` */
export function connectGrpcHop(
  pool: ChannelPool,
  request: OpenChainRequest,
  hop: TransportHop,
  listener: HopListener,
): HopLink {
  const lease = pool.lease(hop);
  const stream = lease.client.makeBidiStreamRequest(SESSION_PATH, asIs, asIs, metadataOf(request, hop), {});
  return new GrpcHopLink(stream, lease, request, hop, listener);
}

function metadataOf({ traceparent }: OpenChainRequest, { sessionToken }: TransportHop): Metadata {
  const metadata = new Metadata();
  if (sessionToken !== undefined) metadata.set('authorization', `Bearer ${sessionToken}`);
  if (traceparent !== undefined) metadata.set('traceparent', traceparent);
  return metadata;
}

class GrpcHopLink implements HopLink {
  readonly #stream: ClientDuplexStream<Buffer, Buffer>;
  readonly #lease: ChannelLease;
  readonly #hiddenSize: number;
  readonly #serverId: string;
  readonly #listener: HopListener;
  #isOpen = false;
  #unanswered = 0;
  #isOver = false;
  #farewell: NodeJS.Timeout | undefined;

  constructor(
    stream: ClientDuplexStream<Buffer, Buffer>,
    lease: ChannelLease,
    request: OpenChainRequest,
    hop: TransportHop,
    listener: HopListener,
  ) {
    this.#stream = stream;
    this.#lease = lease;
    this.#hiddenSize = request.hiddenSize;
    this.#serverId = hop.serverId;
    this.#listener = listener;
    stream.on('data', (message: Buffer) => this.#receive(message));
    stream.on('status', (status: StatusObject) => this.#streamEnded(status));
    // 'status' tells the same; without this listener node would treat it as unhandled.
    stream.on('error', () => {});
    stream.write(
      encodeSessionRequest({
        open: {
          sessionId: request.sessionId,
          modelId: request.modelId,
          blocks: { firstBlock: hop.firstBlock, blockCount: hop.blockCount },
          maxTokens: request.maxTokens,
          dtype: WIRE_DTYPE,
          planEpoch: request.planEpoch,
          hiddenSize: request.hiddenSize,
        },
      }),
    );
  }

  send(step: HopStep): void {
    if (this.#isOver) return;
    this.#unanswered += 1;
    const { index, position, returnTokens } = step;
    // What `write` answers is not waited for: the steps in flight are bounded, and so is each of them.
    this.#stream.write(
      encodeSessionRequest({
        step: { index, position, returnTokens, hidden: encodeTensor(step.hidden, step.tokens, this.#hiddenSize) },
      }),
    );
  }

  /**
   * An idle session ends in order; one with a step under way is reset, so that the server hears of it
   * before the step is done. Resets are the exception: HTTP/2 servers end a connection, with all its
   * sessions, on which they come often (CVE-2023-44487).
   */
  close(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#lease.release();
    if (this.#isOpen && this.#unanswered === 0) {
      this.#stream.end();
      this.#farewell = setTimeout(() => this.#stream.cancel(), FAREWELL_MS).unref();
    } else {
      this.#stream.cancel();
    }
  }

  #receive(message: Buffer): void {
    if (this.#isOver) return;
    let reply: SessionReply__Output;
    try {
      reply = decodeSessionReply(message);
    } catch (cause) {
      this.#fail('DSP_BAD_OUTPUT', 'sent a message that is not a SessionReply', cause);
      return;
    }
    if (reply.result) {
      const tensor = decodeTensor(reply.result.hidden, this.#hiddenSize);
      if (tensor.kind === 'malformed') this.#fail('DSP_BAD_OUTPUT', `answered with ${tensor.problem}`);
      else {
        this.#unanswered -= 1;
        this.#listener.answered(reply.result.index, tensor.hidden, reply.result.computeSeconds);
      }
    } else if (reply.opened) {
      this.#isOpen = true;
      this.#listener.opened();
    } else if (reply.failure) {
      this.#fail(failureCodeOf(reply.failure.code), `refused: ${printablePeerText(reply.failure.message)}`);
    } else {
      this.#fail('DSP_BAD_OUTPUT', 'sent an empty reply');
    }
  }

  #streamEnded(status: StatusObject): void {
    clearTimeout(this.#farewell);
    if (this.#isOver) return;
    const why = status.code === GRPC_STATUS.ok ? 'ended the stream' : `is lost: ${connectionProblem(status.details)}`;
    this.#fail(codeOfStreamEnd(status.code), why);
  }

  #fail(code: ErrorCode, problem: string, cause?: unknown): void {
    this.#listener.failed(
      new DispatcherError(code, `Server ${this.#serverId} ${problem}.`, { serverId: this.#serverId, cause }),
    );
  }
}
