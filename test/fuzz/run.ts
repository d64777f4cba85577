/**
 * `npm run fuzz`: the long form of the fuzz tests, in both languages. A failure prints the seed and the input that show it again.
 *
 *   npm run fuzz -- [--frames N] [--calls N] [--seed N]
 */

import { spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import { fuzzCalls } from "./calls.ts";
import { fuzzFrames } from "./frames.ts";
import type { Summary } from "./rounds.ts";

const { values } = parseArgs({
  options: {
    frames: { type: "string", default: "1000000" },
    calls: { type: "string", default: "100000" },
    seed: { type: "string", default: "1" },
  },
});
const [frames, calls, seed] = [wholeNumber("frames"), wholeNumber("calls"), wholeNumber("seed")];

const say = (line: string): void => console.log(line);

/** The Python side, whose last line is its summaries. */
function runPython(): Promise<Summary[]> {
  const shim = join(import.meta.dirname, "../../python-shim");
  const args = ["-m", "tests.test_fuzz", "--frames", String(frames), "--calls", String(calls), "--seed", String(seed)];
  const child = spawn("python3", ["-B", ...args], { cwd: shim, stdio: ["ignore", "pipe", "inherit"] });
  let last = "[]";
  createInterface(child.stdout).on("line", (line) => {
    if (line.startsWith("[")) last = line;
    else say(line);
  });
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (status) => {
      if (status === 0) resolve(JSON.parse(last) as Summary[]);
      else reject(new Error(`the Python side failed: status ${status}`));
    });
  });
}

async function runTypeScript(): Promise<Summary[]> {
  const done = [await fuzzFrames({ seed, count: frames, progress: say })];
  return [...done, await fuzzCalls({ seed, count: calls, progress: say })];
}

function wholeNumber(name: "frames" | "calls" | "seed"): number {
  const number = Number(values[name]);
  if (Number.isSafeInteger(number) && number >= 0) return number;
  console.error(`--${name}: expected a whole number, got ${values[name]}`);
  process.exit(2);
}

const python = runPython();
python.catch(() => undefined);
const summaries = [...(await runTypeScript()), ...(await python)];
console.log("\n| decoder | generated | seed | seconds | memory at a tenth, MB | at the end, MB | process, MB |");
console.log("|---|--:|--:|--:|--:|--:|--:|");
for (const { what, count, seed: from, seconds, heapStart, heapEnd, rss } of summaries)
  console.log(
    `| ${what} | ${count.toLocaleString("en")} | ${from} | ${seconds} | ${heapStart.toFixed(1)} | ${heapEnd.toFixed(1)} | ${rss.toFixed(0)} |`,
  );
