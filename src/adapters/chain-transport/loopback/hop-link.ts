import type { BlockHost, BlockSession } from '../../../application/ports/block-host.ts';
import type { OpenChainRequest, TransportHop } from '../../../application/ports/chain-transport.ts';
import { DispatcherError } from '../../../domain/shared/errors.ts';
import { failureCodeOf } from '../../wire/failure-codes.ts';
import type { HopLink, HopListener, HopStep } from '../hop-link.ts';

/** Opens a session directly at a host of this process. */
export function connectLoopbackHop(
  host: BlockHost | undefined,
  request: OpenChainRequest,
  hop: TransportHop,
  listener: HopListener,
): HopLink {
  return new LoopbackHopLink(host, request, hop, listener);
}

class LoopbackHopLink implements HopLink {
  readonly #serverId: string;
  readonly #listener: HopListener;
  #session: BlockSession | undefined;
  #isOver = false;

  constructor(host: BlockHost | undefined, request: OpenChainRequest, hop: TransportHop, listener: HopListener) {
    this.#serverId = hop.serverId;
    this.#listener = listener;
    // Told later, as by a network: a listener is not called from inside `connect`.
    queueMicrotask(() => {
      if (this.#isOver) return;
      if (host === undefined) {
        this.#fail(
          new DispatcherError('DSP_SERVER_LOST', `Server ${this.#serverId} is lost: nobody is at ${hop.address}.`, {
            serverId: this.#serverId,
          }),
        );
        return;
      }
      try {
        if (host.modelId !== request.modelId || host.hiddenSize !== request.hiddenSize)
          throw new DispatcherError('DSP_INVALID_ARGUMENT', 'the model is another one');
        this.#session = host.openSession({ firstBlock: hop.firstBlock, blockCount: hop.blockCount }, request.maxTokens);
      } catch (error) {
        this.#refused(error);
        return;
      }
      listener.opened();
    });
  }

  send(step: HopStep): void {
    if (this.#isOver || this.#session === undefined) return;
    void this.#run(this.#session, step);
  }

  async #run(session: BlockSession, { index, hidden, tokens, returnTokens }: HopStep): Promise<void> {
    let result: Awaited<ReturnType<BlockSession['step']>>;
    try {
      result = await session.step(hidden, tokens, returnTokens);
    } catch (error) {
      this.#refused(error);
      return;
    }
    if (!this.#isOver) this.#listener.answered(index, result.hidden, result.computeSeconds);
  }

  close(): void {
    this.#isOver = true;
    this.#session?.close();
  }

  #refused(error: unknown): void {
    const code = failureCodeOf(error instanceof DispatcherError ? error.code : 'DSP_INTERNAL');
    const text = error instanceof DispatcherError ? error.message : 'the server failed to run the step';
    this.#fail(
      new DispatcherError(code, `Server ${this.#serverId} refused: ${text}`, {
        serverId: this.#serverId,
        cause: error,
      }),
    );
  }

  #fail(error: DispatcherError): void {
    if (!this.#isOver) this.#listener.failed(error);
  }
}
