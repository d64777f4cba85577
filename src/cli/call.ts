/** `orchbridge call`: one call of one backend method, without a manager. */

import { setImmediate as nextTurn } from "node:timers/promises";
import { timerMs } from "../orchestrator/timer-limit.ts";
import { onAbort } from "../orchestrator/with-signal.ts";
import { type NamedMethod, namedMethod } from "./call/method.ts";
import { type CallReport, printJson, printReadable } from "./call/report.ts";
import { callUsage } from "./call/usage.ts";
import { AuthorLog, strayException } from "./dev/author-log.ts";
import { paintFor } from "./dev/colours.ts";
import { readJson } from "./dev/given-options.ts";
import { OperationsInFlight } from "./dev/in-flight.ts";
import { ProgressLines } from "./dev/progress-lines.ts";
import { type Answered, AuthorSession, type CallFailure } from "./dev/session.ts";
import { watchEnding } from "./ending.ts";
import { CommandError, UsageError } from "./errors.ts";
import { readSeconds, readWords } from "./options.ts";
import { divertPrints, end } from "./own-stdout.ts";

const EXIT_FAILED = 1;
const EXIT_PARAMS = 2;
/** The status where there is no backend to call. */
const EXIT_NO_BACKEND = 3;
/** What a shell shows for a program that Ctrl-C ended. */
const EXIT_INTERRUPTED = 130;

const INTERRUPTED: CallFailure = {
  type: "RequestCancelled",
  errno: "ECANCELED",
  message: "interrupted",
  stack: undefined,
};

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
  const checked = method.check(givenParams(params));
  const timeoutMs = readSeconds(options.get("timeout") ?? "60", "timeout", callUsage);
  const given = readJson(options.get("options"), "--options", callUsage) ?? null;
  const json = options.has("json");
  let reported = false;
  const report = (what: CallReport): void => {
    // There is one document; what comes after it is for a person.
    (json && !reported ? printJson : printReadable)(what);
    reported = true;
  };
  const failed = (failure: CallFailure): void => report({ result: null, operations: [], failure });
  if ("issues" in checked) {
    const message = checked.issues.join("; ");
    if (!json) throw new CommandError(message, { status: EXIT_PARAMS });
    failed({ type: "ValidationError", errno: "EINVAL", message, stack: undefined });
    return end(EXIT_PARAMS);
  }
  const paint = paintFor(process.stderr);
  const tell = (line: string): void => void process.stderr.write(`${line}\n`);
  const log = new AuthorLog((line, level) => tell(paint(line, level === "error" ? "red" : "yellow")), "warn");
  const lines = new ProgressLines(process.stderr, !json);
  const ended: Operation[] = [];
  const inFlight = new OperationsInFlight({
    state: () => undefined,
    moved: (operation) => lines.moved(operation),
    ended(operation, error) {
      if (reported) return; // given up with the backend
      lines.ended(operation);
      ended.push({ ...operation, failure: error === undefined ? undefined : session.failureOf(error) });
    },
  });
  const session = new AuthorSession({ file, options: given, dialect: method.dialect, log, inFlight, tell });
  divertPrints();
  const bug = (what: { message: string; stack?: string }): void =>
    failed({ type: "InternalError", errno: "EIO", stack: undefined, ...what });
  let status = EXIT_NO_BACKEND;
  process.on("uncaughtException", (error) => {
    bug(strayException(error));
    end(status);
  });
  watchEnding(status, (message) => bug({ message }));
  const reason = await started(session, timeoutMs);
  if (reason !== undefined) {
    if (!json) throw noBackend(reason, log);
    failed({ type: "UnavailableError", errno: "EAGAIN", ...log.explained(reason) });
    return end(EXIT_NO_BACKEND);
  }
  status = EXIT_FAILED;
  watchEnding(status, (message) => bug({ message }));
  const work: Work = { method, params: checked.params, timeoutMs, wait: !options.has("no-wait") };
  const made = await make(session, inFlight, ended, work);
  // So that a rejection that nobody handles is heard of.
  await nextTurn();
  if (json || made.failure !== INTERRUPTED) report(made);
  if (made.interrupted) tell(INTERRUPTED.message);
  await session.close();
  end(statusOf(made));
}

type Operation = CallReport["operations"][number];

/** Why there is no backend, or undefined when there is. */
async function started(session: AuthorSession, timeoutMs: number): Promise<string | undefined> {
  const late = Promise.withResolvers<string>();
  const sentence = `the backend was not loaded and created within ${timeoutMs / 1000} s`;
  const timer = setTimeout(late.resolve, timerMs(timeoutMs), sentence);
  // Where nothing else is left, the wait is in vain.
  timer.unref();
  const reason = await Promise.race([session.start(), late.promise]);
  clearTimeout(timer);
  return reason;
}

interface Work {
  readonly method: NamedMethod;
  readonly params: object;
  readonly timeoutMs: number;
  readonly wait: boolean;
}

interface Made extends CallReport {
  readonly interrupted: boolean;
}

async function make(
  session: AuthorSession,
  inFlight: OperationsInFlight,
  ended: readonly Operation[],
  { method, params, timeoutMs, wait }: Work,
): Promise<Made> {
  const stop = new AbortController();
  process.once("SIGINT", () => stop.abort(new CommandError(INTERRUPTED.message)));
  let answered: Answered;
  try {
    answered = await session.call(method.wire, params, { timeoutMs, signal: stop.signal });
  } catch (error) {
    const interrupted = stop.signal.aborted;
    const failure = interrupted ? INTERRUPTED : session.failure(error, method.wire);
    return { result: null, operations: [], failure, interrupted };
  }
  if (wait) await Promise.race([inFlight.idle, aborted(stop.signal)]);
  const left = inFlight.all.map((operation): Operation => ({ ...operation, left: true, failure: undefined }));
  return {
    result: method.answer(answered.result),
    operations: [...ended, ...left],
    failure: undefined,
    interrupted: wait && left.length > 0,
  };
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => onAbort(signal, () => resolve()));
}

function statusOf({ failure, operations, interrupted }: Made): number {
  if (interrupted) return EXIT_INTERRUPTED;
  return failure === undefined && operations.every((operation) => operation.failure === undefined) ? 0 : EXIT_FAILED;
}

function knownMethod(word: string): NamedMethod {
  const found = namedMethod(word);
  if ("wire" in found) return found;
  const hint = found.near === undefined ? "" : `; did you mean ${found.near}?`;
  throw new UsageError(`there is no method ${JSON.stringify(word)}${hint}`, callUsage);
}

function givenParams(text: string | undefined): object {
  const given = readJson(text, "PARAMS", callUsage) ?? {};
  if (typeof given !== "object" || given === null || Array.isArray(given))
    throw new UsageError('PARAMS: expected an object, such as {"hostname": "h1"}', callUsage);
  return given;
}

function noBackend(reason: string, log: AuthorLog): CommandError {
  const { message, stack } = log.explained(reason);
  return new CommandError(stack === undefined ? message : `${message}\n${stack}`, { status: EXIT_NO_BACKEND });
}
