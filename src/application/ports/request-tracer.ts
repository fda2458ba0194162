import type { RequestTimes } from './request-journal.ts';

/** Where requests become traces. Never given prompts or outputs. */
export interface RequestTracer {
  /** A request arrived. */
  begin(request: TracedRequest): RequestTrace;
}

export interface TracedRequest {
  readonly operation: 'chat' | 'text_completion';
  /** As the client named it. */
  readonly requestedModel: string;
  readonly tenant: string;
  readonly priority: string;
  /** >= 1. */
  readonly maxTokens: number;
  /** Of the client's own span, valid. */
  readonly traceparent: string | undefined;
}

export interface RequestTrace {
  /** What goes with the request to every hop: its own span, so that theirs become its children. */
  readonly traceparent: string | undefined;
  /** The request ended. Called once; never throws. */
  end(times: RequestTimes): void;
}

/** Without traces the client's own context still goes along. */
export const NO_TRACER: RequestTracer = {
  begin: ({ traceparent }) => ({ traceparent, end: () => undefined }),
};
