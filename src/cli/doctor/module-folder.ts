/** The installed module: whether it is there, of this version, whole, and has a Node to run. */

import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { nodeProblem } from "../../main/node-version.ts";
import { VERSION } from "../../main/version.ts";
import { absent, type Finding, good, wrong } from "./finding.ts";

const ABOUT = "module";

const manifestShape = z.object({ name: z.literal("orchbridge"), version: z.string(), schema_hash: z.string() });

/** What can be said of `mgrDir`; one that somebody named is expected to be there. */
export function moduleFindings(mgrDir: string, isNamed: boolean): Finding[] {
  if (!existsSync(join(mgrDir, "mgr_module.py"))) {
    const says = existsSync(mgrDir) ? `${mgrDir} is no manager's module folder` : `${mgrDir} does not exist`;
    return isNamed
      ? [wrong(ABOUT, says, "name the folder that holds the manager's mgr_module.py: --mgr-dir DIR")]
      : [absent(ABOUT, `${says}, so there is no manager here`)];
  }
  const folder = join(mgrDir, "orchbridge");
  const install = `npx orchbridge install --mgr-dir ${mgrDir}, and restart the manager`;
  if (!existsSync(folder)) return [wrong(ABOUT, `${folder} is not there`, install)];
  const manifest = readManifest(folder);
  if (manifest === undefined)
    return [wrong(ABOUT, `${folder} was not made by orchbridge install`, `move it away, then: ${install}`)];
  return [
    versionFinding(folder, manifest, install),
    halvesFinding(folder, manifest.schema_hash, install),
    ownNodeFinding(folder),
  ];
}

type Manifest = z.infer<typeof manifestShape>;

function readManifest(folder: string): Manifest | undefined {
  try {
    return manifestShape.parse(JSON.parse(readFileSync(join(folder, "manifest.json"), "utf8")));
  } catch {
    return undefined; // whatever is wrong with it, it is not what install writes
  }
}

function versionFinding(folder: string, { version }: Manifest, install: string): Finding {
  return version === VERSION
    ? good(ABOUT, `orchbridge ${version} is in ${folder}`)
    : wrong(ABOUT, `${folder} is orchbridge ${version}, and this command is ${VERSION}`, install);
}

/** The Python and the JavaScript refuse each other when they were made from other schemas. */
function halvesFinding(folder: string, hash: string, install: string): Finding {
  const about = "module halves";
  const file = join(folder, "generated", "methods.py");
  const own = existsSync(file) ? /^SCHEMA_HASH = "([0-9a-f]+)"/m.exec(readFileSync(file, "utf8"))?.[1] : undefined;
  if (own === hash && existsSync(join(folder, "js", "main.mjs")))
    return good(about, `shim and JavaScript fit together (schemas ${hash})`);
  return wrong(about, `the shim has schemas ${own ?? "of no version"}, the JavaScript ${hash}`, install);
}

function ownNodeFinding(folder: string): Finding {
  const about = "module Node";
  const path = join(folder, "bin", "node");
  if (!existsSync(path))
    return absent(about, `${path} is not there: the manager runs node_path, or the node on its PATH`);
  return nodeFinding(about, path);
}

/** Whether a Node binary runs and is new enough. */
export function nodeFinding(about: string, path: string): Finding {
  const { stdout, error } = spawnSync(path, ["--version"], { encoding: "utf8", timeout: 10_000 });
  const version = /^v(\d+\.\d+\.\d+)/.exec(stdout ?? "")?.[1];
  if (version === undefined)
    return wrong(
      about,
      `${path} does not run${error === undefined ? "" : `: ${error.message}`}`,
      "name the binary of a Node of 22.18 or later",
    );
  if (nodeProblem(version) === undefined) return good(about, `${path} is Node ${version}`);
  return wrong(
    about,
    `${path} is Node ${version}; 22.18 or later is needed`,
    "install a newer Node, or install the module with --node",
  );
}
