/** Finding a Debian mirror for a suite in this machine's own apt configuration. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { run } from "./run.ts";

/** Where a suite comes from, and the proxy that apt uses for it (empty: none). */
export interface Mirror {
  readonly uri: string;
  readonly proxy: string;
}

const APT_HELPER = "/usr/lib/apt/apt-helper";

/** The first of apt's repositories that serves the suite; ORCHBRIDGE_MIRROR overrides them. */
export async function findMirror(suite: string): Promise<Mirror> {
  const own = process.env["ORCHBRIDGE_MIRROR"];
  const candidates = own === undefined || own === "" ? await configured() : [own];
  for (const uri of candidates) {
    if (await serves(uri, suite)) return { uri, proxy: await proxyOf(uri) };
  }
  const tried = candidates.length === 0 ? "it names none" : `tried ${candidates.join(", ")}`;
  throw new Error(
    `no mirror in apt's configuration serves Debian ${suite} (${tried}); set ORCHBRIDGE_MIRROR to the address of one that does`,
  );
}

async function configured(): Promise<string[]> {
  const format = ["--format", "$(CREATED_BY) $(COMPONENT) $(REPO_URI)"];
  const { stdout } = await run("apt-get", ["indextargets", ...format]);
  const main = stdout.split("\n").filter((line) => line.startsWith("Packages main "));
  return [...new Set(main.map((line) => line.split(" ")[2] ?? "").map((uri) => uri.replace(/\/$/, "")))];
}

/** Asked through apt's own downloader, which knows the machine's proxies. */
async function serves(uri: string, suite: string): Promise<boolean> {
  const dir = mkdtempSync(join(tmpdir(), "orchbridge-mirror-"));
  try {
    const { code } = await run(APT_HELPER, ["download-file", `${uri}/dists/${suite}/Release`, join(dir, "Release")]);
    return code === 0;
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

async function proxyOf(uri: string): Promise<string> {
  const scheme = new URL(uri).protocol.replace(":", "");
  const { stdout } = await run("apt-config", ["dump", "--format", "%v%n", `Acquire::${scheme}::Proxy`]);
  const proxy = stdout.trim();
  return proxy === "DIRECT" ? "" : proxy;
}
