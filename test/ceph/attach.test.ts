/** A backend in its author's process on a real manager: what stands at a breakpoint holds nobody else, and is not ended. */
import { type ChildProcessByStdio, spawn } from "node:child_process";
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { missing, until } from "../../testbed/cluster.ts";
import { clusterWithModule } from "./cluster-with-module.ts";
import { buildModule } from "./installed-module.ts";
import { setOption, unsetOption } from "./own-backend.ts";

const OWN = [{ hostname: "h1", addr: "10.1.1.1" }];
const SOON_MS = 120_000;
/** Longer than any wait here: a call that is held is answered because its process goes on. */
const LONG = "900";
const node = join(import.meta.dirname, `../../node_modules/node-linux-${process.arch}/bin/node`);

/** What `ceph orchbridge status --format json` says of it. */
interface Status {
  readonly attached: { readonly socket: string; readonly stands_still: boolean } | null;
  readonly backend: { readonly available: boolean; readonly reason: string };
  readonly node: { readonly pid: number | null; readonly problem: string | null; readonly crashes: number };
}

describe("a backend in its author's process, on tentacle", () => {
  const at = clusterWithModule({ release: "tentacle", name: "attach", options: { hosts: OWN } });
  let author: ChildProcessByStdio<null, Readable, Readable> | undefined;
  let said = "";

  beforeAll(async () => {
    if (missing("tentacle") === null) await arrive();
  });
  afterAll(() => void author?.kill("SIGKILL"));

  const socket = (): string => join(at().cluster.folder("attach"), "author.sock");

  /** Starts `orchbridge attach` beside the manager, as a debugger does. */
  const arrive = async (): Promise<void> => {
    const managersUser = String(statSync(`/proc/${at().cluster.mgrPid()}`).uid);
    const words = ["attach", "memory", "--socket", socket(), "--user", managersUser];
    said = "";
    author = spawn(node, [buildModule(), ...words], { stdio: ["ignore", "pipe", "pipe"] });
    for (const stream of [author.stdout, author.stderr]) stream.on("data", (text: Buffer) => (said += text.toString()));
    await until(
      () => `the author's process to listen; it says ${said}`,
      SOON_MS,
      () => said.includes("waits for a manager") || undefined,
    );
  };

  const optionsWith = (hostname: string): string => JSON.stringify({ hosts: [{ hostname, addr: "10.1.1.2" }] });

  /** Options reach a manager in the order in which they were set, so a host tells that the time limit is there. */
  const setTimeLimit = async (seconds: string, hostname: string): Promise<void> => {
    await setOption(at(), "call_timeout", seconds);
    await setOption(at(), "backend_options", optionsWith(hostname));
    await until("the options to be in use", SOON_MS, async () => {
      const { out } = await at().cluster.rados().mgr({ prefix: "orch host ls" });
      return out.includes(hostname) || undefined;
    });
  };

  const signalAuthor = (signal: NodeJS.Signals): void => {
    expect(author?.kill(signal)).toBe(true);
  };

  const statusUntil = (what: string, holds: (status: Status) => boolean): Promise<Status> =>
    until<Status>(what, SOON_MS, async () => {
      const status = await at().read<Status>("orchbridge status");
      return holds(status) ? status : undefined;
    });

  /** Waits until `ceph health` has exactly these checks of ours; the detail of the first. */
  const healthUntil = (...wanted: string[]): Promise<string> => {
    let last = "";
    return until(
      () => `the checks ${wanted.join()}; health says ${last}`,
      SOON_MS,
      async () => {
        const { out } = await at().cluster.rados().mon({ prefix: "health", detail: "detail", format: "json" });
        last = out;
        const { checks } = JSON.parse(out) as { checks: Record<string, { detail: { message: string }[] }> };
        const ours = Object.keys(checks).filter((name) => name.startsWith("ORCHBRIDGE_"));
        return ours.join() === wanted.join() ? (checks[wanted[0] ?? ""]?.detail[0]?.message ?? "none") : undefined;
      },
    );
  };

  const authorsState = (): string => {
    const stat = readFileSync(`/proc/${author?.pid}/stat`, "utf8");
    return stat.slice(stat.lastIndexOf(")") + 2, stat.lastIndexOf(")") + 3);
  };

  it("is used in place of the manager's own, when the option names its socket", async () => {
    expect(await at().ok("orch host ls")).toContain("h1");
    await setOption(at(), "call_timeout", LONG);
    await setOption(at(), "backend_options", optionsWith("authors"));
    await setOption(at(), "attach", at().cluster.pathInRoot(socket()));
    const { node: running } = await statusUntil(
      "the author's process to be used",
      ({ attached, backend, node: { pid } }) => attached !== null && backend.available && pid === author?.pid,
    );
    expect(running.crashes).toBe(0);
    expect(await at().ok("orch host ls")).toContain("authors");
    expect(await at().ok("orch host add h7 10.1.1.7")).toBe("Added host 'h7' with addr '10.1.1.7'");
    expect(at().nodePids()).toEqual([]);
    const status = await at().ok("orchbridge status");
    expect(status).toContain(`Attached: the process at ${at().cluster.pathInRoot(socket())}\n`);
    expect(status).toContain("Permissions: those of the attached process, which are not limited\n");
    expect(said).toMatch(/^mgr\.x of Ceph 20\.2\.\S+ \(tentacle\) is attached$/m);
  });

  it("holds no other call while it stands at a breakpoint, and its own go on with it", async () => {
    signalAuthor("SIGSTOP");
    let done = false;
    const held = at()
      .cluster.rados()
      .mgr({ prefix: "orch host ls" }, { timeoutMs: 600_000 })
      .finally(() => (done = true));
    // From the monitor, from other modules, and from this one.
    for (const prefix of ["balancer status", "progress json", "telemetry status", "fs volume ls", "crash ls"])
      expect(await at().cluster.rados().mgr({ prefix, format: "json" })).toMatchObject({ ret: 0 });
    expect(await at().cluster.rados().mon({ prefix: "status" })).toMatchObject({ ret: 0 });
    const { backend } = await statusUntil("it to be told", ({ attached }) => attached?.stands_still === true);
    expect(backend).toMatchObject({
      available: false,
      reason: "the attached process does not answer: is it stopped at a breakpoint?",
    });
    expect(await at().ok("orchbridge status")).toContain(", which does not answer\n");
    expect(done).toBe(false);
    // By when a process of the manager's own would have been ended.
    expect(await healthUntil("ORCHBRIDGE_BACKEND_UNAVAILABLE")).toContain("is it stopped at a breakpoint?");
    expect(authorsState()).toBe("T");
    signalAuthor("SIGCONT");
    expect(await held).toMatchObject({ ret: 0, out: expect.stringContaining("authors") as string });
    const { node: running } = await statusUntil("it to go on", (status) => status.backend.available);
    expect(running).toMatchObject({ pid: author?.pid, crashes: 0 });
    await healthUntil();
  });

  it("that stands there longer than a deadline: the call ends, and the process does not", async () => {
    await setTimeLimit("2", "hasty");
    signalAuthor("SIGSTOP");
    await at().refused("orch host ls", "ETIMEDOUT", "timed out after 2 s in memory.getHosts");
    expect(authorsState()).toBe("T");
    signalAuthor("SIGCONT");
    await statusUntil("it to go on", (status) => status.backend.available && status.node.pid === author?.pid);
    await setTimeLimit(LONG, "patient");
  });

  it("may end and be started again: the manager says who is missing, and connects by itself", async () => {
    signalAuthor("SIGKILL");
    const { node: running } = await statusUntil("its end to be told", ({ node: { problem } }) =>
      Boolean(problem?.includes("nobody listens at")),
    );
    expect(running.problem).toContain("run orchbridge attach FILE --socket ");
    expect(await healthUntil("ORCHBRIDGE_DOWN")).toContain("give it up: ceph config rm mgr mgr/orchbridge/attach");
    await arrive();
    await statusUntil(
      "the next one to be used",
      ({ backend, node: { pid } }) => backend.available && pid === author?.pid,
    );
    expect(await at().ok("orch host ls")).toContain("patient");
  });

  it("is let go when the option is removed, and runs on", async () => {
    await unsetOption(at(), "attach");
    await statusUntil("the own process to be back", ({ attached, backend }) => attached === null && backend.available);
    expect(at().nodePids()).toHaveLength(1);
    expect(await at().ok("orch host ls")).toContain("patient");
    await until("it to be told", SOON_MS, () => said.includes("mgr.x is no longer attached") || undefined);
    expect(author?.exitCode).toBeNull();
    signalAuthor("SIGTERM");
    await until("its end", SOON_MS, () => author?.exitCode ?? undefined);
    expect(author?.exitCode).toBe(0);
    await healthUntil();
  });

  it("leaves the mgr as it was", () => at().expectNoHarm());
});
