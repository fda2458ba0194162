import '../support/fixed-seed.ts';
import { fc, test } from '@fast-check/vitest';
import { describe, expect } from 'vitest';
import { ConfigError } from '../../src/config/config-error.ts';
import { parseScenarioFile } from '../../src/config/scenario-file.ts';
import { parseSwarmFile } from '../../src/config/swarm-file.ts';
import { makePlan } from '../../src/domain/planning/make-plan.ts';

/** Numbers at and beyond the edges of what a swarm file may hold. */
const anyBytes = fc.oneof(
  fc.integer({ min: 1, max: 200 }),
  fc.integer({ min: 1, max: 2 ** 53 - 1 }),
  fc.constantFrom(1, 2 ** 53 - 1, 2 ** 40),
);
const anySeconds = fc.oneof(fc.double({ min: 1e-9, max: 10, noNaN: true }), fc.constantFrom(1e-9, 1e6));

const swarmDocument = fc.record({
  model: fc.record({
    id: fc.constant('m'),
    block_count: fc.oneof(fc.integer({ min: 1, max: 12 }), fc.constantFrom(1, 300)),
    block_bytes: anyBytes,
    cache_bytes_per_block: anyBytes,
  }),
  arrival_rate_per_second: fc.oneof(fc.double({ min: 1e-6, max: 100, noNaN: true }), fc.constantFrom(1e-6, 1e6)),
  max_load: fc.constantFrom(0.001, 0.7, 1),
  servers: fc
    .array(
      fc.record({
        memory_bytes: anyBytes,
        communication_seconds: fc.oneof(fc.constant(0), anySeconds),
        computation_seconds_per_block: anySeconds,
      }),
      { minLength: 1, maxLength: 6 },
    )
    .map((servers) => servers.map((server, j) => ({ id: `s${j}`, ...server }))),
});

const placements = fc.constantFrom(...(['gbp-cr', 'gbp-cr-fill', 'cg-bp', 'petals', 'jffc-only', 'best'] as const));

describe('a swarm at the edges of what is accepted', () => {
  test.prop([swarmDocument, placements, fc.constantFrom('lower' as const, 'upper' as const)], { numRuns: 150 })(
    'gets a plan of finite numbers or a reason',
    (document, placementPolicy, objective) => {
      const swarm = parseSwarmFile(JSON.stringify(document), 'swarm.json');
      const arrivalRatePerSecond = swarm.arrivalRatePerSecond ?? 1;
      const plan = makePlan({ ...swarm, arrivalRatePerSecond, placementPolicy, objective });
      if (plan.kind === 'infeasible') {
        expect(plan.reason.length).toBeGreaterThan(20);
        return;
      }
      expect(plan.totalSlots).toBeGreaterThanOrEqual(1);
      expect(Number.isSafeInteger(plan.totalSlots)).toBe(true);
      expect(plan.serviceRatePerSecond).toBeGreaterThan(0);
      expect(Number.isFinite(plan.serviceRatePerSecond)).toBe(true);
      if (plan.responseSeconds === undefined) expect(plan.reason).toContain('unstable');
      else {
        expect(Number.isFinite(plan.responseSeconds.lower)).toBe(true);
        expect(Number.isFinite(plan.responseSeconds.upper)).toBe(true);
        expect(plan.responseSeconds.lower).toBeGreaterThan(0);
      }
    },
  );
});

describe('any document at all', () => {
  const text = fc.oneof(
    fc.string({ maxLength: 200 }),
    fc.json(),
    fc.json().map((json) => `{"model": ${json}, "servers": [${json}], "workload": ${json}, "contestants": ${json}}`),
    swarmDocument.chain((document) =>
      fc
        .tuple(fc.constantFrom('model', 'servers', 'max_load'), fc.jsonValue())
        .map(([key, value]) => JSON.stringify({ ...document, [key]: value })),
    ),
  );

  test.prop([text])('is read or refused in one line that names the file', (content) => {
    for (const parse of [parseSwarmFile, parseScenarioFile]) {
      try {
        parse(content, 'input');
      } catch (error) {
        expect(error).toBeInstanceOf(ConfigError);
        const { message } = error as ConfigError;
        expect(message.startsWith('input: ')).toBe(true);
        expect(message.length).toBeLessThan(2_000);
      }
    }
  });
});
