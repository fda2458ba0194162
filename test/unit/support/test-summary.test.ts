import { describe, expect, it } from 'vitest';
import { summariseTestRun, type VitestReport } from '../../support/test-summary.ts';

const good: VitestReport = {
  numPassedTests: 3,
  numFailedTests: 0,
  numPendingTests: 1,
  numTodoTests: 1,
  testResults: [],
};

describe('the summary of a test run', () => {
  it('counts skipped and unwritten tests together', () => {
    expect(summariseTestRun(good, 0)).toEqual({ line: '3 passed, 0 failed, 2 skipped', exitCode: 0 });
  });

  it('is a failure when vitest was killed before it reported', () => {
    expect(summariseTestRun(undefined, null)).toEqual({ line: '0 passed, 1 failed', exitCode: 1 });
  });

  it('is a failure when vitest left no report, whatever it exited with', () => {
    expect(summariseTestRun(undefined, 0)).toEqual({ line: '0 passed, 1 failed', exitCode: 1 });
  });

  it('is a failure when vitest crashed after a clean report', () => {
    expect(summariseTestRun(good, 139)).toEqual({ line: '3 passed, 1 failed, 2 skipped', exitCode: 1 });
  });

  it('counts a file that failed in a hook once, and not a file with failed tests', () => {
    const report: VitestReport = {
      ...good,
      numFailedTests: 1,
      testResults: [
        { status: 'failed', assertionResults: [{ status: 'passed' }] },
        { status: 'failed', assertionResults: [{ status: 'failed' }] },
      ],
    };
    expect(summariseTestRun(report, 1).line).toBe('3 passed, 2 failed, 2 skipped');
  });
});
