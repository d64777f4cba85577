/** `orchbridge replay`: the requests of a recorded session, made again. */

import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { createLog } from "../main/log.ts";
import { VERSION } from "../main/version.ts";
import { messageOf } from "../orchestrator/errors.ts";
import { SCHEMA_HASH } from "../orchestrator/generated/methods.ts";
import { HIDDEN } from "../orchestrator/secrets.ts";
import { readJson } from "./dev/given-options.ts";
import { watchEnding } from "./ending.ts";
import { CommandError } from "./errors.ts";
import { readSeconds, readWords } from "./options.ts";
import { divertPrints, end, ownStdout } from "./own-stdout.ts";
import { type RecordedSession, readSessions, type SessionHeader } from "./replay/session-file.ts";
import { type ReplayOptions, type ReplayReport, replaySession } from "./replay/session-replay.ts";
import { replayUsage } from "./replay/usage.ts";

const EXIT_FAILED = 1;
/** The status where there is no backend to ask. */
const EXIT_NO_BACKEND = 3;

interface Replayed extends ReplayReport {
  readonly header: SessionHeader;
}

/** Runs the command; sets the exit status. */
export async function replay(args: string[]): Promise<void> {
  const { options, words } = readWords(
    args,
    {
      backend: { type: "string" },
      options: { type: "string" },
      timeout: { type: "string" },
      log: { type: "boolean" },
      json: { type: "boolean" },
    },
    replayUsage,
    { words: ["FILE"] },
  );
  const [file = ""] = words;
  const given = options.get("options");
  const how: ReplayOptions = {
    backend: backendOf(options.get("backend")),
    ...(given === undefined ? {} : { options: readJson(given, "--options", replayUsage) }),
    patienceMs: readSeconds(options.get("timeout") ?? "60", "timeout", replayUsage),
    log: createLog("info", { write: (line) => void (options.has("log") && process.stderr.write(line)) }),
  };
  divertPrints();
  watchEnding(EXIT_FAILED);
  const all: Replayed[] = [];
  for (const session of read(file)) all.push({ header: session.header, ...(await replaySession(session, how)) });
  if (options.has("json")) printJson(all);
  else for (const one of all) print(one, all.length > 1);
  const unavailable = all.find((one) => one.unavailable !== undefined)?.unavailable;
  if (unavailable !== undefined) end(EXIT_NO_BACKEND);
  else end(all.every(({ differences }) => differences.length === 0) ? 0 : EXIT_FAILED);
}

function read(file: string): RecordedSession[] {
  try {
    return readSessions(readFileSync(file, "utf8"));
  } catch (error) {
    throw new CommandError(`${file}: ${messageOf(error)}`, { cause: error });
  }
}

/** A path is resolved here, since the manager's side names backends by absolute ones. */
function backendOf(given: string | undefined): string | undefined {
  return given !== undefined && (given.includes("/") || existsSync(given)) ? resolve(given) : given;
}

function print({ header, requests, compared, differences, unavailable }: Replayed, several: boolean): void {
  const { release, ceph_version, orchbridge, date } = header;
  const out = (line: string): void => void ownStdout().write(`${line}\n`);
  if (several) out(`session of ${date}`);
  out(`recorded ${date} on Ceph ${ceph_version} (${release}) by orchbridge ${orchbridge}`);
  if (unavailable !== undefined) {
    process.stderr.write(`orchbridge: the backend is not available: ${unavailable}\n`);
    if (unavailable.includes(HIDDEN))
      process.stderr.write("orchbridge: a recording does not hold the backend's options: give --options\n");
    return;
  }
  for (const { line, method, says } of differences) {
    out(`line ${line}${method === "" ? "" : `, ${method}`}:`);
    for (const text of says) out(`  ${text}`);
  }
  const verdict = differences.length === 0 ? "all the same" : `${differences.length} not the same`;
  out(`${requests} requests made, ${compared} answers and ends of operations compared: ${verdict}`);
  if (differences.length > 0) out(age(header));
}

/** An old recording may differ for no other reason. */
function age({ orchbridge, schema_hash }: SessionHeader): string {
  return schema_hash === SCHEMA_HASH
    ? `The recording has the schemas of this version, ${SCHEMA_HASH}.`
    : `The recording is of orchbridge ${orchbridge} with schemas ${schema_hash}; this is ${VERSION} with ${SCHEMA_HASH}, so a field may have changed.`;
}

function printJson(all: readonly Replayed[]): void {
  const same = all.every(({ differences, unavailable }) => differences.length === 0 && unavailable === undefined);
  ownStdout().write(`${JSON.stringify({ same, sessions: all })}\n`);
}
