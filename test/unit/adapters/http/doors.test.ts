import { afterEach, describe, expect, test } from 'vitest';
import { KeyRing } from '../../../../src/application/access/key-ring.ts';
import { FREE_GRANT } from '../../../support/access-keys.ts';
import { FakeSwarmControl } from '../../../support/fake-swarm-control.ts';
import { FakeSwarmView } from '../../../support/fake-swarm-view.ts';
import { buildTestFront, type TestFront } from '../../../support/http-front.ts';

let front: TestFront;
afterEach(() => front.app.close());

const LIMITS = { maxConcurrency: 2, requestsPerMinute: 60, tokensPerMinute: undefined };
const ACCESS = {
  clients: new KeyRing([
    { key: 'owner', grant: FREE_GRANT },
    { key: 'acme', grant: { tenant: 'acme', maxPriority: 'normal', limits: LIMITS, mayObserve: false } },
  ]),
  operators: new KeyRing([]),
};

const ask = (headers: Record<string, string> = {}, url = '/v1/completions') =>
  front.app.inject({ method: 'POST', url, payload: { model: 'default', prompt: 'hi' }, headers });

describe('a key of a tenant', () => {
  test('brings its tenant, its limits and its highest priority to the request', async () => {
    front = buildTestFront({}, { access: ACCESS });
    const { statusCode } = await ask({ authorization: 'Bearer acme', 'x-daisychain-priority': 'high' });
    expect(statusCode).toBe(200);
    expect(front.service.requests).toMatchObject([{ tenant: 'acme', priority: 'normal', limits: LIMITS }]);
  });

  test('does not speak for another tenant, while a key without a tenant names any', async () => {
    front = buildTestFront({}, { access: ACCESS });
    const refused = await ask({ authorization: 'Bearer acme', 'x-daisychain-tenant': 'other' });
    expect(refused.statusCode).toBe(400);
    expect(refused.json().error).toMatchObject({ code: 'invalid_value', param: 'x-daisychain-tenant' });
    const headers = { 'x-daisychain-tenant': 'other', 'x-daisychain-priority': 'high' };
    expect((await ask({ authorization: 'Bearer owner', ...headers })).statusCode).toBe(200);
    expect(front.service.requests).toMatchObject([{ tenant: 'other', priority: 'high' }]);
  });

  test('does not look at the swarm', async () => {
    front = buildTestFront({}, { access: ACCESS, swarm: new FakeSwarmView() });
    const status = async (key: string) =>
      (await front.app.inject({ url: '/admin/v1/servers', headers: { authorization: `Bearer ${key}` } })).statusCode;
    expect([await status('owner'), await status('acme'), await status('none')]).toEqual([200, 401, 401]);
  });

  test('is refused from the moment that it is taken away, on connections that stay open', async () => {
    const clients = new KeyRing([{ key: 'old', grant: FREE_GRANT }]);
    front = buildTestFront({}, { access: { clients, operators: new KeyRing([]) } });
    expect((await ask({ authorization: 'Bearer old' })).statusCode).toBe(200);
    clients.replace([{ key: 'new', grant: FREE_GRANT }]);
    expect((await ask({ authorization: 'Bearer old' })).statusCode).toBe(401);
    expect((await ask({ authorization: 'Bearer new' })).statusCode).toBe(200);
  });
});

test('without any keys a tenant is believed only where names are trusted', async () => {
  const headers = { 'x-daisychain-tenant': 'made-up' };
  front = buildTestFront();
  expect((await ask(headers)).statusCode).toBe(200);
  expect(front.service.requests).toMatchObject([{ tenant: 'default' }]);
  await front.app.close();
  const access = { clients: new KeyRing([], FREE_GRANT), operators: new KeyRing([]) };
  front = buildTestFront({}, { access });
  expect((await ask(headers)).statusCode).toBe(200);
  expect(front.service.requests).toMatchObject([{ tenant: 'made-up' }]);
});

test('without any keys only this machine acts on the swarm', async () => {
  front = buildTestFront({}, { control: new FakeSwarmControl() });
  const act = async (remoteAddress: string) =>
    (await front.app.inject({ method: 'POST', url: '/admin/v1/replan', remoteAddress })).statusCode;
  expect(await act('127.0.0.1')).toBe(202);
  expect(await act('::1')).toBe(202);
  expect(await act('::ffff:127.0.0.1')).toBe(202);
  expect(await act('192.0.2.7')).toBe(401);
});

test('answers to requests with one and the same id have ids of their own', async () => {
  front = buildTestFront();
  const answers = [await ask({ 'x-request-id': 'same' }), await ask({ 'x-request-id': 'same' })];
  expect(answers.map((answer) => answer.headers['x-request-id'])).toEqual(['same', 'same']);
  expect(new Set(answers.map((answer) => answer.json().id)).size).toBe(2);
});

test('a valid trace context goes with the request, another does not', async () => {
  front = buildTestFront();
  const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
  await ask({ traceparent });
  await ask({ traceparent: 'nonsense' });
  expect(front.service.requests.map((request) => request.traceparent)).toEqual([traceparent, undefined]);
});

describe('pages of other origins', () => {
  const ORIGIN = 'https://chat.example';

  test('may call the API where their origin is listed, streams included', async () => {
    front = buildTestFront({ corsOrigins: [ORIGIN] });
    const preflight = await front.app.inject({
      method: 'OPTIONS',
      url: '/v1/chat/completions',
      headers: { origin: ORIGIN, 'access-control-request-method': 'POST' },
    });
    expect(preflight.statusCode).toBe(204);
    expect(preflight.headers['access-control-allow-origin']).toBe(ORIGIN);
    expect(preflight.headers['access-control-allow-headers']).toContain('authorization');
    const stream = await front.app.inject({
      method: 'POST',
      url: '/v1/completions',
      payload: { model: 'default', prompt: 'hi', stream: true },
      headers: { origin: ORIGIN },
    });
    expect(stream.headers['access-control-allow-origin']).toBe(ORIGIN);
    expect(stream.headers['vary']).toContain('origin');
    expect(stream.headers['x-request-id']).toBeTruthy();
  });

  test('may not where it is not, nor anywhere by default, nor under /admin', async () => {
    front = buildTestFront({ corsOrigins: [ORIGIN] }, { swarm: new FakeSwarmView() });
    const allowed = async (url: string, origin: string) =>
      (await front.app.inject({ url, headers: { origin } })).headers['access-control-allow-origin'];
    expect(await allowed('/v1/models', 'https://evil.example')).toBeUndefined();
    expect(await allowed('/admin/v1/servers', ORIGIN)).toBeUndefined();
    await front.app.close();
    front = buildTestFront();
    expect(await allowed('/v1/models', ORIGIN)).toBeUndefined();
  });
});
