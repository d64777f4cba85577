/** The prompt's words beside Ceph's: operations, tracing, reloading, waiting. */

import { OrchestratorError, ValidationError } from "../../orchestrator/errors.ts";
import { withSignal } from "../../orchestrator/with-signal.ts";
import { namedMethod } from "../call/method.ts";
import type { OperationsInFlight } from "./in-flight.ts";
import { usageOf } from "./orch/arguments.ts";
import { command, type OrchCommand, resultText } from "./orch/command.ts";
import { ORCH_COMMANDS } from "./orch/commands.ts";
import { formatted } from "./orch/formats.ts";
import { type Column, plainTable } from "./orch/table.ts";
import type { AuthorSession } from "./session.ts";
import type { Trace } from "./trace.ts";
import { toYaml } from "./yaml-writer.ts";

/** What the words act on. */
export interface OwnWordsSetup {
  readonly session: AuthorSession;
  readonly inFlight: OperationsInFlight;
  readonly trace: Trace;
  reload(): Promise<string>;
  quit(): void;
}

type Row = ReturnType<AuthorSession["orchestrator"]["operations"]>[number];

const OPERATIONS: readonly Column<Row>[] = [
  { heading: "ID", cell: ({ call }) => call },
  { heading: "STATE", cell: ({ state }) => state },
  { heading: "PROGRESS", cell: ({ fraction }) => `${Math.round(fraction * 100)}%` },
  { heading: "ATTEMPTS", cell: ({ attempts }) => String(attempts) },
  { heading: "METHOD", cell: ({ method }) => method },
  { heading: "TITLE", cell: ({ title }) => title },
  { heading: "ERROR", cell: ({ error }) => error ?? "" },
];

const EPERM = 1;

/** Declares them. */
export function ownWords({ session, inFlight, trace, reload, quit }: OwnWordsSetup): OrchCommand[] {
  const { orchestrator } = session;
  const words: OrchCommand[] = [
    command(
      "op ls",
      "[--format=plain|json|json-pretty|yaml]",
      "List the operations that are not finished",
      async (args) => {
        const rows = orchestrator.operations();
        const format = args.optional("format") ?? "plain";
        if (format !== "plain") return formatted(rows, format);
        return rows.length === 0 ? "No operations" : plainTable(OPERATIONS, rows);
      },
    ),
    command("op show", "id", "Show an operation with its parameters", async (args) =>
      toYaml(orchestrator.operation(args.text("id"))).trimEnd(),
    ),
    command("op retry", "id", "Try a failed operation again", (args) => orchestrator.retryOperation(args.text("id"))),
    command("op forget", "id [--yes-i-really-mean-it]", "Stop an operation and remove it for good", async (args) => {
      if (!args.flag("yes-i-really-mean-it"))
        throw new OrchestratorError("Pass --yes-i-really-mean-it if you want to give the operation up", {
          errno: EPERM,
        });
      const text = await orchestrator.forgetOperation(args.text("id"));
      inFlight.forgotten(args.text("id"));
      return text;
    }),
    command("health", "", "List the health checks that the backend has set", async () => {
      const checks = [...session.mgr.health].map(([name, { severity, summary }]) => `${severity}: ${name}: ${summary}`);
      return checks.length === 0 ? "HEALTH_OK" : checks.join("\n");
    }),
    command(
      "call",
      "method [params]",
      "Call any method of the interface, its parameters as JSON",
      async (args, orch) => {
        const { wire, params, answer } = asked(args.text("method"), args.optional("params") ?? "{}");
        const result = answer(await orch.call(wire, params));
        return typeof result === "object" && result !== null ? toYaml(result).trimEnd() : resultText(result);
      },
    ),
    command("wait", "[seconds=integer]", "Wait until every operation has ended", async (args, { signal }) => {
      const seconds = args.integer("seconds") ?? 60;
      const late = Promise.withResolvers<"late">();
      const timer = setTimeout(late.resolve, seconds * 1000, "late");
      const ended = await withSignal(Promise.race([inFlight.idle, late.promise]), signal).finally(() =>
        clearTimeout(timer),
      );
      if (ended === "late") throw new OrchestratorError(`${inFlight.all.length} operations are still under way`);
      return "";
    }),
    command("trace", "[state=on|off]", "Show each call of the backend with its time", async (args) => {
      trace.on = (args.optional("state") ?? (trace.on ? "off" : "on")) === "on";
      return `Trace is ${trace.on ? "on" : "off"}`;
    }),
    command("reload", "", "Load the backend's file again, as saving it does", reload),
    command("help", "[words...]", "List the commands, or those that begin with some words", async (args) =>
      help([...ORCH_COMMANDS, ...words], args.list("words").join(" ")),
    ),
    ...["quit", "exit"].map((word) =>
      command(word, "", "Close the backend and end", async () => {
        quit();
        return "";
      }),
    ),
  ];
  return words;
}

function asked(word: string, text: string): { wire: string; params: object; answer: (result: unknown) => unknown } {
  const method = namedMethod(word);
  if (!("wire" in method)) {
    const hint = method.near === undefined ? "" : `; did you mean ${method.near}?`;
    throw new ValidationError(`there is no method ${word}${hint}`);
  }
  if (method.dialect === "classic") throw new ValidationError(`${word} is a classic method: orchbridge call has it`);
  const checked = method.check(parsed(text));
  if ("issues" in checked) throw new ValidationError(checked.issues.join("; "));
  return { wire: method.wire.replace("orchestrator/", ""), params: checked.params, answer: method.answer };
}

function parsed(text: string): object {
  try {
    const params: unknown = JSON.parse(text);
    if (typeof params === "object" && params !== null && !Array.isArray(params)) return params;
  } catch {
    // said below
  }
  throw new ValidationError(`params: expected a JSON object such as '{"hostname": "h1"}', got ${text}`);
}

function help(commands: readonly OrchCommand[], beginning: string): string {
  const chosen = commands.filter(({ words }) => words.startsWith(beginning));
  const lines = chosen.map(({ words, params, about }) => `${`${words} ${usageOf(params)}`.trimEnd()}\n    ${about}`);
  return lines.length === 0 ? `There is no command that begins with ${beginning}` : lines.join("\n");
}
