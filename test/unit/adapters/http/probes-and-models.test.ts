import { afterEach, beforeEach, expect, test } from 'vitest';
import { buildTestFront, type TestFront } from '../../../support/http-front.ts';

let front: TestFront;
beforeEach(() => {
  front = buildTestFront();
});
afterEach(() => front.app.close());

test('the process lives even when it cannot serve', async () => {
  front.service.reasons = ['no plan covers the model'];
  expect((await front.app.inject('/livez')).statusCode).toBe(200);
});

test.each(['/readyz', '/healthz', '/health'])(
  '%s is 503 with the reasons until requests can be served',
  async (path) => {
    front.service.reasons = ['block 3 is served by nobody'];
    const unready = await front.app.inject(path);
    expect(unready.statusCode).toBe(503);
    expect(unready.json()).toEqual({ status: 'unready', reasons: ['block 3 is served by nobody'] });
    front.service.reasons = [];
    const ready = await front.app.inject(path);
    expect(ready.statusCode).toBe(200);
    expect(ready.json()).toEqual({ status: 'ready' });
  },
);

test('the verbose form names the models', async () => {
  const response = await front.app.inject('/readyz?verbose');
  expect(response.json()).toEqual({ status: 'ready', models: [{ id: 'tiny-austen', is_serving: true }] });
});

test('models with a live plan are listed in the form of OpenAI', async () => {
  front.service.served = [
    ...front.service.served,
    { id: 'org/other', createdUnixSeconds: 1, sessionTokens: 9, isServing: false },
  ];
  const model = {
    id: 'tiny-austen',
    object: 'model',
    created: 1_700_000_000,
    owned_by: 'daisychain',
    max_model_len: 512,
  };
  expect((await front.app.inject('/v1/models')).json()).toEqual({ object: 'list', data: [model] });
  expect((await front.app.inject('/v1/models/tiny-austen')).json()).toEqual(model);
  expect((await front.app.inject('/v1/models/default')).json()).toEqual(model);
  expect((await front.app.inject('/v1/models/org/other')).statusCode).toBe(404);
});

test('a model id may have a slash, written or escaped', async () => {
  front.service.served = [{ id: 'org/other', createdUnixSeconds: 1, sessionTokens: 9, isServing: true }];
  expect((await front.app.inject('/v1/models/org/other')).json()).toMatchObject({ id: 'org/other' });
  expect((await front.app.inject('/v1/models/org%2Fother')).json()).toMatchObject({ id: 'org/other' });
});

test('metrics come as Prometheus text', async () => {
  const response = await front.app.inject('/metrics');
  expect(response.headers['content-type']).toMatch(/^text\/plain; version=0\.0\.4/);
});
