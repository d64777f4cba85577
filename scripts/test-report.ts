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

/** The environment variable that names a runner's report file; without the prefix ORCHBRIDGE_, which the shim hands on. */
export const REPORT_VARIABLE = "TEST_REPORT";
