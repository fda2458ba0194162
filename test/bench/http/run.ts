/**
 * The figures of the HTTP front by itself, over a service that answers at once, each against its goal:
 *
 *   npm run bench:front [-- --only cost,first-chunk,loop-delay,memory] [--share 0.1]
 *
 * They take about a minute on a free machine; --share does that part of the work. Figures above their goal are
 * told and fail nothing: on a shared machine times say little, processor time more.
 */
import { availableParallelism, loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import type { Effort, Figure } from './figure.ts';
import { measureFirstChunk } from './first-chunk.ts';
import { measureLoopDelay } from './loop-delay.ts';
import { measureMemoryGrowth } from './memory-growth.ts';
import { measureRequestCost } from './request-cost.ts';

const MEASUREMENTS: Readonly<Record<string, (effort: Effort) => Promise<Figure>>> = {
  cost: measureRequestCost,
  'first-chunk': measureFirstChunk,
  'loop-delay': measureLoopDelay,
  memory: measureMemoryGrowth,
};

const { values: flags } = parseArgs({
  options: { only: { type: 'string' }, share: { type: 'string', default: '1' } },
});
const share = Number(flags.share);
if (!(share > 0 && share <= 1)) refuse(`--share: ${flags.share} is not a number from 0 to 1`);
const chosen = flags.only?.split(',') ?? Object.keys(MEASUREMENTS);

console.log(`Node ${process.versions.node}, ${availableParallelism()} cores, load ${loadavg()[0]?.toFixed(1)}`);
for (const name of chosen) {
  const measure = MEASUREMENTS[name];
  if (measure === undefined) refuse(`--only: ${name} is none of ${Object.keys(MEASUREMENTS).join(', ')}`);
  const { question, measured, goal, isReached } = await measure({ share });
  console.log(`${question}: ${measured} (${goal}: ${isReached ? 'reached' : 'MISSED'})`);
}

function refuse(message: string): never {
  console.error(message);
  process.exit(2);
}
