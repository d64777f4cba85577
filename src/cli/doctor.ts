/** `orchbridge doctor`: what is wrong with orchbridge on this machine, and what to do about it. */

import { resolve } from "node:path";
import { DEFAULT_SOCKET } from "../agent/client.ts";
import { nodeProblem } from "../main/node-version.ts";
import { VERSION } from "../main/version.ts";
import { type Paint, paintFor } from "./dev/colours.ts";
import { agentFinding } from "./doctor/agent.ts";
import { fileFinding } from "./doctor/files.ts";
import { type Finding, good, wrong } from "./doctor/finding.ts";
import { moduleFindings } from "./doctor/module-folder.ts";
import { givenOptionsFinding, optionFindings } from "./doctor/options.ts";
import { doctorUsage } from "./doctor/usage.ts";
import { watchEnding } from "./ending.ts";
import { readWords } from "./options.ts";
import { divertPrints, end, ownStdout } from "./own-stdout.ts";

const EXIT_WRONG = 1;

/** Runs the command; sets the exit status. */
export async function doctor(args: string[]): Promise<void> {
  const { options } = readWords(
    args,
    {
      backend: { type: "string" },
      "mgr-dir": { type: "string" },
      "agent-socket": { type: "string" },
      json: { type: "boolean" },
    },
    doctorUsage,
    {},
  );
  divertPrints();
  watchEnding(EXIT_WRONG);
  const findings = await examine({
    mgrDir: options.get("mgr-dir"),
    agentSocket: options.get("agent-socket"),
    backend: options.get("backend"),
  });
  const ok = findings.every(({ state }) => state !== "wrong");
  if (options.has("json")) ownStdout().write(`${JSON.stringify({ ok, findings }, null, 2)}\n`);
  else ownStdout().write(report(findings, paintFor(ownStdout())));
  end(ok ? 0 : EXIT_WRONG);
}

/** What somebody named; that it is not there is wrong then. */
interface Surroundings {
  readonly mgrDir: string | undefined;
  readonly agentSocket: string | undefined;
  readonly backend: string | undefined;
}

/** Backends that work through the host agent. */
const WITH_AGENT = ["local"];

async function examine({ mgrDir, agentSocket, backend }: Surroundings): Promise<Finding[]> {
  const problem = nodeProblem();
  const node =
    problem === undefined
      ? good("Node", `${process.versions.node}, for orchbridge ${VERSION}`)
      : wrong("Node", problem, "install a newer Node");
  const module = moduleFindings(resolve(mgrDir ?? "/usr/share/ceph/mgr"), mgrDir !== undefined);
  const options = await optionFindings();
  const named = agentSocket === undefined ? undefined : "--agent-socket names it";
  const expected = WITH_AGENT.includes(options.backend ?? "") ? "the backend needs it" : named;
  const agent = await agentFinding(agentSocket ?? DEFAULT_SOCKET, expected);
  return [
    node,
    ...module,
    ...options.findings,
    agent,
    ...(backend === undefined ? [] : await fileFindings(resolve(backend), module)),
  ];
}

/** Whose a file is and where it lies only matters to a manager. */
async function fileFindings(path: string, module: readonly Finding[]): Promise<Finding[]> {
  const about = "backend file";
  const loaded = await givenOptionsFinding(path, "");
  // An author's file may well need options: these are for the manager to give.
  const needsOptions = loaded.state === "wrong" && loaded.says.startsWith("backend_options");
  const content = needsOptions ? good(about, `${path} can be loaded; it needs options`) : { ...loaded, about };
  return module.some(({ state }) => state !== "absent") ? [fileFinding(about, path), content] : [content];
}

const SIGNS = { good: "ok", wrong: "WRONG", absent: "-" } as const;

function report(findings: readonly Finding[], paint: Paint): string {
  const width = Math.max(...findings.map(({ about }) => about.length));
  const lines = findings.flatMap(({ about, state, says, cure }) => {
    const sign = paint(SIGNS[state].padEnd(5), state === "good" ? "green" : state === "wrong" ? "red" : "faint");
    const first = `${sign}  ${about.padEnd(width)}  ${says}`;
    return cure === undefined ? [first] : [first, `${" ".repeat(9 + width)}→ ${cure}`];
  });
  const count = findings.filter(({ state }) => state === "wrong").length;
  const verdict = count === 0 ? "Nothing is wrong." : `${count} ${count === 1 ? "thing is" : "things are"} wrong.`;
  const unseen = findings.filter(({ state }) => state === "absent").map(({ about }) => about);
  const last = unseen.length === 0 ? verdict : `${verdict} Not here to be looked at: ${unseen.join(", ")}.`;
  return `${[...lines, "", last].join("\n")}\n`;
}
