import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { requestTimesSchema } from '../../../../src/adapters/http/admin/request-schemas.ts';
import { outlookSchema } from '../../../../src/adapters/http/admin/what-if-schemas.ts';
import { accessTo } from '../../../support/access-keys.ts';
import { FakeRequestJournal } from '../../../support/fake-request-journal.ts';
import { FakeSwarmControl } from '../../../support/fake-swarm-control.ts';
import { buildTestFront, type TestFront } from '../../../support/http-front.ts';

let front: TestFront;
let control: FakeSwarmControl;
let journal: FakeRequestJournal;
beforeEach(() => {
  control = new FakeSwarmControl();
  journal = new FakeRequestJournal();
  front = buildTestFront({}, { control, journal });
});
afterEach(() => front.app.close());

const post = (path: string, payload?: object, headers: Record<string, string> = {}) =>
  front.app.inject({ method: 'POST', url: `/admin/v1/${path}`, headers, ...(payload ? { payload } : {}) });

test('a new plan can be asked for', async () => {
  expect((await post('replan')).statusCode).toBe(202);
  expect(control.actions).toEqual(['replan']);
  expect(front.log.lines.map((line) => line.message)).toEqual(['an operator asked for a new plan']);
});

test('a server can be drained, an unknown one cannot', async () => {
  expect((await post('servers/s1/drain')).statusCode).toBe(202);
  const unknown = await post('servers/nobody/drain');
  expect(unknown.statusCode).toBe(404);
  expect(unknown.json().error).toMatchObject({ code: 'not_found', param: 'id' });
  expect(control.actions).toEqual(['drain s1']);
});

describe('what-if', () => {
  const added = {
    server_id: 'new',
    memory_bytes: 8e9,
    overhead_seconds_per_block: 0,
    prefill_seconds_per_token_per_block: 1e-4,
    decode_seconds_per_token_per_block: 1e-3,
  };

  test('answers with the plan that a change would bring', async () => {
    const response = await post('what-if', {
      arrival_rate_per_second: 0.5,
      remove_servers: ['s2'],
      add_servers: [added],
    });
    expect(response.statusCode).toBe(200);
    const body = response.json();
    expect(outlookSchema.parse(body)).toEqual(body);
    expect(body).toMatchObject({
      feasible: true,
      total_slots: 4,
      response_seconds: { lower: 2.5, upper: 2.8, predicted: null },
    });
    expect(control.changes).toEqual([
      {
        arrivalRatePerSecond: 0.5,
        removedServerIds: ['s2'],
        addedServers: [
          {
            serverId: 'new',
            memoryBytes: 8e9,
            rttSeconds: undefined,
            overheadSecondsPerBlock: 0,
            prefillSecondsPerTokenPerBlock: 1e-4,
            decodeSecondsPerTokenPerBlock: 1e-3,
          },
        ],
      },
    ]);
  });

  test.each<[string, object, string]>([
    ['a misspelt change', { arival_rate_per_second: 1 }, 'arival_rate_per_second'],
    ['a rate of zero', { arrival_rate_per_second: 0 }, 'arrival_rate_per_second'],
    ['a rate at which nothing ever arrives', { arrival_rate_per_second: 1e-308 }, 'arrival_rate_per_second'],
    ['a server without memory', { add_servers: [{ ...added, memory_bytes: 0 }] }, 'add_servers[0].memory_bytes'],
    ['a server that is not there', { remove_servers: ['s9'] }, 'remove_servers[0]'],
  ])('refuses %s', async (_what, body, param) => {
    const response = await post('what-if', body);
    expect(response.statusCode).toBe(400);
    expect(response.json().error.param).toBe(param);
    expect(control.changes).toEqual([]);
  });
});

describe('one request', () => {
  test('tells where its time went, hop by hop', async () => {
    const response = await front.app.inject('/admin/v1/requests/known');
    const body = response.json();
    expect(requestTimesSchema.parse(body)).toEqual(body);
    expect(body).toMatchObject({
      outcome: 'completed',
      queue_seconds: 0.25,
      chains: [{ hops: [{ round_trip_seconds: 1, compute_seconds: 0.75, network_seconds: 0.25 }] }],
    });
  });

  test('claims no negative time on the network where a server claims more than passed', async () => {
    const [chain] = journal.known.chains;
    journal.known = {
      ...journal.known,
      outcome: undefined,
      chains: [{ ...chain!, hops: [{ ...chain!.hops[0]!, computeSeconds: 50 }] }],
    };
    const body = (await front.app.inject('/admin/v1/requests/known')).json();
    expect(body.outcome).toBeNull();
    expect(body.chains[0].hops[0].network_seconds).toBe(0);
  });

  test('is 404 when it is unknown or forgotten', async () => {
    const response = await front.app.inject('/admin/v1/requests/unknown');
    expect(response.statusCode).toBe(404);
    expect(response.json().error.code).toBe('not_found');
  });
});

describe('who may act', () => {
  test.each<[string, Record<string, string>]>([
    ['a page of another site', { origin: 'https://evil.example', host: 'localhost:8080' }],
    ['a page without an origin', { origin: 'null', host: 'localhost:8080' }],
    ['what the browser says comes from another site', { 'sec-fetch-site': 'cross-site' }],
  ])('not %s', async (_who, headers) => {
    expect((await post('replan', undefined, headers)).statusCode).toBe(401);
    expect(control.actions).toEqual([]);
  });

  test('the own page may', async () => {
    const headers = { origin: 'http://localhost:8080', host: 'localhost:8080', 'sec-fetch-site': 'same-origin' };
    expect((await post('replan', undefined, headers)).statusCode).toBe(202);
  });

  test('a client key reads but does not act, where no operator key is configured', async () => {
    const guarded = buildTestFront({}, { control, journal, access: accessTo({ clients: ['client'] }) });
    const headers = { authorization: 'Bearer client' };
    expect((await guarded.app.inject({ url: '/admin/v1/requests/known', headers })).statusCode).toBe(200);
    expect((await guarded.app.inject({ method: 'POST', url: '/admin/v1/replan', headers })).statusCode).toBe(401);
    await guarded.app.close();
  });

  test('an operator key does both, a client key neither', async () => {
    const guarded = buildTestFront(
      {},
      { control, journal, access: accessTo({ clients: ['client'], operators: ['operator'] }) },
    );
    const status = async (key: string, method: 'GET' | 'POST', url: string) =>
      (await guarded.app.inject({ method, url, headers: { authorization: `Bearer ${key}` } })).statusCode;
    expect(await status('operator', 'GET', '/admin/v1/requests/known')).toBe(200);
    expect(await status('operator', 'POST', '/admin/v1/replan')).toBe(202);
    expect(await status('client', 'GET', '/admin/v1/requests/known')).toBe(401);
    expect(await status('operator', 'GET', '/v1/models')).toBe(401);
    await guarded.app.close();
  });
});

test('a wrong method is told apart from a wrong path', async () => {
  const status = async (method: 'GET' | 'POST', url: string) => (await front.app.inject({ method, url })).statusCode;
  expect(await status('GET', '/admin/v1/servers/s1/drain')).toBe(405);
  expect(await status('GET', '/admin/v1/servers/s1')).toBe(404);
  expect(await status('POST', '/admin/v1/requests/known')).toBe(405);
  expect(await status('POST', '/admin/v1/requests/known/more')).toBe(404);
});

test('what the application does not offer is not served', async () => {
  const bare = buildTestFront();
  expect((await bare.app.inject({ method: 'POST', url: '/admin/v1/replan' })).statusCode).toBe(404);
  const { paths } = (await bare.app.inject('/openapi.json')).json();
  expect(Object.keys(paths).filter((path) => path.startsWith('/admin'))).toEqual([]);
  await bare.app.close();
});
