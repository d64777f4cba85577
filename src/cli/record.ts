/** `orchbridge record`: a recording of a running manager, by way of the module's option. */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { isAbsolute } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { isObject } from "../rpc/message.ts";
import { CommandError, UsageError } from "./errors.ts";
import { readWords } from "./options.ts";
import { recordUsage } from "./record/usage.ts";

/** A manager hears of a changed option within seconds, and then starts Node anew. */
const START_WITHIN_MS = 60_000;
const LOOK_EVERY_MS = 500;
const OPTION = "mgr/orchbridge/record_path";

/** Runs the command; sets the exit status. */
export async function record(args: string[]): Promise<void> {
  const end = args.indexOf("--");
  const command = end < 0 ? [] : args.slice(end + 1);
  const { options, words } = readWords(
    end < 0 ? args : args.slice(0, end),
    { for: { type: "string" }, json: { type: "boolean" } },
    recordUsage,
    { words: ["FILE"] },
  );
  const [file = ""] = words;
  if (!isAbsolute(file))
    throw new UsageError(`FILE: expected an absolute path, got ${JSON.stringify(file)}`, recordUsage);
  if (end >= 0 && command.length === 0) throw new UsageError("-- is followed by no command", recordUsage);
  const ms = duration(options.get("for"));
  const tell = (line: string): void => void (options.has("json") || process.stderr.write(`${line}\n`));
  const before = await ceph(["config", "get", "mgr", OPTION]);
  await ceph(["config", "set", "mgr", OPTION, file]);
  let status: number;
  try {
    await recording(file);
    tell(
      `recording in ${file} on the active manager's host${command.length > 0 || ms !== undefined ? "" : "; Ctrl-C ends it"}`,
    );
    status = command.length > 0 ? await runs(command) : await waits(ms);
  } finally {
    await ceph(before === "" ? ["config", "rm", "mgr", OPTION] : ["config", "set", "mgr", OPTION, before]);
  }
  if (options.has("json")) process.stdout.write(`${JSON.stringify({ file, command, status })}\n`);
  else tell(`recorded; orchbridge replay ${file} makes the requests again`);
  process.exitCode = status === 0 ? 0 : 1;
}

function duration(given: string | undefined): number | undefined {
  if (given === undefined) return undefined;
  const value = Number(given);
  if (!Number.isFinite(value) || value <= 0)
    throw new UsageError(`--for: expected seconds, got ${JSON.stringify(given)}`, recordUsage);
  return value * 1000;
}

/** Waits until the Node process says that it records into the file. */
async function recording(file: string): Promise<void> {
  const deadline = Date.now() + START_WITHIN_MS;
  for (;;) {
    const status: unknown = JSON.parse(await ceph(["orchbridge", "status", "--format", "json"]));
    const bridge = isObject(status) ? status["bridge"] : undefined;
    const own = isObject(bridge) ? bridge["recording"] : undefined;
    if (isObject(own) && own["file"] === file) {
      if (own["problem"] === null) return;
      throw new CommandError(`${file} on the active manager's host: ${JSON.stringify(own["problem"])}`);
    }
    const problem = isObject(status) && isObject(status["backend"]) ? String(status["backend"]["reason"]) : "";
    if (Date.now() > deadline || problem.includes("record_path"))
      throw new CommandError(`the manager does not record: ${problem || "its Node process was not started anew"}`);
    await sleep(LOOK_EVERY_MS);
  }
}

/** The command's exit status; what it prints goes where ours does. */
async function runs([file = "", ...args]: string[]): Promise<number> {
  const child = spawn(file, args, { stdio: ["inherit", 2, "inherit"] });
  const ended = await Promise.race([
    once(child, "exit"),
    once(child, "error").then(([error]) => {
      throw new CommandError(`${file}: ${error instanceof Error ? error.message : String(error)}`);
    }),
  ]);
  return typeof ended[0] === "number" ? ended[0] : 1;
}

async function waits(ms: number | undefined): Promise<number> {
  const interrupted = new Promise<void>((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => resolve());
  });
  const stop = new AbortController();
  // Without a bound nothing else would keep this process alive.
  const time = ms ?? 2 ** 31 - 1;
  await Promise.race([interrupted, sleep(time, undefined, { signal: stop.signal }).catch(() => undefined)]);
  stop.abort();
  return 0;
}

async function ceph(words: readonly string[]): Promise<string> {
  const child = spawn("ceph", words, { stdio: ["ignore", "pipe", "pipe"] });
  const said = { out: "", err: "" };
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    said.out += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    said.err += text;
  });
  const failed = new Promise<never>((_resolve, reject) => {
    child.on("error", (error) => reject(new CommandError(`the ceph command does not run here: ${error.message}`)));
  });
  const ended: readonly unknown[] = await Promise.race([once(child, "close"), failed]);
  if (ended[0] !== 0) throw new CommandError(`ceph ${words.join(" ")}: ${said.err.trim() || "it failed"}`);
  return said.out.trim();
}
