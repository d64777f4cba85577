/** The module's options in the cluster's configuration, where there is a ceph command that can tell them. */

import { spawnSync } from "node:child_process";
import { statSync } from "node:fs";
import { isAbsolute } from "node:path";
import { z } from "zod";
import { builtInBackends, loadBackend } from "../../main/load-backend.ts";
import { messageOf } from "../../orchestrator/errors.ts";
import { connecting } from "./agent.ts";
import { fileFinding } from "./files.ts";
import { absent, type Finding, good, wrong } from "./finding.ts";
import { nodeFinding } from "./module-folder.ts";

/** A cluster without quorum answers nothing. */
const PATIENCE_MS = 15_000;

const NOT_KNOWN = ", so the module's options are not known";

const PREFIX = "mgr/orchbridge/";
const ORCHESTRATOR = "mgr/orchestrator/orchestrator";

const dumpShape = z.array(z.object({ section: z.string(), name: z.string(), value: z.string() }));

/** What the configuration says about the module. */
export interface ModuleOptions {
  readonly findings: readonly Finding[];
  /** The backend that is chosen; undefined where that is not known. */
  readonly backend: string | undefined;
}

/** Asks the cluster, and looks at each value. */
export async function optionFindings(): Promise<ModuleOptions> {
  const { stdout, stderr, error, status } = spawnSync("ceph", ["config", "dump", "--format", "json"], {
    encoding: "utf8",
    timeout: PATIENCE_MS,
  });
  if (error !== undefined) {
    if ("code" in error && error.code === "ENOENT") {
      const says = `there is no ceph command here${NOT_KNOWN}`;
      return { findings: [absent("options", says)], backend: undefined };
    }
    return unanswered(`ceph config dump did not end: ${error.message}`);
  }
  const dump = status === 0 ? dumpShape.safeParse(parsed(stdout)) : undefined;
  if (dump?.success !== true) {
    return unanswered(status === 0 ? "ceph config dump answered something else" : firstLine(stderr));
  }
  const values = new Map(dump.data.filter(({ section }) => section === "mgr").map(({ name, value }) => [name, value]));
  return { findings: await checked(values), backend: values.get(`${PREFIX}backend`) };
}

function unanswered(why: string): ModuleOptions {
  const cure = "make ceph config dump work here: a ceph.conf and a keyring that may ask, and monitors with quorum";
  return { findings: [wrong("options", `${why}${NOT_KNOWN}`, cure)], backend: undefined };
}

async function checked(values: ReadonlyMap<string, string>): Promise<Finding[]> {
  const option = (name: string): string | undefined => values.get(PREFIX + name);
  const [backend = "", node = "", attach = ""] = ["backend", "node_path", "attach"].map(option);
  return [
    orchestratorFinding(values.get(ORCHESTRATOR)),
    ...(backend === "" && attach !== "" ? [] : await backendFindings(backend, option("backend_options") ?? "")),
    ...(attach === "" ? [] : [await attachFinding(attach)]),
    ...(node === "" ? [] : nodePathFindings(node)),
    ...numberFinding("call_timeout", option("call_timeout"), 1, 3600, "seconds"),
    ...numberFinding("memory_limit", option("memory_limit"), 32, 1_048_576, "MB"),
  ];
}

function orchestratorFinding(chosen: string | undefined): Finding {
  const about = "orchestrator";
  if (chosen === "orchbridge") return good(about, "orchbridge is the cluster's orchestrator");
  return wrong(
    about,
    chosen === undefined || chosen === ""
      ? "the cluster has no orchestrator"
      : `the cluster's orchestrator is ${chosen}`,
    "ceph mgr module enable orchbridge --force, then: ceph orchbridge activate",
  );
}

async function backendFindings(backend: string, text: string): Promise<Finding[]> {
  const about = "option backend";
  if (backend === "")
    return [
      wrong(about, "no backend is set", "ceph config set mgr mgr/orchbridge/backend NAME (or the path of a .ts file)"),
    ];
  if (!isAbsolute(backend)) {
    const known = builtInBackends();
    if (!known.includes(backend))
      return [
        wrong(
          about,
          `there is no built-in backend ${backend}`,
          `take one of ${known.join(", ")}, or the absolute path of a file`,
        ),
      ];
    return [good(about, `the built-in backend ${backend}`), await givenOptionsFinding(backend, text)];
  }
  const file = fileFinding(about, backend);
  return file.state === "good" ? [file, await givenOptionsFinding(backend, text)] : [file];
}

/** Whether the backend can be loaded and takes its options. Nothing is created. */
export async function givenOptionsFinding(backend: string, text: string): Promise<Finding> {
  const about = "option backend_options";
  const options = text === "" ? null : parsed(text);
  if (options === undefined || Array.isArray(options) || (typeof options !== "object" && options !== null))
    return wrong(about, "not a JSON object", `ceph config set mgr mgr/orchbridge/backend_options '{"NAME": VALUE}'`);
  try {
    const definition = await loadBackend(backend);
    await definition.parseOptions(options);
    return good(about, `${definition.name} can be loaded and takes its options`);
  } catch (error) {
    return wrong(about, messageOf(error), "correct the file or the option that the sentence names");
  }
}

/** A process of the author's is used in place of the manager's own: for nobody to be surprised by. */
async function attachFinding(path: string): Promise<Finding> {
  const about = "option attach";
  const give = `ceph config rm mgr ${PREFIX}attach, or run orchbridge attach FILE --socket ${path} on the manager's host`;
  if (statSync(path, { throwIfNoEntry: false })?.isSocket() !== true)
    return wrong(about, `the manager is to use a process at ${path}, where there is no socket`, give);
  const problem = await connecting(path);
  return problem === undefined
    ? good(about, `a process at ${path} is used in place of the manager's own`)
    : wrong(about, `the manager is to use a process at ${path}, where nobody answers: ${problem}`, give);
}

function nodePathFindings(path: string): Finding[] {
  const file = fileFinding("option node_path", path);
  return file.state === "good" ? [nodeFinding("option node_path", path)] : [file];
}

function numberFinding(name: string, value: string | undefined, least: number, most: number, unit: string): Finding[] {
  if (value === undefined || value === "") return [];
  const about = `option ${name}`;
  const number = Number(value);
  if (number >= least && number <= most) return [good(about, `${value} ${unit}`)];
  return [wrong(about, `${value} is not between ${least} and ${most} ${unit}`, `ceph config rm mgr ${PREFIX}${name}`)];
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // whoever asked says what was expected
  }
}

function firstLine(text: string): string {
  return text.trim().split("\n", 1)[0] || "ceph config dump failed";
}
