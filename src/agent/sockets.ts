/** Who listens where, by the kernel's tables in /proc. */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";

import { allPids } from "./process-table.ts";

/** State of a listening TCP socket, and the flag of a listening Unix one. */
const TCP_LISTEN = "0A";
const UNIX_ACCEPTS = 0x10000;

function rows(file: string): string[][] {
  try {
    return readFileSync(file, "utf8")
      .trim()
      .split("\n")
      .slice(1)
      .map((row) => row.trim().split(/\s+/));
  } catch {
    return []; // no such protocol in this kernel, or the process is gone
  }
}

/** The TCP ports on which somebody listens, each with the numbers of its sockets. */
function listeningPorts(): Map<number, string[]> {
  const ports = new Map<number, string[]>();
  for (const row of [...rows("/proc/net/tcp"), ...rows("/proc/net/tcp6")]) {
    const port = Number.parseInt(row[1]?.split(":").at(-1) ?? "", 16);
    const inode = row[9];
    if (row[3] === TCP_LISTEN && inode !== undefined) ports.set(port, [...(ports.get(port) ?? []), inode]);
  }
  return ports;
}

export interface TakenPort {
  readonly port: number;
  /** Undefined when that process is none that may be looked into. */
  readonly pid: number | undefined;
}

/** Those of the ports on which somebody listens already. */
export function takenPorts(ports: readonly number[]): TakenPort[] {
  if (ports.length === 0) return [];
  const listening = listeningPorts();
  return ports.flatMap((port) => {
    const inodes = listening.get(port);
    return inodes === undefined ? [] : [{ port, pid: processWith(inodes) }];
  });
}

/** The process that holds one of these sockets open. */
function processWith(inodes: readonly string[]): number | undefined {
  return allPids().find((pid) => openSockets(pid).some((inode) => inodes.includes(inode)));
}

function openSockets(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
      const inode = /^socket:\[(\d+)\]$/.exec(linkOf(`/proc/${pid}/fd/${fd}`))?.[1];
      return inode ?? [];
    });
  } catch {
    return []; // gone, or not ours to read
  }
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return "";
  }
}

interface UnixListener {
  readonly path: string;
  readonly inode: string;
}

function unixListeners(pid: number | "self"): UnixListener[] {
  return rows(`/proc/${pid}/net/unix`).flatMap((row) => {
    const [, , , flags = "0", , , inode, path] = row;
    const listens = (Number.parseInt(flags, 16) & UNIX_ACCEPTS) !== 0;
    return listens && inode !== undefined && path !== undefined ? [{ path, inode }] : [];
  });
}

/** The process that listens on a Unix socket of this name. */
export function listenerOf(path: string): number | undefined {
  // A socket keeps the name under which it was made, which for an agent's has an ending.
  const inodes = unixListeners("self").filter((listener) => isNameOf(listener.path, path));
  return inodes.length === 0 ? undefined : processWith(inodes.map(({ inode }) => inode));
}

function isNameOf(made: string, path: string): boolean {
  return made === path || made.replace(/\.new-\d+$/, "") === path;
}

/** The admin sockets on which a process listens, as paths in its own root folder. */
export function adminSocketsOf(pid: number): string[] {
  const own = new Set(openSockets(pid));
  return unixListeners(pid)
    .filter(({ path, inode }) => path.endsWith(".asok") && own.has(inode))
    .map(({ path }) => path);
}
