/** `orchbridge call`: one call of one backend method, without a manager. */

import { type NamedMethod, namedMethod } from "./call/method.ts";
import { type CallReport, printJson, printReadable } from "./call/report.ts";
import { callUsage } from "./call/usage.ts";
import { AuthorLog } from "./dev/author-log.ts";
import { paintFor } from "./dev/colours.ts";
import { readJson } from "./dev/given-options.ts";
import { OperationsInFlight } from "./dev/in-flight.ts";
import { ProgressLines } from "./dev/progress-lines.ts";
import { type Answered, AuthorSession } from "./dev/session.ts";
import { CommandError, UsageError } from "./errors.ts";
import { readWords } from "./options.ts";

/** The status where there is no backend to call. */
const EXIT_NO_BACKEND = 3;

/** Runs the command; sets the exit status. */
export async function call(args: string[]): Promise<void> {
  const { options, words } = readWords(
    args,
    {
      options: { type: "string" },
      timeout: { type: "string" },
      "no-wait": { type: "boolean" },
      json: { type: "boolean" },
    },
    callUsage,
    { words: ["FILE", "METHOD"], more: ["PARAMS"] },
  );
  const [file = "", word = "", params] = words;
  const method = knownMethod(word);
  const work: Work = {
    method,
    params: checkedParams(method, readJson(params, "PARAMS", callUsage) ?? {}),
    timeoutMs: seconds(options.get("timeout") ?? "60") * 1000,
    wait: !options.has("no-wait"),
  };
  const json = options.has("json");
  const paint = paintFor(process.stderr);
  const tell = (line: string): void => void process.stderr.write(`${line}\n`);
  const log = new AuthorLog((line, level) => tell(paint(line, level === "error" ? "red" : "yellow")), "warn");
  const lines = new ProgressLines(process.stderr, !json);
  const ended: CallReport["operations"] = [];
  const inFlight = new OperationsInFlight({
    state: () => undefined,
    moved: (operation) => lines.moved(operation),
    ended(operation, error) {
      lines.ended(operation);
      ended.push({ ...operation, failure: error === undefined ? undefined : session.failureOf(error) });
    },
  });
  const given = readJson(options.get("options"), "--options", callUsage) ?? null;
  const session = new AuthorSession({ file, options: given, dialect: method.dialect, log, inFlight, tell });
  const reason = await session.start();
  if (reason !== undefined) {
    if (!json) throw noBackend(reason, log);
    printJson({
      result: null,
      operations: [],
      failure: { type: "NoBackend", errno: "EAGAIN", ...log.explained(reason) },
    });
    process.exit(EXIT_NO_BACKEND);
  }
  const report = await made(session, inFlight, ended, work);
  await session.close();
  (json ? printJson : printReadable)(report);
  process.exitCode = report.failure === undefined && ended.every(({ failure }) => failure === undefined) ? 0 : 1;
  // A backend may have left a timer or a socket behind.
  process.stdout.write("", () => process.exit());
}

interface Work {
  readonly method: NamedMethod;
  readonly params: object;
  readonly timeoutMs: number;
  readonly wait: boolean;
}

async function made(
  session: AuthorSession,
  inFlight: OperationsInFlight,
  operations: CallReport["operations"],
  { method, params, timeoutMs, wait }: Work,
): Promise<CallReport> {
  const stop = new AbortController();
  process.once("SIGINT", () => stop.abort(new CommandError("interrupted")));
  let answered: Answered;
  try {
    answered = await session.call(method.wire, params, { timeoutMs, signal: stop.signal });
  } catch (error) {
    return { result: null, operations, failure: session.failure(error, method.wire) };
  }
  if (wait) await Promise.race([inFlight.idle, aborted(stop.signal)]);
  for (const operation of inFlight.all) operations.push({ ...operation, left: true, failure: undefined });
  return { result: method.answer(answered.result), operations, failure: undefined };
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}

function knownMethod(word: string): NamedMethod {
  const found = namedMethod(word);
  if ("wire" in found) return found;
  const hint = found.near === undefined ? "" : `; did you mean ${found.near}?`;
  throw new UsageError(`there is no method ${JSON.stringify(word)}${hint}`, callUsage);
}

function checkedParams(method: NamedMethod, given: unknown): object {
  if (typeof given !== "object" || given === null || Array.isArray(given))
    throw new UsageError('PARAMS: expected an object, such as {"hostname": "h1"}', callUsage);
  const checked = method.check(given);
  if ("params" in checked) return checked.params;
  throw new CommandError(checked.issues.join("; "), { status: 2 });
}

function seconds(text: string): number {
  const number = Number(text);
  if (!(number > 0)) throw new UsageError(`--timeout: expected a number of seconds, got ${text}`, callUsage);
  return number;
}

function noBackend(reason: string, log: AuthorLog): CommandError {
  const { message, stack } = log.explained(reason);
  return new CommandError(stack === undefined ? message : `${message}\n${stack}`, { status: EXIT_NO_BACKEND });
}
