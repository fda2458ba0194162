import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Server as GrpcServer, ServerCredentials } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ClosableTracer } from '../../src/adapters/observability/otlp-tracer.ts';
import { openTracer } from '../../src/commands/serve/open-tracer.ts';
import { SwarmHarness } from '../support/swarm-harness.ts';

interface OtlpSpan {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly status?: { readonly code?: number };
  readonly attributes: readonly { readonly key: string; readonly value: Record<string, unknown> }[];
}

/** Takes what exporters send, as a collector would. */
class FakeCollector {
  readonly spans: OtlpSpan[] = [];
  readonly services = new Set<unknown>();
  readonly #server: Server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = JSON.parse(Buffer.concat(chunks).toString()) as {
        resourceSpans: {
          resource: { attributes: OtlpSpan['attributes'] };
          scopeSpans: { spans: OtlpSpan[] }[];
        }[];
      };
      for (const { resource, scopeSpans } of body.resourceSpans) {
        this.services.add(resource.attributes.find(({ key }) => key === 'service.name')?.value['stringValue']);
        for (const { spans } of scopeSpans) this.spans.push(...spans);
      }
      response.setHeader('content-type', 'application/json');
      response.end('{}');
    });
  });

  async start(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  stop(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}

const CLIENT_TRACE = '0af7651916cd43dd8448eb211c80319c';
const CLIENT_SPAN = 'b7ad6b7169203331';

describe('traces', () => {
  const collector = new FakeCollector();
  let swarm: SwarmHarness;
  let tracer: ClosableTracer;

  beforeAll(async () => {
    tracer = await openTracer({ OTEL_EXPORTER_OTLP_ENDPOINT: `${await collector.start()}/` }, 'tiny-austen');
    swarm = await SwarmHarness.start({}, tracer);
    await swarm.addServer('one');
  });
  afterAll(async () => {
    await swarm.stop();
    collector.stop();
  });

  it('go to the collector that the environment names: one per request, with its parts and hops', async () => {
    await expect.poll(async () => (await swarm.get('/readyz')).status, { timeout: 10_000 }).toBe(200);
    const answer = await fetch(`${swarm.dispatcher.httpUrl}/v1/chat/completions`, {
      method: 'POST',
      body: JSON.stringify({
        model: 'default',
        messages: [{ role: 'user', content: 'secret words' }],
        max_tokens: 4,
        temperature: 0,
      }),
      headers: {
        'content-type': 'application/json',
        'x-request-id': 'traced',
        traceparent: `00-${CLIENT_TRACE}-${CLIENT_SPAN}-01`,
      },
    });
    expect(answer.status).toBe(200);
    const { usage } = (await answer.json()) as { usage: { completion_tokens: number } };
    await tracer.close();

    expect([...collector.services]).toEqual(['daisychain']);
    const named = (name: string): OtlpSpan => {
      const span = collector.spans.find((candidate) => candidate.name === name);
      expect(span, `${name} among ${collector.spans.map((candidate) => candidate.name).join(', ')}`).toBeDefined();
      return span as OtlpSpan;
    };
    const root = named('chat tiny-austen');
    expect(root).toMatchObject({ traceId: CLIENT_TRACE, parentSpanId: CLIENT_SPAN });
    const attributes = Object.fromEntries(
      root.attributes.map(({ key, value }) => [key, value['stringValue'] ?? value['intValue'] ?? value['doubleValue']]),
    );
    expect(attributes).toMatchObject({
      'gen_ai.operation.name': 'chat',
      'gen_ai.provider.name': 'daisychain',
      'gen_ai.request.model': 'default',
      'gen_ai.response.model': 'tiny-austen',
      'daisychain.request_id': 'traced',
      'daisychain.outcome': 'completed',
    });
    expect(Number(attributes['gen_ai.usage.output_tokens'])).toBe(usage.completion_tokens);
    expect(usage.completion_tokens).toBeGreaterThan(0);
    expect(JSON.stringify(collector.spans)).not.toContain('secret');

    const chain = named(`chain ${answer.headers.get('x-daisychain-chain')}`);
    expect(named('queue').parentSpanId).toBe(root.spanId);
    expect(chain.parentSpanId).toBe(root.spanId);
    for (const part of ['open', 'prefill', 'decode', 'hop one']) expect(named(part).parentSpanId).toBe(chain.spanId);
    for (const span of collector.spans) {
      expect(span.traceId).toBe(CLIENT_TRACE);
      expect(BigInt(span.endTimeUnixNano)).toBeGreaterThanOrEqual(BigInt(span.startTimeUnixNano));
      expect(BigInt(span.startTimeUnixNano)).toBeGreaterThanOrEqual(BigInt(root.startTimeUnixNano));
      expect(BigInt(span.endTimeUnixNano)).toBeLessThanOrEqual(BigInt(root.endTimeUnixNano));
    }
  });

  it("load nothing and send nothing where no collector is named, and the client's context still goes on", async () => {
    for (const env of [
      {},
      { OTEL_EXPORTER_OTLP_ENDPOINT: '' },
      { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:1', OTEL_SDK_DISABLED: 'true' },
      { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:1', OTEL_TRACES_EXPORTER: 'none' },
    ]) {
      const off = await openTracer(env, 'm');
      const request = { operation: 'chat', requestedModel: 'm', tenant: 't', priority: 'low', maxTokens: 1 } as const;
      expect(off.begin({ ...request, traceparent: 'kept' }).traceparent).toBe('kept');
    }
  });

  it.each([
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'collector:4318' }, /OTEL_EXPORTER_OTLP_ENDPOINT/],
    [{ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'ftp://x/' }, /OTEL_EXPORTER_OTLP_TRACES_ENDPOINT/],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://x', OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' }, /http\/json/],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://x', OTEL_TRACES_SAMPLER: 'some' }, /OTEL_TRACES_SAMPLER/],
    [
      {
        OTEL_EXPORTER_OTLP_ENDPOINT: 'http://x',
        OTEL_TRACES_SAMPLER: 'traceidratio',
        OTEL_TRACES_SAMPLER_ARG: '2',
      },
      /OTEL_TRACES_SAMPLER_ARG/,
    ],
  ])('are refused with the variable that is wrong: %o', async (env, message) => {
    await expect(openTracer(env, 'm')).rejects.toThrow(message);
  });

  it('end within half a second although the collector never answers', async () => {
    const silent = createServer(() => undefined);
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const { port } = silent.address() as AddressInfo;
    const stuck = await openTracer({ OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}` }, 'm');
    const request = { operation: 'chat', requestedModel: 'm', tenant: 't', priority: 'low', maxTokens: 1 } as const;
    stuck.begin({ ...request, traceparent: undefined }).end({
      requestId: 'r',
      modelId: 'm',
      outcome: 'failed',
      promptTokens: 0,
      completionTokens: 0,
      totalSeconds: 1,
      queueSeconds: undefined,
      firstTokenSeconds: undefined,
      clientSeconds: 0,
      chains: [],
    });
    const startedMs = performance.now();
    await stuck.close();
    expect(performance.now() - startedMs).toBeLessThan(6_000);
    silent.closeAllConnections();
    silent.close();
  });

  it('reach every hop as the context of the request', async () => {
    const seen: string[] = [];
    const server = new GrpcServer();
    const { connectGrpcHop } = await import('../../src/adapters/chain-transport/grpc/hop-link.ts');
    const { ChannelPool } = await import('../../src/adapters/chain-transport/grpc/channel-pool.ts');
    const { serviceDefinition } = await import('../../src/adapters/wire/load-protos.ts');
    server.addService(serviceDefinition('BlockServer'), {
      Session: (call: { metadata: { get(name: string): unknown[] }; end(): void }) => {
        seen.push(String(call.metadata.get('traceparent')[0]));
        call.end();
      },
      Info: () => undefined,
    });
    const port = await new Promise<number>((resolve) =>
      server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (_error, bound) => resolve(bound)),
    );
    const pool = new ChannelPool();
    const hop = { serverId: 's', address: `127.0.0.1:${port}`, firstBlock: 0, blockCount: 1 };
    const traceparent = `00-${CLIENT_TRACE}-${CLIENT_SPAN}-01`;
    const link = connectGrpcHop(
      pool,
      {
        sessionId: 'x',
        modelId: 'm',
        hiddenSize: 4,
        planEpoch: 1,
        hops: [hop],
        maxTokens: 1,
        stepTimeoutMs: 500,
        traceparent,
      } as never,
      hop,
      { opened: () => undefined, answered: () => undefined, failed: () => undefined, ended: () => undefined } as never,
    );
    await expect.poll(() => seen).toEqual([traceparent]);
    link.close();
    pool.close();
    server.forceShutdown();
  });
});
