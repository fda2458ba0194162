import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const RUN = fileURLToPath(new URL('../../bench/http/run.ts', import.meta.url));

test.each([
  ['first-chunk', /^first chunk .*: median \d+\.\d ms, .*\(median below 5 ms: (reached|MISSED)\)$/m],
  ['loop-delay', /^event-loop delay, 200 streams .*: p99 \d+\.\d ms, .*\(p99 below 20 ms: (reached|MISSED)\)$/m],
  ['memory', /^memory over 1,000 requests: heap \d+\.\d, then \d+\.\d MiB; .*\(heap at most 2 MiB more/m],
])('the measurement %s of npm run bench:front runs and tells its figure', (name, figure) => {
  const { stdout, stderr, status } = spawnSync(process.execPath, [RUN, '--only', name, '--share', '0.01'], {
    encoding: 'utf8',
  });
  expect(stderr).toBe('');
  expect(status).toBe(0);
  expect(stdout).toMatch(figure);
});
