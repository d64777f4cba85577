/**
 * Runs every test of both languages and closes with one line: `N passed, N failed, N skipped`.
 * `--unit` leaves out what needs a real Ceph.
 */
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type NotedTest, REPORT_VARIABLE, type TestReport } from "./test-report.ts";

interface Runner {
  name: string;
  command: [string, ...string[]];
  /** A hung runner must not keep the closing line from being printed. */
  minutes: number;
}

const root = join(import.meta.dirname, "..");
const reports = mkdtempSync(join(tmpdir(), "orchbridge-test-"));

function vitest(project: string, minutes: number): Runner {
  const reporters = ["--reporter=default", "--reporter=./scripts/vitest-report.ts"];
  return { name: `vitest ${project}`, command: ["vitest", "run", "--project", project, ...reporters], minutes };
}

const python: Runner = { name: "unittest", command: ["python3", "scripts/python-tests.py"], minutes: 10 };
const build: Runner = { name: "build", command: ["node", "scripts/build.ts"], minutes: 10 };

/** Runs a command to its end, its output passed through; the answer is null for success, else what went wrong. */
function run(runner: Runner, environment: NodeJS.ProcessEnv = {}): Promise<string | null> {
  const [file, ...args] = runner.command;
  console.log(`\n== ${runner.name}`);
  return new Promise((resolve) => {
    const child = spawn(file, args, {
      cwd: root,
      stdio: ["ignore", "inherit", "inherit"],
      env: { ...process.env, PYTHONDONTWRITEBYTECODE: "1", ...environment },
    });
    let overdue = false;
    const deadline = setTimeout(() => {
      overdue = true;
      child.kill("SIGTERM");
      setTimeout(() => child.kill("SIGKILL"), 30_000).unref();
    }, runner.minutes * 60_000);
    const settle = (problem: string | null): void => {
      clearTimeout(deadline);
      resolve(problem);
    };
    child.on("error", (error) => settle(`${file} could not be started: ${error.message}`));
    child.on("exit", (code, signal) => {
      if (overdue) settle(`was stopped after ${runner.minutes} minutes`);
      else settle(code === 0 ? null : `ended with ${signal ?? `exit code ${code}`}`);
    });
  });
}

function isReport(value: unknown): value is TestReport {
  return typeof value === "object" && value !== null && "passed" in value && "failed" in value && "skipped" in value;
}

function readReport(file: string): TestReport | null {
  try {
    const value: unknown = JSON.parse(readFileSync(file, "utf8"));
    return isReport(value) ? value : null;
  } catch {
    return null; // the runner ended before it wrote one; its exit status says more
  }
}

/** A runner that failed without a failing test to show for it is itself one failure. */
async function runTests(runner: Runner): Promise<TestReport> {
  const file = join(reports, `${runner.name.replaceAll(" ", "-")}.json`);
  const problem = await run(runner, { [REPORT_VARIABLE]: file });
  const report = readReport(file) ?? { passed: 0, failed: [], skipped: [] };
  if (problem !== null && report.failed.length === 0) report.failed.push({ name: runner.name, reason: problem });
  else if (report.passed + report.failed.length + report.skipped.length === 0) {
    report.failed.push({ name: runner.name, reason: "ran no test" });
  }
  return report;
}

/** The Python tests come last: some use the prepared Cephs, which the tests before them prepare. */
async function runAll(): Promise<TestReport[]> {
  const problem = await run(build);
  if (problem !== null) {
    const reason = `${problem}; the tests need it`;
    return [{ passed: 0, failed: [{ name: build.name, reason }], skipped: [] }];
  }
  const done = [await runTests(vitest("unit", 15))];
  if (!process.argv.includes("--unit")) done.push(await runTests(vitest("ceph", 70)));
  return [...done, await runTests(python)];
}

function list(title: string, tests: NotedTest[]): void {
  if (tests.length === 0) return;
  console.log(`\n${title}:`);
  for (const { name, reason } of tests) console.log(`  ${name}: ${reason.split("\n", 1)[0]}`);
}

const all = await runAll().finally(() => rmSync(reports, { recursive: true, force: true }));
const failed = all.flatMap((report) => report.failed);
const skipped = all.flatMap((report) => report.skipped);
const passed = all.reduce((sum, report) => sum + report.passed, 0);
list("Skipped", skipped);
list("Failed", failed);
console.log(`\n${passed} passed, ${failed.length} failed, ${skipped.length} skipped`);
process.exitCode = failed.length > 0 ? 1 : 0;
