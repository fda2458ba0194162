import { createHash } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { HTTP_ERRORS } from '../../../../src/adapters/http/error-map.ts';
import {
  chatAnswerSchema,
  chatChunkSchema,
  completionAnswerSchema,
  errorSchema,
  modelListSchema,
} from '../../../../src/adapters/http/openai/response-schemas.ts';
import { FakeRequestJournal } from '../../../support/fake-request-journal.ts';
import { FakeSwarmControl } from '../../../support/fake-swarm-control.ts';
import { FakeSwarmView } from '../../../support/fake-swarm-view.ts';
import { buildTestFront, type TestFront } from '../../../support/http-front.ts';

let front: TestFront;
beforeEach(() => {
  front = buildTestFront(
    {},
    { swarm: new FakeSwarmView(), control: new FakeSwarmControl(), journal: new FakeRequestJournal() },
  );
});
afterEach(() => front.app.close());

const messages = [{ role: 'user', content: 'Hello' }];
const post = (url: string, payload: object) => front.app.inject({ method: 'POST', url, payload });

/** Full paths of the router's printed tree, whose levels are four characters wide. */
function pathsOf(tree: string): string[] {
  const prefixes: string[] = [];
  const paths: string[] = [];
  for (const line of tree.split('\n')) {
    const match = /^([│├└─\s]*)(\S+)( \([A-Z, ]+\))?$/.exec(line);
    if (!match) continue;
    const depth = match[1]!.length / 4;
    prefixes[depth] = (prefixes[depth - 1] ?? '') + match[2]!;
    if (match[3]) paths.push(prefixes[depth].replace(/\/?\*|\/:id/, '/{id}'));
  }
  return paths;
}

describe('the OpenAPI document', () => {
  test('names every path that is served and no other', async () => {
    const { paths } = (await front.app.inject('/openapi.json')).json();
    for (const [path, methods] of Object.entries<Record<string, unknown>>(paths)) {
      for (const method of Object.keys(methods)) {
        const url = path.replace('{id}', path.includes('/servers/') ? 's1' : 'tiny-austen');
        const response = await front.app.inject({
          method: method.toUpperCase() as 'GET',
          url,
          ...(method === 'post' ? { payload: {} } : {}),
        });
        expect([200, 202, 400], `${method} ${path}`).toContain(response.statusCode);
      }
    }
    const served = pathsOf(front.app.printRoutes({ commonPrefix: false }));
    const undocumented = ['/', '/docs', '/openapi.json', '/healthz', '/health'];
    expect(served.filter((path) => !undocumented.includes(path)).toSorted()).toEqual(Object.keys(paths).toSorted());
  });

  test('has the ranges and defaults that are checked, and forbids no unknown fields', async () => {
    const document = (await front.app.inject('/openapi.json')).json();
    const schemaOf = (path: string) => document.paths[path].post.requestBody.content['application/json'].schema;
    expect(schemaOf('/v1/chat/completions').required).toEqual(['model', 'messages']);
    expect(schemaOf('/v1/chat/completions').properties.temperature.anyOf[0]).toMatchObject({
      type: 'number',
      minimum: 0,
      maximum: 2,
    });
    expect(schemaOf('/v1/completions').properties.prompt.anyOf).toHaveLength(3);
    expect(schemaOf('/v1/completions').properties.logit_bias.anyOf[0].additionalProperties).toEqual({
      type: 'number',
      minimum: -100,
      maximum: 100,
    });
    expect(JSON.stringify(document)).not.toContain('"additionalProperties":false');
    expect(document.openapi).toBe('3.1.0');
  });

  test('documents every status that an error of the application can have', async () => {
    const document = (await front.app.inject('/openapi.json')).json();
    const documented = Object.keys(document.paths['/v1/chat/completions'].post.responses).map(Number);
    const internal = [409, 499, 500];
    for (const { status } of Object.values(HTTP_ERRORS))
      if (!internal.includes(status)) expect(documented).toContain(status);
  });

  test('describes the answers that are given', async () => {
    const chat = await post('/v1/chat/completions', { model: 'default', messages, logprobs: true, top_logprobs: 2 });
    chatAnswerSchema.parse(chat.json());
    completionAnswerSchema.parse(
      (await post('/v1/completions', { model: 'default', prompt: 'a', echo: true, logprobs: 2 })).json(),
    );
    modelListSchema.parse((await front.app.inject('/v1/models')).json());
    errorSchema.parse((await post('/v1/completions', {})).json());
    errorSchema.parse((await front.app.inject('/nothing')).json());
    for (const [url, schema, body] of [
      ['/v1/chat/completions', chatChunkSchema, { messages }],
      ['/v1/completions', completionAnswerSchema, { prompt: 'a' }],
    ] as const) {
      const stream = await post(url, {
        model: 'default',
        stream: true,
        stream_options: { include_usage: true },
        ...body,
      });
      for (const event of stream.body.split('\n\n').filter((line) => line.startsWith('data: {')))
        schema.parse(JSON.parse(event.slice(6)));
    }
  });
});

describe.each(['/', '/docs'])('the page at %s', (path) => {
  test('needs nothing from elsewhere and runs no script but its own', async () => {
    const response = await front.app.inject(path);
    expect(response.statusCode).toBe(200);
    expect(response.headers['content-type']).toBe('text/html; charset=utf-8');
    expect(response.body).not.toMatch(/(src|href)="(https?:)?\/\//);
    const policy = String(response.headers['content-security-policy']);
    const script = /<script>([\s\S]*)<\/script>/.exec(response.body)?.[1] ?? '';
    expect(script.length).toBeGreaterThan(500);
    expect(policy).toContain(`script-src 'sha256-${createHash('sha256').update(script).digest('base64')}'`);
    expect(policy).toContain("default-src 'none'");
    // It is one well-formed program, and never writes markup.
    expect(() => new Function(script)).not.toThrow();
    expect(script).not.toMatch(/innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(/);
  });
});

test('the operator page is left out where no swarm can be shown', async () => {
  const bare = buildTestFront();
  expect((await bare.app.inject('/')).statusCode).toBe(404);
  await bare.app.close();
});
