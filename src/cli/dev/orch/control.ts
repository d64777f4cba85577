/** `orch status`, `orch pause` and the like, and the interface's features. */

import { METHODS } from "../../../orchestrator/generated/methods.ts";
import { command, type OrchCommand, oneCall } from "./command.ts";
import { formatted } from "./formats.ts";

const FORMAT = "[--format=plain|json|json-pretty|yaml]";

export const CONTROL_COMMANDS: readonly OrchCommand[] = [
  command("status", `[--detail] ${FORMAT}`, "Report configured backend and its status", async (args, orch) => {
    const { available, reason, details } = orch.status();
    const known = typeof details === "object" && details !== null && !Array.isArray(details) ? details : {};
    const format = args.optional("format") ?? "plain";
    if (format !== "plain")
      return formatted({ available, backend: "orchbridge", ...(available === true ? known : { reason }) }, format);
    const lines = [
      "Backend: orchbridge",
      `Available: ${available === true ? "Yes" : `No (${typeof reason === "string" ? reason : "no reason given"})`}`,
      ...("paused" in known && available === true ? [`Paused: ${known["paused"] === true ? "Yes" : "No"}`] : []),
      ...("workers" in known && args.flag("detail") ? [`Host Parallelism: ${JSON.stringify(known["workers"])}`] : []),
    ];
    return lines.join("\n");
  }),
  command("features", FORMAT, "List what the backend can do", async (args, orch) => {
    const features = new Set(orch.features());
    const names = Object.entries(METHODS).flatMap(([wire, { name, local, signatures }]) =>
      wire.startsWith("orchestrator/") && !local && signatures.tentacle !== undefined ? [name] : [],
    );
    const format = args.optional("format") ?? "plain";
    if (format !== "plain")
      return formatted(Object.fromEntries(names.map((name) => [name, features.has(name)])), format);
    const width = Math.max(...names.map(({ length }) => length));
    return names.map((name) => `${name.padEnd(width)}  ${features.has(name) ? "yes" : "no"}`).join("\n");
  }),
  oneCall("pause", "", "Pause orchestrator background work", "pause"),
  oneCall("resume", "", "Resume orchestrator background work (if paused)", "resume"),
  oneCall("unpause", "", "Alias to orch resume", "resume"),
  oneCall("cancel", "", "Cancel ongoing background operations", "cancel_completions"),
];
