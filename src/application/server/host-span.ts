import { endBlock, type Span } from '../../domain/model/span.ts';
import { DispatcherError } from '../../domain/shared/errors.ts';
import type { BlockHost } from '../ports/block-host.ts';
import type { SpanOrder } from '../ports/swarm-registry.ts';

/** What carries the orders out. */
export type SpanHost = Pick<BlockHost, 'blockCount' | 'blockBytes' | 'host'>;

export interface SpanReports {
  ready(planEpoch: number, span: Span): void;
  failed(planEpoch: number, reason: string): void;
}

/**
 * Carries out a dispatcher's orders which blocks to host. The newest epoch wins: an order of an older
 * epoch is ignored, an order that was overtaken while loading is not reported.
 */
export class SpanHosting {
  readonly #host: SpanHost;
  readonly #memoryBytes: number;
  #newestEpoch = -1;
  /** Changes with every order and every registration, so that what was asked before is not reported. */
  #turn = 0;

  constructor(host: SpanHost, memoryBytes: number) {
    this.#host = host;
    this.#memoryBytes = memoryBytes;
  }

  /**
   * A new registration began: its dispatcher counts epochs on its own (one that restarted may begin
   * anew), so none of them is old. Blocks that are hosted stay.
   */
  beginRegistration(): void {
    this.#newestEpoch = -1;
    this.#turn += 1;
  }

  /** Hosts the span and reports, unless a newer order or registration comes first. Never rejects. */
  async obey({ planEpoch, span, cacheBytes }: SpanOrder, reports: SpanReports): Promise<void> {
    if (planEpoch < this.#newestEpoch) return;
    this.#newestEpoch = planEpoch;
    this.#turn += 1;
    const turn = this.#turn;
    const problem = this.#problemOf(span, cacheBytes);
    if (problem !== undefined) {
      reports.failed(planEpoch, problem);
      return;
    }
    try {
      await this.#host.host(span, cacheBytes);
      if (turn === this.#turn) reports.ready(planEpoch, span);
    } catch (error) {
      if (turn === this.#turn) reports.failed(planEpoch, reasonOf(error));
    }
  }

  /** What the dispatcher may not ask for. */
  #problemOf(span: Span, cacheBytes: number): string | undefined {
    const { blockCount, blockBytes } = this.#host;
    if (span.firstBlock < 0 || span.blockCount < 0 || endBlock(span) > blockCount) {
      return `blocks ${span.firstBlock}..${endBlock(span) - 1} do not lie within the model's ${blockCount}`;
    }
    const bytes = span.blockCount * blockBytes + cacheBytes;
    if (!(bytes <= this.#memoryBytes))
      return `the span and its cache need ${bytes} bytes, and this server gives ${this.#memoryBytes}`;
    return undefined;
  }
}

function reasonOf(error: unknown): string {
  return error instanceof DispatcherError
    ? error.message
    : 'loading the blocks failed; the log of the server tells why';
}
