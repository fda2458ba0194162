import { expect, test } from 'vitest';
import { FaultSimulation } from '../support/fault-simulation.ts';

/**
 * Random schedules of faults in simulated time: the application, the swarm and the scheduler are the
 * product's, the servers compute checksums, and time passes when told to. A schedule is its seed.
 */
const SCHEDULES = Number(process.env['FAULT_SCHEDULES'] ?? 150);
const SEED = Number(process.env['TEST_SEED'] ?? 1);

test(`${SCHEDULES} simulated schedules end every request with its own text or a named error`, async () => {
  const totals = { completed: 0, failed: 0, continued: 0, cacheRefusals: 0 };
  for (let i = 0; i < SCHEDULES; i += 1) {
    const report = await new FaultSimulation(SEED + i).run();
    expect(report.violations, `seed ${SEED + i}`).toEqual([]);
    totals.completed += report.completed;
    totals.failed += report.failed;
    totals.continued += report.continued;
    totals.cacheRefusals += report.cacheRefusals;
  }
  console.log(`schedules ${SCHEDULES} from seed ${SEED}: ${JSON.stringify(totals)}`);
  // The run must have met what it is about, else it shows little.
  expect(totals.continued).toBeGreaterThan(SCHEDULES / 5);
  expect(totals.completed).toBeGreaterThan(SCHEDULES);
}, 600_000);
