/** `orchbridge doctor`: what is wrong with orchbridge on this machine, and what to do about it. */

import { resolve } from "node:path";
import { nodeProblem } from "../main/node-version.ts";
import { VERSION } from "../main/version.ts";
import { type Paint, paintFor } from "./dev/colours.ts";
import { agentFinding } from "./doctor/agent.ts";
import { fileFinding } from "./doctor/files.ts";
import { type Finding, good, wrong } from "./doctor/finding.ts";
import { moduleFindings } from "./doctor/module-folder.ts";
import { givenOptionsFinding, optionFindings } from "./doctor/options.ts";
import { doctorUsage } from "./doctor/usage.ts";
import { readWords } from "./options.ts";

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
  const findings = await examine({
    mgrDir: resolve(options.get("mgr-dir") ?? "/usr/share/ceph/mgr"),
    agentSocket: options.get("agent-socket") ?? "/run/orchbridge/agent.sock",
    backend: options.get("backend"),
  });
  const ok = findings.every(({ state }) => state !== "wrong");
  if (options.has("json")) process.stdout.write(`${JSON.stringify({ ok, findings }, null, 2)}\n`);
  else process.stdout.write(report(findings, paintFor(process.stdout)));
  process.exitCode = ok ? 0 : 1;
  // Loading a backend's file may have left something running.
  process.stdout.write("", () => process.exit());
}

interface Surroundings {
  readonly mgrDir: string;
  readonly agentSocket: string;
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
  const module = moduleFindings(mgrDir);
  const options = await optionFindings();
  const agent = await agentFinding(agentSocket, WITH_AGENT.includes(options.backend ?? ""));
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
  return `${[...lines, "", count === 0 ? "Nothing is wrong." : `${count} ${count === 1 ? "thing is" : "things are"} wrong.`].join("\n")}\n`;
}
