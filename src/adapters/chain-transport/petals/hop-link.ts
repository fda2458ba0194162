import type { Stream } from '@libp2p/interface';
import type { OpenChainRequest, TransportHop } from '../../../application/ports/chain-transport.ts';
import { DispatcherError, type ErrorCode } from '../../../domain/shared/errors.ts';
import { MAX_MESSAGE_BYTES, MAX_STEPS_IN_FLIGHT } from '../../wire/limits.ts';
import {
  END_OF_MESSAGES,
  type Frame,
  FrameReader,
  readMarkerPrefix,
  withMarker,
} from '../../wire/petals/frame-reader.ts';
import { decodePetals } from '../../wire/petals/messages.ts';
import type { PetalsNetwork } from '../../wire/petals/petals-network.ts';
import { codeOfServerError } from '../../wire/petals/server-error.ts';
import { piecesOf } from '../../wire/petals/stream-bytes.ts';
import { decodeHidden, type HiddenDtype } from '../../wire/petals/tensor-codec.ts';
import { printablePeerText } from '../../wire/printable-text.ts';
import type { HopLink, HopListener, HopStep } from '../hop-link.ts';
import type { PushRoute } from './push-route.ts';
import { openingMessage, stepMessage } from './session-messages.ts';

/** How long a server may take to end its side of a session that was ended in words, ms. */
const FAREWELL_MS = 1_000;

const PROTOCOL = 'TransformerConnectionHandler.rpc_inference';

export interface PetalsHopOptions {
  readonly network: PetalsNetwork;
  /** Blocks are named `prefix.index`. */
  readonly dhtPrefix: string;
  readonly hiddenDtype: HiddenDtype;
  /** How long a server with a full cache may keep an opening session waiting, ms. */
  readonly allocTimeoutMs: number;
}

/** Opens one `rpc_inference` stream. @param route how steps travel between servers without the client, if they do */
export function connectPetalsHop(
  options: PetalsHopOptions,
  request: OpenChainRequest,
  hop: TransportHop,
  listener: HopListener,
  route: PushRoute | undefined,
): HopLink {
  return new PetalsHopLink(options, request, hop, listener, route);
}

/**
 * A session at one PETALS server. The first message carries no tokens: it reserves the cache, and its
 * answer opens the session. After it each message gets exactly one answer, in order.
 */
class PetalsHopLink implements HopLink {
  readonly #options: PetalsHopOptions;
  readonly #request: OpenChainRequest;
  readonly #hop: TransportHop;
  readonly #index: number;
  readonly #listener: HopListener;
  readonly #route: PushRoute | undefined;
  readonly #abort = new AbortController();
  readonly #owed: HopStep[] = [];
  /** Answers to steps that the server before pushed, and that this client has not asked for yet. */
  readonly #early: Frame[] = [];
  #reader = new FrameReader(readMarkerPrefix, MAX_MESSAGE_BYTES);
  #stream: Stream | undefined;
  #emptyAnswersDue = 1;
  #isPushed = false;
  #isOpen = false;
  #hasFailed = false;
  #isOver = false;
  #lastHeardMs = performance.now();

  constructor(
    options: PetalsHopOptions,
    request: OpenChainRequest,
    hop: TransportHop,
    listener: HopListener,
    route: PushRoute | undefined,
  ) {
    this.#options = options;
    this.#request = request;
    this.#hop = hop;
    this.#index = request.hops.indexOf(hop);
    this.#listener = listener;
    this.#route = route;
    this.#open().catch((error) => this.#failWith(error));
  }

  send(step: HopStep): void {
    if (this.#isOver) return;
    this.#owed.push(step);
    if (this.#route === undefined || !this.#isPushed) this.#write(step);
    else if (this.#index === 0) this.#route.send(() => this.#write(step));
    else if (this.#early.length > 0) queueMicrotask(() => this.#deliverEarly());
  }

  close(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    const silentMs = performance.now() - this.#lastHeardMs;
    const isSilent = (this.#owed.length > 0 || !this.#isOpen) && silentMs > 0.9 * this.#request.stepTimeoutMs;
    if (isSilent) this.#options.network.forget(this.#hop.address);
    if (this.#isPushed) {
      if (isSilent) this.#route?.distrust();
      this.#route?.breakAt(this.#index);
    }
    this.#abort.abort();
    this.#endStream();
  }

  async #open(): Promise<void> {
    const isPushed = (await this.#route?.isPushed()) ?? false;
    if (this.#isOver) return;
    if (isPushed) await this.#route?.nextIsOpen(this.#index);
    if (this.#isOver) return;
    this.#isPushed = isPushed;
    if (isPushed)
      this.#route?.register(this.#index, () => {
        if (this.#isPushed) this.#fail('DSP_CANCELLED', 'the server before it, whose output was pushed here, is gone');
      });
    // Openings of the servers before are pushed here too: this many more answers without rows follow.
    this.#emptyAnswersDue = isPushed ? 1 + this.#index : 1;
    await this.#openStream();
    if (!isPushed || this.#isOver) return;
    if (await this.#route?.hasArrived(this.#abort.signal)) {
      if (!this.#isOver) this.#tellOpened();
      return;
    }
    if (this.#isOver) return;
    // Pushes do not arrive between these servers: begin anew, carrying every step through the client.
    this.#isPushed = false;
    this.#emptyAnswersDue = 1;
    this.#endStream();
    await this.#openStream();
  }

  async #openStream(): Promise<void> {
    const { network } = this.#options;
    const stream = await network.openStream(this.#hop.address, PROTOCOL, this.#abort.signal);
    if (this.#isOver) {
      stream.abort(new Error('the session is over'));
      return;
    }
    this.#stream = stream;
    this.#reader = new FrameReader(readMarkerPrefix, MAX_MESSAGE_BYTES);
    stream.addEventListener('message', (event) => {
      if (stream === this.#stream) this.#received(event.data);
    });
    const ended = (): void => {
      if (stream === this.#stream) this.#fail('DSP_SERVER_LOST', 'ended the session');
    };
    stream.addEventListener('close', ended, { once: true });
    stream.addEventListener('remoteCloseWrite', ended, { once: true });
    this.#sendBytes(openingMessage(this.#request, this.#index, this.#options, this.#isPushed));
  }

  #write(step: HopStep): void {
    this.#sendBytes(stepMessage(this.#request, this.#index, step, this.#options.hiddenDtype));
  }

  #sendBytes(message: Buffer): void {
    try {
      // What `send` answers is not waited for: the steps in flight are bounded, and so is each of them.
      this.#stream?.send(message);
    } catch {
      // A stream that has just closed; its 'close' event tells.
    }
  }

  #received(data: Parameters<typeof piecesOf>[0]): void {
    try {
      for (const piece of piecesOf(data)) for (const frame of this.#reader.push(piece)) this.#handle(frame);
    } catch (error) {
      this.#failWith(error);
    }
  }

  #handle(frame: Frame): void {
    if (this.#isOver) return;
    this.#lastHeardMs = performance.now();
    if (frame.marker !== 0) {
      this.#ended(frame.body);
    } else if (this.#emptyAnswersDue > 0) {
      this.#openedBy(frame.body);
    } else if (this.#owed.length > 0) {
      this.#answer(frame.body);
    } else if (this.#isPushed && this.#early.length < MAX_STEPS_IN_FLIGHT) {
      this.#early.push(frame);
    } else {
      this.#fail('DSP_BAD_OUTPUT', 'answered a step that was not sent');
    }
  }

  /** An answer to an opening: this session's own, or one pushed here. */
  #openedBy(body: Buffer): void {
    const decoded = decodeHidden(
      decodePetals('petals.expert.ExpertResponse', body).tensors[0],
      this.#request.hiddenSize,
    );
    if (decoded.kind === 'malformed' || decoded.rows !== 0) {
      this.#fail(
        'DSP_BAD_OUTPUT',
        `answered the opening of a session with ${decoded.kind === 'malformed' ? decoded.problem : 'rows'}`,
      );
      return;
    }
    this.#emptyAnswersDue -= 1;
    if (this.#isPushed && this.#emptyAnswersDue === this.#index) this.#route?.opened(this.#index);
    if (this.#emptyAnswersDue > 0) return;
    if (this.#isPushed) this.#route?.arrived();
    else this.#tellOpened();
  }

  #tellOpened(): void {
    this.#isOpen = true;
    this.#listener.opened();
  }

  #deliverEarly(): void {
    const frame = this.#owed.length > 0 && !this.#isOver ? this.#early.shift() : undefined;
    if (frame === undefined) return;
    try {
      this.#answer(frame.body);
    } catch (error) {
      this.#failWith(error);
    }
  }

  #answer(body: Buffer): void {
    const step = this.#owed[0] as HopStep;
    const { hiddenSize } = this.#request;
    const decoded = decodeHidden(decodePetals('petals.expert.ExpertResponse', body).tensors[0], hiddenSize);
    if (decoded.kind === 'malformed') {
      this.#fail('DSP_BAD_OUTPUT', `answered with ${decoded.problem}`);
      return;
    }
    if (decoded.rows !== step.tokens) {
      this.#fail('DSP_BAD_OUTPUT', `answered ${decoded.rows} rows in place of ${step.tokens}`);
      return;
    }
    this.#owed.shift();
    if (this.#isPushed && this.#index === this.#request.hops.length - 1) this.#route?.stepIsOver();
    // These servers do not say how long they computed.
    this.#listener.answered(step.index, decoded.hidden.subarray((step.tokens - step.returnTokens) * hiddenSize), 0);
  }

  /** Marker 1: an error, or with nothing behind it the end. */
  #ended(body: Buffer): void {
    const text = body.length === 0 ? '' : decodePetals('petals.unary_call.StreamError', body).message;
    if (text === '') this.#fail('DSP_SERVER_LOST', 'ended the session');
    else this.#fail(codeOfServerError(text), `refused: ${printablePeerText(text)}`);
  }

  #failWith(error: unknown): void {
    if (error instanceof DispatcherError) this.#fail(error.code, error.message, error.cause);
    else this.#fail('DSP_SERVER_LOST', 'cannot be reached', error);
  }

  #fail(code: ErrorCode, problem: string, cause?: unknown): void {
    if (this.#isOver) return;
    const { serverId } = this.#hop;
    this.#hasFailed = true;
    this.#listener.failed(new DispatcherError(code, `Server ${serverId}: ${problem}.`, { serverId, cause }));
  }

  /** A session at rest is ended in words, one at work is reset: either way the server frees its cache at once. */
  #endStream(): void {
    const stream = this.#stream;
    this.#stream = undefined;
    if (stream === undefined) return;
    const reset = (): void => stream.abort(new Error('the session is over'));
    if (this.#hasFailed || this.#owed.length > 0 || !this.#isOpen || stream.status !== 'open') {
      reset();
      return;
    }
    try {
      stream.send(withMarker(Buffer.alloc(0)));
      stream.send(END_OF_MESSAGES);
      stream.close().catch(reset);
      setTimeout(reset, FAREWELL_MS).unref();
    } catch {
      reset();
    }
  }
}
