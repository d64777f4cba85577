/** A bridge that is set up wrongly says in `ceph orch status` what to do, warns in `ceph health`, and recovers by itself. */
import { renameSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";

import { RELEASE_NAMES, until } from "../../testbed/cluster.ts";
import { type ClusterWithModule, clusterWithModule } from "./cluster-with-module.ts";
import { placeFile, setOption, unsetOption } from "./own-backend.ts";

/** A check waits five seconds for what may pass by itself. */
const HEALTH_MS = 20_000;
const CLI_MS = 20_000;

interface Wrong {
  readonly what: string;
  readonly says: string | RegExp;
  readonly options: (at: ClusterWithModule) => Record<string, string>;
}

const WRONG: readonly Wrong[] = [
  {
    what: "a Node that is not there",
    says: "node_path: cannot read /usr/local/bin/no-node: No such file or directory",
    options: () => ({ node_path: "/usr/local/bin/no-node" }),
  },
  {
    what: "a Node that is too old",
    says: /old-node is Node 18\.20\.4, too old: install Node 22\.18 or later, or name one: ceph config set mgr mgr\/orchbridge\/node_path PATH/,
    options: (at) => ({ node_path: placeFile(at, "old-node", "#!/bin/sh\necho v18.20.4\n", 0o755) }),
  },
  {
    what: "a Node that is none",
    says: /not-node is not Node: --version answers 'hello'/,
    options: (at) => ({ node_path: placeFile(at, "not-node", "#!/bin/sh\necho hello\n", 0o755) }),
  },
  {
    what: "a timeout out of its range",
    says: "call_timeout: expected seconds from 1 to 3600, got 4000",
    options: () => ({ call_timeout: "4000" }),
  },
  {
    what: "options that are not JSON",
    says: "backend_options: not JSON: ",
    options: () => ({ backend_options: "{hosts: []}" }),
  },
  {
    what: "options that break the backend's rules",
    says: "backend_options.hosts[0].hostname: ",
    options: () => ({ backend_options: JSON.stringify({ hosts: [{ hostname: 7 }] }) }),
  },
  {
    what: "an option that the backend does not have",
    says: "backend_options.hostz: unknown key",
    options: () => ({ backend_options: JSON.stringify({ hostz: [] }) }),
  },
  {
    what: "a built-in backend that is not there",
    says: 'backend: there is no built-in backend "memry"',
    options: () => ({ backend: "memry" }),
  },
  {
    what: "a backend file that others can write",
    says: /loose\.ts must not be writable by others; run chmod go-w /,
    options: (at) => ({ backend: placeFile(at, "loose.ts", "export default 1;\n", 0o666) }),
  },
  {
    what: "a backend file where a packaged mgr cannot see it",
    says: "backend: /tmp/mine.ts lies under /tmp, which a packaged manager cannot see; move it",
    options: () => ({ backend: "/tmp/mine.ts" }),
  },
  {
    what: "a backend file with a syntax that Node cannot strip",
    says: /enum\.ts:\d+/,
    options: (at) => ({ backend: placeFile(at, "enum.ts", "enum Colour { Red }\nexport default Colour;\n") }),
  },
];

describe.each(RELEASE_NAMES)("a bridge on %s with", (release) => {
  const at = clusterWithModule({ release, name: "setup" });
  const status = release === "nautilus" ? "orchestrator status" : "orch status";

  beforeEach(async () => {
    for (const name of ["node_path", "call_timeout", "backend_options"]) await unsetOption(at(), name);
    await setOption(at(), "backend", "memory");
    await at().cluster.rados().mgr({ prefix: "orchbridge restart" });
    await at().waitUntilAvailable();
  });

  it.each(WRONG)("$what says so in one sentence and recovers once it is set right", async ({ says, options }) => {
    const wrong = options(at());
    for (const [name, value] of Object.entries(wrong)) await setOption(at(), name, value);
    expect(await unavailable(at(), says)).toMatch(/^Available: (No|False) \(.+\)$/m);
    for (const name of Object.keys(wrong)) await unsetOption(at(), name);
    if ("backend" in wrong) await setOption(at(), "backend", "memory");
    await at().waitUntilAvailable();
  });

  it.each([
    ["a Node that is too old", "ORCHBRIDGE_BACKEND_UNAVAILABLE"],
    ["options that break the backend's rules", "ORCHBRIDGE_BACKEND_UNAVAILABLE"],
  ])("%s raises %s, which clears", async (wrong, check) => {
    const { options, says } = WRONG.find(({ what }) => what === wrong)!;
    const [name = "", value = ""] = Object.entries(options(at()))[0] ?? [];
    await healthUntil(at(), check, false);
    await setOption(at(), name, value);
    expect(said(await healthUntil(at(), check, true), says)).toBe(true);
    await unsetOption(at(), name);
    await healthUntil(at(), check, false);
  });

  it("its Node copy removed names what is missing, and starts once it is back", async () => {
    const copy = join(at().cluster.moduleDir, "orchbridge/bin/node");
    renameSync(copy, `${copy}.away`);
    try {
      for (const pid of at().nodePids()) process.kill(pid, "SIGKILL");
      expect(await unavailable(at(), /Node is not installed/)).toContain(
        "install Node 22.18 or later, or name one: ceph config set mgr mgr/orchbridge/node_path PATH",
      );
      await healthUntil(at(), "ORCHBRIDGE_DOWN", true);
    } finally {
      renameSync(`${copy}.away`, copy);
    }
    await at().waitUntilAvailable();
    await healthUntil(at(), "ORCHBRIDGE_DOWN", false);
  });

  it("its JavaScript removed says which command puts it back", async () => {
    const main = join(at().cluster.moduleDir, "orchbridge/js/main.mjs");
    renameSync(main, `${main}.away`);
    try {
      for (const pid of at().nodePids()) process.kill(pid, "SIGKILL");
      expect(await unavailable(at(), /main\.mjs is missing/)).toMatch(/run npx orchbridge install --mgr-dir \S+ again/);
    } finally {
      renameSync(`${main}.away`, main);
    }
    await at().waitUntilAvailable();
  });

  it("no backend chosen names the option to set", async () => {
    await unsetOption(at(), "backend");
    await unavailable(at(), "ceph config set mgr mgr/orchbridge/backend NAME");
    expect(await at().ok(status)).toContain("orchbridge");
  });

  it("wrong options after right ones keeps the working configuration, and says so", async () => {
    const list = release === "nautilus" ? "orchestrator host ls" : "orch host ls";
    await setOption(at(), "backend_options", JSON.stringify({ hosts: [{ hostname: "kept" }] }));
    // In plain text: Nautilus lists hosts in no other way.
    await until("the host of the options to be listed", CLI_MS, async () =>
      (await at().ok(list)).includes("kept") ? true : undefined,
    );
    await setOption(at(), "backend_options", JSON.stringify({ hosts: 7 }));
    expect(await unavailable(at(), "the former configuration stays in use")).toContain("backend_options.hosts: ");
    expect(await at().ok(list)).toContain("kept");
  });

  it("leaves the mgr as it was", () => at().expectNoHarm());
});

function said(text: string, what: string | RegExp): boolean {
  return typeof what === "string" ? text.includes(what) : what.test(text);
}

/** What `ceph orch status` says, once it says that the backend is not available and why. */
function unavailable(at: ClusterWithModule, because: string | RegExp): Promise<string> {
  let last = "";
  return until(
    () => `the backend to be unavailable; the mgr says ${last}`,
    CLI_MS,
    async () => {
      last = await at.status();
      return /^Available: (No|False)/m.test(last) && said(last, because) ? last : undefined;
    },
  );
}

/** Waits until the check is there, or not; gives its detail. */
function healthUntil(at: ClusterWithModule, check: string, there: boolean): Promise<string> {
  return until(`${check} to be ${there ? "raised" : "cleared"}`, HEALTH_MS, async () => {
    const { out } = await at.cluster.rados().mon({ prefix: "health", detail: "detail", format: "json" });
    const { checks } = JSON.parse(out) as { checks: Record<string, { detail: { message: string }[] }> };
    if (check in checks !== there) return undefined;
    return checks[check]?.detail.map(({ message }) => message).join("\n") ?? "";
  });
}
