/** The little of a ceph.conf that the agent has to know. */
import { readFileSync } from "node:fs";

import { codeOf } from "./durable-file.ts";

/** Its text; empty when there is no such file. */
export function confText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (codeOf(error) === "ENOENT") return "";
    throw error;
  }
}

/** The cluster's fsid; null when there is no such file or it does not say. */
export function fsidIn(path: string): string | null {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if (["ENOENT", "ENOTDIR", "EACCES"].includes(codeOf(error) ?? "")) return null;
    throw error;
  }
  return /^[ \t]*fsid[ \t]*=[ \t]*"?([0-9a-fA-F-]{36})/m.exec(text)?.[1]?.toLowerCase() ?? null;
}
