/** A vitest reporter that counts what its own ones print only: skip reasons, and failures outside of any test. */
import { writeFileSync } from "node:fs";
import type { Reporter, TestCase, TestModule, TestSuite } from "vitest/node";
import { type NotedTest, REPORT_VARIABLE, type TestReport } from "./test-report.ts";

function fullName(test: TestCase): string {
  return `${test.module.relativeModuleId} > ${test.fullName}`;
}

/** A skipped test carries its note itself, or its place tells: a suite that could not be set up. */
function skipReason(test: TestCase, note: string | undefined): string {
  if (note !== undefined && note !== "") return note;
  if (test.options.mode === "todo") return "not written yet";
  for (let parent = test.parent; ; parent = parent.parent) {
    if (parent.errors().length > 0) return "its suite failed before it";
    if (parent.type === "module") return "no reason given";
  }
}

/** Errors of collecting a file or of a suite's hooks belong to no test, so they count as one failure each. */
function failureOutsideTests(task: TestModule | TestSuite, name: string): NotedTest[] {
  return task.errors().map((error) => ({ name, reason: error.message }));
}

function report(modules: readonly TestModule[]): TestReport {
  const sum: TestReport = { passed: 0, failed: [], skipped: [] };
  for (const module of modules) {
    sum.failed.push(...failureOutsideTests(module, module.relativeModuleId));
    for (const suite of module.children.allSuites()) {
      sum.failed.push(...failureOutsideTests(suite, `${module.relativeModuleId} > ${suite.fullName}`));
    }
    for (const test of module.children.allTests()) {
      const result = test.result();
      if (result.state === "passed") sum.passed += 1;
      else if (result.state === "skipped")
        sum.skipped.push({ name: fullName(test), reason: skipReason(test, result.note) });
      else sum.failed.push({ name: fullName(test), reason: result.errors?.[0]?.message ?? "did not finish" });
    }
  }
  return sum;
}

/** Writes a TestReport to the file that `scripts/test.ts` named; does nothing in a run by hand. */
export default class ReportWriter implements Reporter {
  onTestRunEnd: NonNullable<Reporter["onTestRunEnd"]> = (modules, unhandled) => {
    const file = process.env[REPORT_VARIABLE];
    if (file === undefined) return;
    const sum = report(modules);
    for (const error of unhandled) sum.failed.push({ name: "outside of any test", reason: error.message });
    writeFileSync(file, JSON.stringify(sum));
  };
}
