import type { AddressInfo } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { buildHttpServer } from '../../src/adapters/http/build-http-server.ts';
import type { HttpDeps, HttpLog } from '../../src/adapters/http/http-deps.ts';
import { DEFAULT_HTTP_OPTIONS, type HttpOptions } from '../../src/adapters/http/http-options.ts';
import { accessTo } from './access-keys.ts';
import { FakeInferenceService } from './fake-inference-service.ts';

/** A log that keeps its lines for the test. */
export class RecordedLog implements HttpLog {
  readonly lines: { readonly level: string; readonly fields: Record<string, unknown>; readonly message: string }[] = [];
  debug = this.#at('debug');
  info = this.#at('info');
  warn = this.#at('warn');
  error = this.#at('error');

  #at(level: string) {
    return (fields: object, message: string): void => {
      this.lines.push({ level, fields: fields as Record<string, unknown>, message });
    };
  }
}

export interface TestFront {
  readonly app: FastifyInstance;
  readonly service: FakeInferenceService;
  readonly log: RecordedLog;
  /** Listens on a free port of the loopback and returns the base address. */
  listen(): Promise<string>;
}

/** The HTTP front over a scripted service. The caller closes `app`. */
export function buildTestFront(options: Partial<HttpOptions> = {}, deps: Partial<HttpDeps> = {}): TestFront {
  const service = new FakeInferenceService();
  const log = new RecordedLog();
  const app = buildHttpServer({
    inference: service,
    metrics: { contentType: 'text/plain; version=0.0.4; charset=utf-8', render: async () => '# no metrics\n' },
    log,
    options: { ...DEFAULT_HTTP_OPTIONS, ...options },
    access: accessTo({}),
    ...deps,
  });
  return {
    app,
    service,
    log,
    listen: async () => {
      await app.listen({ host: '127.0.0.1', port: 0 });
      return `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`;
    },
  };
}
