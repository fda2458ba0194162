import type { OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { DispatcherError } from '../../domain/shared/errors.ts';

/**
 * A stream of server-sent events, written straight to the response. Nothing is buffered here beyond
 * what the socket takes: `send` resolves when the socket wants more, and its callers wait for that.
 */
export class SseStream {
  readonly #raw: ServerResponse;
  readonly #slowClientTimeoutMs: number;
  #drained: Promise<void> | undefined;
  #hasStalled = false;

  /** @param slowClientTimeoutMs longest wait for a full socket to take more, milliseconds > 0 */
  constructor(raw: ServerResponse, slowClientTimeoutMs: number) {
    this.#raw = raw;
    this.#slowClientTimeoutMs = slowClientTimeoutMs;
  }

  get hasBegun(): boolean {
    return this.#raw.headersSent;
  }

  /** The client took nothing for too long: it would not take an error either. */
  get hasStalled(): boolean {
    return this.#hasStalled;
  }

  /** Sets the head, which leaves together with the first event. */
  begin(headers: OutgoingHttpHeaders): void {
    this.#raw.writeHead(200, {
      ...headers,
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-cache, no-transform',
      // Reverse proxies (nginx) would otherwise collect the events.
      'x-accel-buffering': 'no',
    });
  }

  /**
   * Writes one event. Undefined: the socket has room. A promise: it is full until that resolves.
   * @param json one line of JSON
   * @throws (rejects) DispatcherError DSP_CANCELLED when the client takes nothing for too long or left
   */
  send(json: string): Promise<void> | undefined {
    if (this.#raw.destroyed)
      return Promise.reject(new DispatcherError('DSP_CANCELLED', 'The client closed the stream.'));
    if (this.#raw.write(`data: ${json}\n\n`)) return undefined;
    this.#drained ??= this.#waitForDrain();
    return this.#drained;
  }

  /** Ends a stream that is complete. */
  finish(): void {
    this.#raw.end('data: [DONE]\n\n');
    this.#dropUnlessTaken();
  }

  /** Ends a stream that failed after it began: its last event tells why, and `[DONE]` never comes. */
  fail(errorJson: string): void {
    if (this.#raw.destroyed) return;
    this.#raw.end(`data: ${errorJson}\n\n`);
    this.#dropUnlessTaken();
  }

  /** Drops the connection, with what the client has not taken. */
  drop(): void {
    this.#raw.destroy();
  }

  /** A client that never takes the rest of an ended stream must not hold the connection for ever. */
  #dropUnlessTaken(): void {
    if (this.#raw.writableLength === 0) return;
    const timer = setTimeout(() => this.drop(), this.#slowClientTimeoutMs);
    this.#raw.once('close', () => clearTimeout(timer));
  }

  #waitForDrain(): Promise<void> {
    const raw = this.#raw;
    return new Promise<void>((resolve, reject) => {
      const settle = (error?: DispatcherError): void => {
        clearTimeout(timer);
        raw.removeListener('drain', onDrain);
        raw.removeListener('close', onClose);
        this.#drained = undefined;
        if (error) reject(error);
        else resolve();
      };
      const onDrain = (): void => settle();
      const onClose = (): void => settle(new DispatcherError('DSP_CANCELLED', 'The client closed the stream.'));
      const timer = setTimeout(() => {
        this.#hasStalled = true;
        settle(
          new DispatcherError(
            'DSP_CANCELLED',
            `The client took nothing from its stream for ${this.#slowClientTimeoutMs} ms.`,
          ),
        );
      }, this.#slowClientTimeoutMs);
      raw.once('drain', onDrain);
      raw.once('close', onClose);
    });
  }
}
