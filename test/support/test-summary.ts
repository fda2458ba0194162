/** What is read of vitest's JSON report (its reporter `json`). */
export interface VitestReport {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly numTodoTests: number;
  readonly testResults: readonly {
    readonly status: string;
    readonly assertionResults: readonly { readonly status: string }[];
  }[];
}

export interface TestSummary {
  /** `N passed, N failed`, and `, N skipped` when any were. */
  readonly line: string;
  readonly exitCode: 0 | 1;
}

/**
 * Counts a run's tests. A file that failed beyond its tests (it did not load, or a hook threw) counts as one
 * failure more; so does a run that ended badly without any failed test, or left no report.
 * @param report undefined when vitest wrote none
 * @param vitestExitCode null when a signal ended it
 */
export function summariseTestRun(report: VitestReport | undefined, vitestExitCode: number | null): TestSummary {
  const passed = report?.numPassedTests ?? 0;
  const skipped = (report?.numPendingTests ?? 0) + (report?.numTodoTests ?? 0);
  const brokenFiles = (report?.testResults ?? []).filter(
    (file) => file.status === 'failed' && !file.assertionResults.some((test) => test.status === 'failed'),
  );
  const counted = (report?.numFailedTests ?? 0) + brokenFiles.length;
  const endedBadly = vitestExitCode !== 0 || report === undefined;
  const failed = counted === 0 && endedBadly ? 1 : counted;
  return {
    line: `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`,
    exitCode: failed > 0 ? 1 : 0,
  };
}
