import { afterEach, beforeEach, expect, test } from 'vitest';
import { chainsSchema, planSchema, queueSchema, serversSchema } from '../../../../src/adapters/http/admin/schemas.ts';
import { accessTo } from '../../../support/access-keys.ts';
import { FakeSwarmView } from '../../../support/fake-swarm-view.ts';
import { buildTestFront, type TestFront } from '../../../support/http-front.ts';

let front: TestFront;
let swarm: FakeSwarmView;
beforeEach(() => {
  swarm = new FakeSwarmView();
  front = buildTestFront({}, { swarm });
});
afterEach(() => front.app.close());

const read = async (path: string) => (await front.app.inject(`/admin/v1/${path}`)).json();

test('servers tell their blocks, their state and why they do not serve', async () => {
  const { servers } = await read('servers');
  expect(servers[0]).toMatchObject({
    server_id: 's1',
    state: 'serving',
    reason: null,
    hosted: { first_block: 0, block_count: 8 },
    labels: { zone: 'a' },
  });
  expect(servers[1]).toMatchObject({
    state: 'loading',
    reason: 'loads blocks 4..7',
    hosted: null,
    cache_bytes_free: null,
    rtt_seconds: null,
    is_pinned: true,
  });
});

test('the plan tells its epoch, placement and bounds', async () => {
  expect(await read('plan')).toMatchObject({
    epoch: 3,
    reserved_slots: 4,
    placement: [{ server_id: 's1', first_block: 0, block_count: 8 }],
    response_seconds: { lower: 2.5, upper: 2.7, predicted: null },
    reason: null,
  });
});

test('no plan has a reason and no bounds', async () => {
  swarm.planView = {
    ...swarm.planView,
    epoch: 0,
    ageSeconds: undefined,
    responseSeconds: undefined,
    reservedSlots: undefined,
    placement: [],
    reason: 'block 3 fits nowhere',
  };
  expect(await read('plan')).toMatchObject({
    epoch: 0,
    age_seconds: null,
    response_seconds: null,
    reserved_slots: null,
    reason: 'block 3 fits nowhere',
  });
});

test('chains and the queue tell what is in use', async () => {
  expect(await read('chains')).toEqual({
    chains: [
      {
        chain_id: 'c0ffee000001',
        hops: [{ server_id: 's1', first_block: 0, block_count: 8 }],
        slots: 4,
        slots_in_use: 2,
        planned_service_seconds: 2.5,
        measured_service_seconds: 2.25,
      },
    ],
  });
  expect(await read('queue')).toEqual({ length: 1, limit: 100, oldest_wait_seconds: 0.75, running: 2 });
});

test('every answer is as documented', async () => {
  for (const [path, schema] of [
    ['servers', serversSchema],
    ['plan', planSchema],
    ['chains', chainsSchema],
    ['queue', queueSchema],
  ] as const) {
    const body = await read(path);
    expect(schema.parse(body)).toEqual(body);
  }
});

test('needs a key where keys are configured', async () => {
  const guarded = buildTestFront({}, { swarm, access: accessTo({ clients: ['k'] }) });
  expect((await guarded.app.inject('/admin/v1/servers')).statusCode).toBe(401);
  expect(
    (await guarded.app.inject({ url: '/admin/v1/servers', headers: { authorization: 'Bearer k' } })).statusCode,
  ).toBe(200);
  await guarded.app.close();
});
