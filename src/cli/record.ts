/** `orchbridge record`: a recording of a running manager, by way of the module's option. */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { isAbsolute } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { messageOf } from "../orchestrator/errors.ts";
import { LONGEST_TIMER_MS } from "../orchestrator/timer-limit.ts";
import { isObject } from "../rpc/message.ts";
import { CommandError, UsageError } from "./errors.ts";
import { readSeconds, readWords } from "./options.ts";
import { ownStdout } from "./own-stdout.ts";
import { recordUsage } from "./record/usage.ts";

/** A manager hears of a changed option within seconds, and then starts Node anew. */
const START_WITHIN_MS = 60_000;
const LOOK_EVERY_MS = 500;
const OPTION = "mgr/orchbridge/record_path";
const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
const LONGEST_S = Math.floor(LONGEST_TIMER_MS / 1000);

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
  const status = await whileRecording(file, (interrupted) => {
    tell(
      `recording in ${file} on the active manager's host${command.length > 0 || ms !== undefined ? "" : "; Ctrl-C ends it"}`,
    );
    return command.length > 0 ? runs(command, interrupted) : waits(ms, interrupted);
  });
  if (options.has("json")) ownStdout().write(`${JSON.stringify({ file, command, status })}\n`);
  else tell(`recorded; orchbridge replay ${file} makes the requests again`);
  process.exitCode = status === 0 ? 0 : 1;
}

function duration(given: string | undefined): number | undefined {
  if (given === undefined) return undefined;
  const ms = readSeconds(given, "for", recordUsage);
  if (ms > LONGEST_S * 1000)
    throw new UsageError(
      `--for: expected at most ${LONGEST_S} seconds, got ${given}; without it, Ctrl-C ends the recording`,
      recordUsage,
    );
  return ms;
}

/** Sets the option, and resets it whatever becomes of the work, which ends early when its signal does: at Ctrl-C. */
async function whileRecording(file: string, work: (interrupted: AbortSignal) => Promise<number>): Promise<number> {
  const interruption = new AbortController();
  const interrupt = (signal: NodeJS.Signals): void => interruption.abort(signal);
  const before = await ceph(["config", "get", "mgr", OPTION]);
  for (const signal of SIGNALS) process.on(signal, interrupt);
  try {
    await ceph(["config", "set", "mgr", OPTION, file]);
    try {
      await recording(file, interruption.signal);
      return await work(interruption.signal);
    } finally {
      await ceph(before === "" ? ["config", "rm", "mgr", OPTION] : ["config", "set", "mgr", OPTION, before]);
    }
  } finally {
    for (const signal of SIGNALS) process.off(signal, interrupt);
  }
}

/** Waits until the Node process says that it records into the file. */
async function recording(file: string, interrupted: AbortSignal): Promise<void> {
  const deadline = Date.now() + START_WITHIN_MS;
  for (;;) {
    const said = await unlessInterrupted(ceph(["orchbridge", "status", "--format", "json"], interrupted), interrupted);
    const status: unknown = JSON.parse(said);
    const bridge = isObject(status) ? status["bridge"] : undefined;
    const own = isObject(bridge) ? bridge["recording"] : undefined;
    if (isObject(own) && own["file"] === file) {
      if (own["problem"] === null) return;
      throw new CommandError(`${file} on the active manager's host: ${JSON.stringify(own["problem"])}`);
    }
    const problem = isObject(status) && isObject(status["backend"]) ? String(status["backend"]["reason"]) : "";
    if (Date.now() > deadline || problem.includes("record_path"))
      throw new CommandError(`the manager does not record: ${problem || "its Node process was not started anew"}`);
    await unlessInterrupted(sleep(LOOK_EVERY_MS, undefined, { signal: interrupted }), interrupted);
  }
}

/** What fails because of an interruption is told as one. */
async function unlessInterrupted<T>(work: Promise<T>, interrupted: AbortSignal): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (!interrupted.aborted) throw error;
    throw new CommandError("interrupted before the manager recorded anything", { cause: error });
  }
}

/** The command's exit status; what it prints goes where ours does. */
async function runs([file = "", ...args]: string[], interrupted: AbortSignal): Promise<number> {
  try {
    const child = spawn(file, args, { stdio: ["inherit", 2, "inherit"] });
    // A terminal's Ctrl-C reaches the command by itself; here it would be a second one.
    const pass = (): void => {
      if (interrupted.reason !== "SIGINT" || !process.stdin.isTTY) child.kill(interrupted.reason as NodeJS.Signals);
    };
    interrupted.addEventListener("abort", pass);
    if (interrupted.aborted) pass();
    const ended: readonly unknown[] = await once(child, "exit");
    return typeof ended[0] === "number" ? ended[0] : 1;
  } catch (error) {
    throw new CommandError(`${file}: ${messageOf(error)}`, { cause: error });
  }
}

async function waits(ms: number | undefined, interrupted: AbortSignal): Promise<number> {
  try {
    // Without a bound nothing else would keep this process alive.
    await sleep(ms ?? LONGEST_S * 1000, undefined, { signal: interrupted });
  } catch (error) {
    if (!interrupted.aborted) throw error;
  }
  return 0;
}

/** What `ceph` prints. In a process group of its own: a terminal's Ctrl-C must not end what sets or resets the option. */
async function ceph(words: readonly string[], signal?: AbortSignal): Promise<string> {
  const child = spawn("ceph", words, { stdio: ["ignore", "pipe", "pipe"], detached: true, signal });
  const said = { out: "", err: "" };
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    said.out += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    said.err += text;
  });
  let ended: readonly unknown[];
  try {
    ended = await once(child, "close");
  } catch (error) {
    throw new CommandError(`the ceph command does not run here: ${messageOf(error)}`, { cause: error });
  }
  if (ended[0] !== 0) throw new CommandError(`ceph ${words.join(" ")}: ${said.err.trim() || "it failed"}`);
  return said.out.trim();
}
