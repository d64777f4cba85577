/** What gateways need before they start: free ports, an NFS server's place among its kind, a realm for objects. */

import { randomUUID } from "node:crypto";
import { rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { z } from "zod";

import { NotFoundError, OrchestratorError } from "../index.ts";
import { daemonOwner } from "./accounts.ts";
import { confText } from "./ceph-conf.ts";
import { keyringFolder, makeFolder } from "./daemon-files.ts";
import { programPath } from "./daemon-types.ts";
import { writeDurably } from "./durable-file.ts";
import type { Handlers } from "./handlers.ts";
import { cleanEnvironment } from "./launching.ts";
import { commandLine } from "./process-table.ts";
import { type Ended, runProgram } from "./program.ts";
import type { CheckedParams, DaemonType } from "./protocol.ts";
import { type AgentSettings, rootOf } from "./settings.ts";
import { takenPorts } from "./sockets.ts";

const WITHIN_MS = 60_000;

export type ToolMethod = "port/taken" | "nfs/join" | "nfs/leave" | "rgw/realm";

/** A program of a gateway's package, run with the key of one account. */
type Run = (program: string, args: readonly string[]) => Promise<Ended>;

export function toolHandlers(settings: AgentSettings): Handlers<ToolMethod> {
  return {
    "port/taken": ({ ports }) => takenPorts(ports).map(({ port, pid }) => ({ port, by: holderOf(pid) })),
    "nfs/join": (params) =>
      withAccount(settings, "nfs", params, async (run, { conf, user }) => {
        const within = params.namespace === "" ? [] : ["--namespace", params.namespace];
        const at = ["--conf", conf, "--name", params.entity, "--pool", params.pool, ...within];
        // Made only where it is missing: the exports of the cluster may be in it already.
        const made = await run("rados", [...at, "create", params.object]);
        if (made.status !== 0 && !/exists/i.test(made.stderr)) throw failed("rados create", made);
        await done(run, "ganesha-rados-grace", [...graceAt(conf, user, params), "add", params.node]);
        return {};
      }),
    "nfs/leave": (params) =>
      withAccount(settings, "nfs", params, async (run, { conf, user }) => {
        await done(run, "ganesha-rados-grace", [...graceAt(conf, user, params), "remove", params.node]);
        return {};
      }),
    "rgw/realm": (params) =>
      withAccount(settings, "rgw", params, async (run, { conf }) => {
        const admin = async (...args: string[]): Promise<string> =>
          done(run, "radosgw-admin", ["--conf", conf, "--name", params.entity, ...args]);
        const missing = await missingIn(admin, params);
        if (params.make) await makeRealm(admin, params, missing);
        return { missing };
      }),
  };
}

function holderOf(pid: number | undefined): string {
  return pid === undefined ? "another process" : `${commandLine(pid)[0] ?? "a process"} (pid ${pid})`;
}

function graceAt(conf: string, user: string, { pool, namespace }: { pool: string; namespace: string }): string[] {
  const within = namespace === "" ? [] : ["--ns", namespace];
  return ["--cephconf", conf, "--userid", user, "--pool", pool, ...within];
}

type Admin = (...args: string[]) => Promise<string>;

const realmList = z.object({ realms: z.array(z.string()).default([]) });
const zoneList = z.object({ zones: z.array(z.string()).default([]) });
const zonegroupList = z.object({ zonegroups: z.array(z.string()).default([]) });

type Place = CheckedParams<"rgw/realm">;
type Part = "realm" | "zonegroup" | "zone";

/** On Pacific it is an error that the pool of realms is not there yet. */
async function realmsOf(admin: Admin): Promise<string[]> {
  try {
    return realmList.parse(JSON.parse(await admin("realm", "list"))).realms;
  } catch (error) {
    if (error instanceof OrchestratorError && /\(2\) No such file/.test(error.message)) return [];
    throw error;
  }
}

async function missingIn(admin: Admin, { realm, zonegroup, zone }: Place): Promise<Part[]> {
  const within = ["--rgw-realm", realm];
  const realms = await realmsOf(admin);
  if (!realms.includes(realm)) return ["realm", "zonegroup", "zone"];
  const { zonegroups } = zonegroupList.parse(JSON.parse(await admin("zonegroup", "list", ...within)));
  const { zones } = zoneList.parse(JSON.parse(await admin("zone", "list", ...within)));
  return [
    ...(zonegroups.includes(zonegroup) ? [] : (["zonegroup"] as const)),
    ...(zones.includes(zone) ? [] : (["zone"] as const)),
  ];
}

/** As the documentation of multisite does it; the first realm of a cluster is its default. */
async function makeRealm(admin: Admin, place: Place, missing: readonly Part[]): Promise<void> {
  const { realm, zonegroup, zone } = place;
  const realms = await realmsOf(admin);
  const mark = realms.every((one) => one === realm) ? ["--default"] : [];
  const group = ["--rgw-realm", realm, "--rgw-zonegroup", zonegroup];
  const whole = [...group, "--rgw-zone", zone];
  if (missing.includes("realm")) await admin("realm", "create", "--rgw-realm", realm, ...mark);
  if (missing.includes("zonegroup")) await admin("zonegroup", "create", ...group, "--master", ...mark);
  if (missing.includes("zone")) await admin("zone", "create", ...whole, "--master", ...mark);
  await admin("period", "update", ...whole, "--commit");
}

/** Runs work with the account's key in a file that is gone afterwards. */
async function withAccount<Result>(
  settings: AgentSettings,
  type: DaemonType,
  { entity, keyring: key }: { entity: string; keyring: string },
  work: (run: Run, account: { conf: string; user: string }) => Promise<Result>,
): Promise<Result> {
  const root = rootOf(settings, type);
  const owner = daemonOwner(settings.user, root);
  const stem = join(keyringFolder(settings.dataDir), `tool.${randomUUID()}`);
  const [conf, keyring] = [`${stem}.conf`, `${stem}.keyring`];
  const run: Run = (program, args) =>
    runProgram(argvOf(program, args, root), cleanEnvironment(settings.dataDir), WITHIN_MS);
  try {
    makeFolder(dirname(stem), owner);
    await writeDurably(keyring, key, 0o600, owner);
    await writeDurably(
      conf,
      `${confText(settings.conf).trimEnd()}\n\n[${entity}]\nkeyring = ${keyring}\n`,
      0o600,
      owner,
    );
    return await work(run, { conf, user: entity.replace(/^client\./, "") });
  } finally {
    rmSync(conf, { force: true });
    rmSync(keyring, { force: true });
  }
}

function argvOf(program: string, args: readonly string[], root: string | undefined): [string, ...string[]] {
  const path = programPath(program, root);
  if (path === undefined)
    throw new NotFoundError(`${program} is not installed ${root === undefined ? "on this host" : `in ${root}`}`);
  return root === undefined ? [path, ...args] : ["chroot", root, path, ...args];
}

async function done(run: Run, program: string, args: readonly string[]): Promise<string> {
  const ended = await run(program, args);
  if (ended.status !== 0) throw failed(program, ended);
  return ended.stdout;
}

function failed(what: string, { status, stderr, stdout }: Ended): OrchestratorError {
  const lines = `${stderr}\n${stdout}`.split("\n").filter((line) => line.trim() !== "");
  return new OrchestratorError(`${what}: ${lines.at(-1) ?? `ended with ${status}`}`);
}
