import type { Span } from '../../domain/model/span.ts';
import type { DispatcherError } from '../../domain/shared/errors.ts';

/** The way to one registered server. Calls never throw; one to a server that has gone is lost. */
export interface MemberLink {
  /** Tells it what to host. `blockCount` 0: nothing. */
  hostSpan(order: { readonly epoch: number; readonly span: Span; readonly cacheBytes: number }): void;
  /** It may go. */
  drained(): void;
  /** Ends its stream with the reason. */
  end(reason: DispatcherError): void;
}
