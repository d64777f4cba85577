/** Users and groups by name, from the files of the host or of a root folder. */
import { readFileSync, statSync } from "node:fs";

import { ValidationError } from "../index.ts";
import type { FileOwner } from "./durable-file.ts";

function lines(file: string): string[][] {
  try {
    return readFileSync(file, "utf8")
      .split("\n")
      .map((line) => line.split(":"));
  } catch {
    return [];
  }
}

/** Undefined when there is no such user. */
export function userNamed(name: string, root = ""): FileOwner | undefined {
  const [, , uid, gid] = lines(`${root}/etc/passwd`).find(([user]) => user === name) ?? [];
  return uid === undefined || gid === undefined ? undefined : { uid: Number(uid), gid: Number(gid) };
}

/** Undefined when there is no such group. */
export function groupNamed(name: string): number | undefined {
  const [, , gid] = lines("/etc/group").find(([group]) => group === name) ?? [];
  return gid === undefined ? undefined : Number(gid);
}

/** The group that may use the socket. */
export function socketGroup(name: string | undefined): number {
  const gid = groupNamed(name ?? "ceph");
  if (gid !== undefined) return gid;
  if (name === undefined) return process.getgid?.() ?? 0;
  throw new ValidationError(`--group ${name}: there is no such group on this host`);
}

/** As whom daemons run: root runs them as another user, anybody else only as themselves. */
export function daemonOwner(user: string, root: string | undefined): FileOwner {
  if (root !== undefined && statSync(root, { throwIfNoEntry: false })?.isDirectory() !== true)
    throw new ValidationError(`--root ${root}: there is no such folder on this host`);
  const own = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
  const wanted = userNamed(user, root) ?? (user === String(own.uid) ? own : undefined);
  if (wanted === undefined)
    throw new ValidationError(
      `--user ${user}: there is no such user ${root === undefined ? "on this host" : `in ${root}`}`,
    );
  if (own.uid !== 0 && own.uid !== wanted.uid)
    throw new ValidationError(`--user ${user}: only an agent that runs as root starts daemons as another user`);
  return wanted;
}

/** The user when none is given. */
export function defaultUser(): string {
  const uid = process.getuid?.() ?? 0;
  if (uid === 0) return userNamed("ceph") === undefined ? "root" : "ceph";
  return lines("/etc/passwd").find(([, , id]) => Number(id) === uid)?.[0] ?? String(uid);
}
