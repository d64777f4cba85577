/** A marked secret goes through every path of a write, and stands nowhere where somebody else than its owner reads. */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { until } from "../../testbed/cluster.ts";
import { clusterWithModule } from "./cluster-with-module.ts";

const SECRET = "marked-secret-7Xq";
const SPEC = `
service_type: iscsi
service_id: gw
placement: {hosts: [h1]}
spec: {pool: p, api_user: me, api_password: ${SECRET}, trusted_ip_list: 10.1.1.1}
`;
const OPTIONS = { hosts: [{ hostname: "h1" }], delays: { effective_ms: 3_600_000 } };

describe.each(["pacific", "tentacle"] as const)("a secret of a spec on %s", (release) => {
  const at = clusterWithModule({ release, name: "secrets", options: OPTIONS });
  /** What is told of an operation that holds the secret, by where it is told. */
  const told = async (): Promise<Record<string, string>> => {
    const [{ call } = { call: "" }] = await at().read<{ call: string }[]>("orchbridge op ls");
    return {
      "op ls": await at().ok("orchbridge op ls"),
      "op show": await at().ok(`orchbridge op show ${call} --format json`),
      status: await at().ok("orchbridge status --format json"),
      health: await at().ok("health detail"),
      "cluster log": await at().ok("log last 200"),
      progress: await at().ok("progress json"),
      "config-key": await at().ok("config-key dump"),
      "process arguments": at()
        .cluster.processes()
        .map(({ command }) => command)
        .join("\n"),
    };
  };
  const places = (all: Record<string, string>): string[] =>
    Object.keys(all).filter((place) => all[place]!.includes(SECRET));

  it("is in no listing, log, event or argument while its operation runs", async () => {
    await at().ok("orch apply", { input: SPEC });
    const all = await told();
    expect(all["op show"]).toContain('"api_password": "[secret]"');
    expect(all["config-key"]).toContain("mgr/orchbridge/op/");
    expect(places(all)).toEqual([]);
  });

  it("comes back to whoever asks for the service, also after the operation was taken up again", async () => {
    for (const pid of at().nodePids()) process.kill(pid, "SIGKILL");
    await until("the service to be back", 30_000, async () =>
      (
        await at()
          .ok("orch ls iscsi --export")
          .catch(() => "")
      ).includes(SECRET)
        ? true
        : undefined,
    );
    expect(places(await told())).toEqual([]);
  });

  it("is in no file of the cluster but the monitor's store", () => {
    const files = filesBelow(at().cluster.dir).filter((file) => !file.includes("/mon.") || file.endsWith(".log"));
    expect(files.length).toBeGreaterThan(3);
    expect(files.filter((file) => readFileSync(file).includes(SECRET))).toEqual([]);
  });

  it("is in no log line, and none of this harms the mgr", () => {
    expect(at().cluster.mgrLog()).not.toContain(SECRET);
    at().expectNoHarm();
  });
});

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((file) => statSync(file).size < 64 * 1024 * 1024);
}
