/**
 * `npm test`: runs vitest and ends with one line, `N passed, N failed`, for people and machines alike.
 * Arguments are passed on: `npm test -- test/unit/config`.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { summariseTestRun, type VitestReport } from './test-summary.ts';

const vitestPath = fileURLToPath(new URL('../../node_modules/vitest/vitest.mjs', import.meta.url));
const reportFolder = mkdtempSync(path.join(tmpdir(), 'daisychain-tests-'));
const reportFile = path.join(reportFolder, 'report.json');

const vitest = spawn(
  process.execPath,
  [
    vitestPath,
    'run',
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${reportFile}`,
    ...process.argv.slice(2),
  ],
  { stdio: 'inherit' },
);
// An interrupt from the terminal reaches vitest too; the summary is printed after it has ended.
process.on('SIGINT', () => undefined);
process.on('SIGTERM', () => vitest.kill('SIGTERM'));

const [exitCode] = (await once(vitest, 'exit')) as [number | null];
const summary = summariseTestRun(readReport(), exitCode);
rmSync(reportFolder, { recursive: true, force: true });
process.stdout.write(`${summary.line}\n`);
process.exitCode = summary.exitCode;

/** Undefined when vitest ended before it wrote a whole report. */
function readReport(): VitestReport | undefined {
  try {
    return JSON.parse(readFileSync(reportFile, 'utf8')) as VitestReport;
  } catch {
    return undefined;
  }
}
