import { expect, it } from 'vitest';
import { boundedJob } from '../../../../src/application/access/bounded-job.ts';
import { FREE_GRANT } from '../../../support/access-keys.ts';

const LIMITS = { maxConcurrency: 2, requestsPerMinute: undefined, tokensPerMinute: 1_000 };
const BOUND = { ...FREE_GRANT, tenant: 'acme', maxPriority: 'normal', limits: LIMITS } as const;

it('takes no tenant from a request without a key, which may name its priority', () => {
  expect(boundedJob({ priority: 'high', tenant: 'x' }, undefined, 'tenant')).toEqual({
    priority: 'high',
    tenant: 'default',
  });
  expect(boundedJob({ priority: 'low', tenant: undefined }, undefined, 'tenant')).toEqual({
    priority: 'low',
    tenant: 'default',
  });
});

it('gives a request the tenant and limits of its key, and no higher priority than that allows', () => {
  const expected = { tenant: 'acme', limits: LIMITS };
  expect(boundedJob({ priority: 'high', tenant: undefined }, BOUND, 't')).toEqual({ ...expected, priority: 'normal' });
  expect(boundedJob({ priority: 'low', tenant: 'acme' }, BOUND, 't')).toEqual({ ...expected, priority: 'low' });
});

it('refuses a request in the name of another tenant', () => {
  expect(() => boundedJob({ priority: 'low', tenant: 'other' }, BOUND, 'x-daisychain-tenant')).toThrow(
    expect.objectContaining({ code: 'DSP_INVALID_ARGUMENT', param: 'x-daisychain-tenant' }),
  );
});
