import {
  type Context,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  type Tracer,
  trace,
} from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import {
  defaultResource,
  detectResources,
  resourceAttributesEnvDetector,
  resourceFromAttributes,
  serviceNameEnvDetector,
} from '@opentelemetry/resources';
import { BatchSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';
import type { ChainTimes, RequestTimes } from '../../application/ports/request-journal.ts';
import type { RequestTrace, RequestTracer, TracedRequest } from '../../application/ports/request-tracer.ts';
import { samplerNamed } from './trace-sampler.ts';

export interface OtlpTracerOptions {
  /** Where traces go: the collector's whole address, such as `http://localhost:4318/v1/traces`. */
  readonly url: string;
  readonly modelId: string;
  /** Values of OTEL_TRACES_SAMPLER and OTEL_TRACES_SAMPLER_ARG. */
  readonly sampler: string | undefined;
  readonly samplerArgument: string | undefined;
  /** Wall-clock time, ms. */
  readonly nowMs: () => number;
}

/** Spans that wait for the collector; further ones are dropped, so that a collector that is down costs no memory. */
const MAX_WAITING_SPANS = 8_192;
/** What is left at the end gets this long, ms. */
const FLUSH_MS = 500;

/** A tracer whose spans leave in batches, beside the requests. */
export interface ClosableTracer extends RequestTracer {
  /** Sends what waits, within half a second. Never rejects. */
  close(): Promise<void>;
}

/**
 * Requests as OpenTelemetry traces: one span per request, named by the GenAI conventions, with one for its wait, and
 * per chain those of opening, prefill and decoding, and a summary per hop.
 */
export function createOtlpTracer(options: OtlpTracerOptions): ClosableTracer {
  const exporter = new OTLPTraceExporter({ url: options.url });
  const provider = new TracerProvider({
    resource: defaultResource()
      .merge(resourceFromAttributes({ 'service.name': 'daisychain' }))
      .merge(detectResources({ detectors: [resourceAttributesEnvDetector, serviceNameEnvDetector] })),
    sampler: samplerNamed(options.sampler, options.samplerArgument),
    spanProcessors: [new BatchSpanProcessor({ exporter, maxQueueSize: MAX_WAITING_SPANS })],
  });
  const tracer = provider.getTracer('daisychain');
  return {
    begin: (request) => new OtlpTrace(tracer, request, options),
    close: async () => {
      const patience = new Promise((resolve) => {
        setTimeout(resolve, FLUSH_MS).unref();
      });
      await Promise.race([provider.shutdown().catch(() => undefined), patience]);
    },
  };
}

class OtlpTrace implements RequestTrace {
  readonly traceparent: string;
  readonly #tracer: Tracer;
  readonly #span: Span;
  readonly #startMs: number;

  constructor(tracer: Tracer, request: TracedRequest, { modelId, nowMs }: OtlpTracerOptions) {
    this.#tracer = tracer;
    this.#startMs = nowMs();
    this.#span = tracer.startSpan(
      `${request.operation} ${modelId}`,
      {
        kind: SpanKind.SERVER,
        startTime: this.#startMs,
        attributes: {
          'gen_ai.operation.name': request.operation,
          'gen_ai.provider.name': 'daisychain',
          'gen_ai.request.model': request.requestedModel,
          'gen_ai.request.max_tokens': request.maxTokens,
          'daisychain.tenant': request.tenant,
          'daisychain.priority': request.priority,
        },
      },
      remoteParent(request.traceparent),
    );
    const { traceId, spanId, traceFlags } = this.#span.spanContext();
    this.traceparent = `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, '0')}`;
  }

  end(times: RequestTimes): void {
    const span = this.#span;
    if (span.isRecording()) {
      this.#describe(times);
      const parent = trace.setSpan(ROOT_CONTEXT, span);
      this.#child('queue', parent, 0, times.queueSeconds ?? times.totalSeconds, {});
      for (const chain of times.chains) this.#endChain(chain, parent);
    }
    span.end(this.#at(times.totalSeconds));
  }

  #describe(times: RequestTimes): void {
    const { outcome } = times;
    this.#span.setAttributes({
      'gen_ai.response.model': times.modelId,
      'gen_ai.usage.input_tokens': times.promptTokens,
      'gen_ai.usage.output_tokens': times.completionTokens,
      'daisychain.request_id': times.requestId,
      'daisychain.outcome': outcome ?? 'unknown',
      'daisychain.client_seconds': times.clientSeconds,
      ...(times.firstTokenSeconds === undefined
        ? {}
        : { 'gen_ai.server.time_to_first_token': times.firstTokenSeconds }),
    });
    // A client that leaves is no error of the server.
    if (outcome === 'completed' || outcome === 'cancelled' || outcome === undefined) return;
    this.#span.setAttribute('error.type', outcome);
    this.#span.setStatus({ code: SpanStatusCode.ERROR, message: outcome });
  }

  #endChain(chain: ChainTimes, parent: Context): void {
    const { openingSeconds, prefillSeconds, decodeSeconds, startedAfterSeconds } = chain;
    const openedAfter = startedAfterSeconds + (openingSeconds ?? 0);
    const firstTokenAfter = openedAfter + (prefillSeconds ?? 0);
    const endAfter = firstTokenAfter + (decodeSeconds ?? 0);
    const span = this.#start(`chain ${chain.chainId}`, parent, startedAfterSeconds, {
      'daisychain.chain': chain.chainId,
      'daisychain.chain.tokens': chain.tokens,
      ...(chain.choice === undefined
        ? {}
        : { 'daisychain.chain.position': chain.choice.position, 'daisychain.chain.count': chain.choice.chainCount }),
    });
    const inside = trace.setSpan(ROOT_CONTEXT, span);
    if (openingSeconds !== undefined) this.#child('open', inside, startedAfterSeconds, openedAfter, {});
    if (prefillSeconds !== undefined) this.#child('prefill', inside, openedAfter, firstTokenAfter, {});
    if (decodeSeconds !== undefined) this.#child('decode', inside, firstTokenAfter, endAfter, {});
    for (const hop of chain.hops) {
      this.#child(`hop ${hop.serverId}`, inside, openedAfter, endAfter, {
        'daisychain.server': hop.serverId,
        'daisychain.first_block': hop.firstBlock,
        'daisychain.block_count': hop.blockCount,
        'daisychain.steps': hop.steps,
        'daisychain.round_trip_seconds': hop.roundTripSeconds,
        'daisychain.compute_seconds': hop.computeSeconds,
      });
    }
    span.end(this.#at(endAfter));
  }

  #child(name: string, parent: Context, from: number, to: number, attributes: Record<string, string | number>): void {
    this.#start(name, parent, from, attributes).end(this.#at(to));
  }

  #start(name: string, parent: Context, from: number, attributes: Record<string, string | number>): Span {
    return this.#tracer.startSpan(name, { kind: SpanKind.INTERNAL, startTime: this.#at(from), attributes }, parent);
  }

  #at(seconds: number): number {
    return this.#startMs + seconds * 1000;
  }
}

function remoteParent(traceparent: string | undefined): Context {
  const [, traceId, spanId, flags] = traceparent?.split('-') ?? [];
  if (traceId === undefined || spanId === undefined || flags === undefined) return ROOT_CONTEXT;
  const traceFlags = Number.parseInt(flags, 16) & TraceFlags.SAMPLED;
  return trace.setSpanContext(ROOT_CONTEXT, { traceId, spanId, traceFlags, isRemote: true });
}
