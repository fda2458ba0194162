/**
 * `npm run fuzz -- [inputs] [seed] [target:index]`: throws random inputs (100,000 unless said otherwise) at every HTTP
 * and gRPC entry point and at the configuration. Ends with 1 where one was answered wrongly, hung or leaked. The third
 * argument repeats a single input.
 */
import { fuzz } from './fuzz.ts';

const [inputs = '100000', seed = String(Math.floor(Math.random() * 2 ** 31)), only] = process.argv.slice(2);
const write = (line: string): void => {
  process.stdout.write(`${line}\n`);
};
write(`seed ${seed}`);
const started = performance.now();
const handles = (): number => process.getActiveResourcesInfo().length;
const handlesBefore = handles();
const { counts, problems } = await fuzz({ inputs: Number(inputs), seed: Number(seed), only, onProgress: write });
const sum = Object.values(counts).reduce((total, count) => total + count, 0);
for (const problem of problems) write(problem);
await new Promise((resolve) => setTimeout(resolve, 1_000));
const left = handles() - handlesBefore;
if (left > 0) write(`${left} handles are left over: ${process.getActiveResourcesInfo().join(', ')}`);
write(
  `${sum} inputs in ${((performance.now() - started) / 1000).toFixed(0)} s, ${problems.length} problems, seed ${seed}`,
);
process.exit(problems.length === 0 && left <= 0 ? 0 : 1);
