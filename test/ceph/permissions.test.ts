/** Node's permission model and memory bounds around a backend, in a real mgr. */
import { chmodSync, existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";

import { until } from "../../testbed/cluster.ts";
import { type ClusterWithModule, clusterWithModule } from "./cluster-with-module.ts";
import { placeBackend, setOption, unsetOption, useBackend } from "./own-backend.ts";

interface Status {
  readonly permissions: string | null;
  readonly node: { readonly pid: number; readonly crashes: number; readonly last_end: string | null };
}

describe.each(["pacific", "tentacle"] as const)("a backend on %s", (release) => {
  const at = clusterWithModule({ release, name: "permissions", user: "ceph" });
  const status = (): Promise<Status> => at().read<Status>("orchbridge status");

  const refused = (doing: string, says: string): Promise<void> =>
    at().refused(`orch host add ${doing}`, "EACCES", says);

  it("that declares nothing may not write a file or start a process, and is told what to declare", async () => {
    const folder = shared(at());
    await useBackend(at(), "reaching", { out: `${folder.inRoot}/out` });
    await refused("write", `it may not write ${folder.inRoot}/out; a backend that needs this declares`);
    await refused("spawn", "defineBackend({ permissions: { childProcess: true }, … })");
    expect(existsSync(join(folder.path, "out"))).toBe(false);
    expect((await status()).permissions).toBe("network, which this Node cannot deny");
    at().expectNoHarm();
  });

  it("that declares them may, in a process of its own, and the operator sees it", async () => {
    const folder = shared(at());
    const before = (await status()).node;
    const declared = { out: `${folder.inRoot}/out`, write: [folder.inRoot], childProcess: true };
    await useBackend(at(), "reaching", declared);
    await at().readUntil<Status>(
      "the permissions",
      "orchbridge status",
      {},
      ({ permissions }) => permissions?.startsWith(`write ${folder.inRoot}; start processes`) === true,
    );
    await at().waitUntilAvailable();
    await at().ok("orch host add write");
    await at().ok("orch host add spawn");
    expect(readFileSync(join(folder.path, "out"), "utf8")).toBe("written");
    expect(await at().ok("orchbridge status")).toContain(`Permissions: write ${folder.inRoot}; start processes`);
    const { node } = await status();
    expect(node.pid).not.toBe(before.pid);
    expect(node.crashes).toBe(before.crashes);
    expect(node.last_end).toMatch(/^the Node process was ended on request: /);
    at().expectNoHarm();
  });

  it("gets a cache of its own in the manager's folder, and tells debug lines when the manager's log takes them", async () => {
    const variables = async (): Promise<string[]> => {
      const { node } = await status();
      return readFileSync(`/proc/${node.pid}/environ`, "utf8").split("\0");
    };
    const folder = `${at().cluster.inside}/mgr.x/orchbridge-cache`;
    expect(await variables()).toContainEqual(expect.stringContaining(`ORCHBRIDGE_CACHE_DIR=${folder}/`));
    expect(await variables()).not.toContain("ORCHBRIDGE_LOG_LEVEL=debug");
    await setOption(at(), "log_level", "debug");
    await until("Node to tell debug lines", 60_000, async () => {
      await at().ok("orchbridge restart");
      return (await variables()).includes("ORCHBRIDGE_LOG_LEVEL=debug") || undefined;
    });
    await unsetOption(at(), "log_level");
    at().expectNoHarm();
  });

  it("keeps them over a crash, and loses them with another backend", async () => {
    const { node } = await status();
    process.kill(node.pid, "SIGKILL");
    await at().readUntil<Status>(
      "another process",
      "orchbridge status",
      {},
      (now) => now.node.pid > 0 && now.node.pid !== node.pid,
    );
    await at().waitUntilAvailable();
    expect((await status()).permissions).toMatch(/^write .*; start processes/);
    await setOption(at(), "backend_options", "{}");
    await setOption(at(), "backend", "memory");
    await at().readUntil<Status>(
      "none",
      "orchbridge status",
      {},
      ({ permissions }) => permissions === "network, which this Node cannot deny",
    );
    await at().waitUntilAvailable();
  });

  it("whose declaration is wrong leaves the former one in use", async () => {
    await setOption(at(), "backend_options", '{"write": ["here"]}');
    await useRefused(at(), 'backend reaching: permissions.write[0]: expected an absolute path, got "here"');
    await at().ok("orch host ls");
    await setOption(at(), "backend", "memory");
    await setOption(at(), "backend_options", "{}");
    await at().waitUntilAvailable();
  });

  it("that hoards memory is ended with the reason, within its heap and beyond it", async () => {
    await setOption(at(), "memory_limit", "64");
    await useBackend(at(), "reaching");
    for (const [how, says] of [
      ["heap", /ran out of memory: its JavaScript objects need more than the 64 MB of memory_limit/],
      ["buffers", /was ended: it occupies \d+ MB of memory, and may 320; .* raise memory_limit/],
    ] as const) {
      const { stderr, code } = await at().ceph(`orch host add ${how}`);
      expect(stderr).toMatch(says);
      expect(code).not.toBe(0);
      await at().readUntil<Status>("the end", "orchbridge status", {}, ({ node }) => says.test(node.last_end ?? ""));
      await at().waitUntilAvailable();
    }
    at().expectNoHarm();
  });
});

async function useRefused(at: ClusterWithModule, says: string): Promise<void> {
  await setOption(at, "backend", placeBackend(at, "reaching"));
  let last = "";
  await until(
    () => `${says}; the mgr says ${last}`,
    30_000,
    async () => {
      last = await at.status();
      return last.includes(`${says}; the former configuration stays in use`) || undefined;
    },
  );
}

/** A folder that the mgr's user may write to, empty. */
function shared(at: ClusterWithModule): { path: string; inRoot: string } {
  const path = at.cluster.folder("shared");
  rmSync(join(path, "out"), { force: true });
  chmodSync(path, 0o777);
  return { path, inRoot: at.cluster.pathInRoot(path) };
}
