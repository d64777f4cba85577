/** What a test runner leaves behind: `scripts/vitest-report.ts` and `scripts/python-tests.py` write it, `scripts/test.ts` sums it. */
export interface TestReport {
  passed: number;
  failed: NotedTest[];
  skipped: NotedTest[];
}

/** A test that did not pass, and why. */
export interface NotedTest {
  name: string;
  reason: string;
}

/** The environment variable that names the file a runner writes its report to. */
export const REPORT_VARIABLE = "ORCHBRIDGE_TEST_REPORT";
