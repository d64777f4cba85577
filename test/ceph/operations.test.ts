/** Operations from persistent to effective, in the monitors' journal: taken up again after restarts, shown, retried and forgotten. */
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import { missing, RELEASE_NAMES, until } from "../../testbed/cluster.ts";
import { type ClusterWithModule, clusterWithModule } from "./cluster-with-module.ts";
import { type Recorder, useRecorder } from "./own-backend.ts";
import { eventEnds, eventRuns } from "./progress-events.ts";

interface Row {
  readonly call: string;
  readonly method: string;
  readonly state: string;
  readonly title: string;
  readonly attempts: number;
  readonly error: string | null;
}

describe.each(RELEASE_NAMES)("an operation on %s", (release) => {
  const at = clusterWithModule({ release, name: "operations" });
  let backend: Recorder;

  beforeAll(async () => {
    if (missing(release) === null) backend = await useRecorder(at());
  });
  beforeEach(() => backend?.forget());

  const addHost = (hostname: string): Promise<{ ret: number; err: string }> => {
    const prefix = release === "nautilus" ? "orchestrator host add" : "orch host add";
    return at()
      .cluster.rados()
      .mgr(release === "nautilus" ? { prefix, host: hostname } : { prefix, hostname });
  };
  const operations = (): Promise<Row[]> => at().read<Row[]>("orchbridge op ls");
  /** Adds a host whose second stage is held. */
  const beginToAdd = async (hostname: string): Promise<Row> => {
    backend.hold("effects");
    expect(await addHost(hostname)).toMatchObject({ ret: 0 });
    const row = (await operations()).find(({ title }) => title.includes(`'${hostname}'`));
    expect(row).toMatchObject({ method: "addHost", state: "running" });
    return row!;
  };
  const becomesEffective = (hostname: string): Promise<unknown> =>
    until(
      `${hostname} to be effective`,
      30_000,
      () =>
        backend.entries().some((entry) => entry["effective"] === "addHost" && entry["hostname"] === hostname) ||
        undefined,
    );
  const journalEmpties = (): Promise<unknown> =>
    until("the journal to be empty", 10_000, async () => (await at().journalKeys()).length === 0 || undefined);

  it("stands in the journal until it is effective", async () => {
    const { call } = await beginToAdd("j1");
    expect(await at().journalKeys()).toEqual([`mgr/orchbridge/op/${call}`]);
    backend.release("effects");
    await becomesEffective("j1");
    await journalEmpties();
    expect(await at().ok("orchbridge op ls")).toBe("No operations");
  });

  it("is taken up again by the next Node process, under its id and with its event", async () => {
    const { call } = await beginToAdd("k1");
    for (const pid of at().nodePids()) process.kill(pid, "SIGKILL");
    await until("a second run", 30_000, () => backend.runs("addHost") === 2 || undefined);
    await eventRuns(at(), "k1");
    expect(await operations()).toMatchObject([{ call, attempts: 1 }]);
    backend.release("effects");
    await becomesEffective("k1");
    expect((await eventEnds(at(), "k1")).failed ?? false).toBe(false);
    await journalEmpties();
  });

  it("is taken up again after ceph orchbridge restart, which is no crash", async () => {
    await beginToAdd("r1");
    expect(await at().ok("orchbridge restart")).toContain("Node was restarted");
    await until("a second run", 30_000, () => backend.runs("addHost") === 2 || undefined);
    backend.release("effects");
    await becomesEffective("r1");
    await journalEmpties();
  });

  it("is taken up by the next mgr, after the fence", async () => {
    const { call } = await beginToAdd("f1");
    await at().cluster.restartMgr("SIGKILL");
    at().noteMgr();
    await at().waitUntilAvailable();
    const again = addHost("f1"); // as the ceph client does with a command in flight
    await until("a second run", 30_000, () => backend.runs("addHost") === 2 || undefined);
    expect(await again).toMatchObject({ ret: 0 });
    expect(await operations()).toMatchObject([{ call, state: "running" }]);
    backend.release("effects");
    await becomesEffective("f1");
    expect(backend.runs("addHost")).toBe(2);
    await journalEmpties();
  });

  it("that fails is kept, is a health warning with its reason, and can be retried", async () => {
    await beginToAdd("doomed"); // held: the classic command tells a failure that is there before it looks
    backend.release("effects");
    const [row] = await failed(at(), 1);
    expect(row).toMatchObject({ state: "failed", error: "host doomed did not come up" });
    const health = await healthDetail(at(), "ORCHBRIDGE_OPERATION_FAILED");
    expect(health).toContain(`operation ${row!.call} (Added host 'doomed') failed: host doomed did not come up`);
    await at().refused("orchbridge op retry nobody", "ENOENT", "there is no operation nobody");
    expect(await at().ok(`orchbridge op retry ${row!.call}`)).toContain("is taken up again");
    await until("a second run", 10_000, () => backend.runs("addHost") === 2 || undefined);
    expect(await failed(at(), 1)).toMatchObject([{ attempts: 2 }]);
  });

  it("that failed is kept over a restart, and is gone once it is forgotten", async () => {
    await at().ok("orchbridge restart");
    await at().waitUntilAvailable();
    const [row] = await failed(at(), 1);
    expect(backend.runs("addHost")).toBe(0);
    expect(await at().ok(`orchbridge op show ${row!.call}`)).toMatch(/did not come up[^]*"hostname": "doomed"/);
    const forget = `orchbridge op forget ${row!.call}`;
    await at().refused(forget, "EPERM", "Pass --yes-i-really-mean-it");
    expect(await at().ok(`${forget} --yes-i-really-mean-it`)).toContain("is forgotten");
    expect(await at().ok("orchbridge op ls")).toBe("No operations");
    await journalEmpties();
    await until(
      "the warning to clear",
      20_000,
      async () => !(await healthChecks(at())).includes("OPERATION_FAILED") || undefined,
    );
  });

  it("whose entry cannot be read is kept and told, and does not hold up others", async () => {
    const key = "mgr/orchbridge/op/broken";
    expect(await at().cluster.rados().mon({ prefix: "config-key set", key, val: "{" })).toMatchObject({ ret: 0 });
    await at().ok("orchbridge restart");
    await at().waitUntilAvailable();
    await until("the entry to be listed", 10_000, async () => (await operations()).length === 1 || undefined);
    expect(await operations()).toMatchObject([{ call: "broken", state: "kept" }]);
    expect(await healthDetail(at(), "ORCHBRIDGE_OPERATION_FAILED")).toContain("operation broken");
    expect(await addHost("b1")).toMatchObject({ ret: 0 });
    await becomesEffective("b1");
    await at().ok("orchbridge op forget broken --yes-i-really-mean-it");
    await journalEmpties();
  });

  it("leaves lines in the cluster log", async () => {
    const lines = await at().ok(["log", "last", "100"]);
    expect(lines).toContain("orchbridge: addHost: Added host 'doomed'");
    expect(lines).toContain("was persisted and did not become effective: host doomed did not come up");
  });

  it("harms no mgr", () => at().expectNoHarm());
});

function failed(at: ClusterWithModule, count: number): Promise<Row[]> {
  const is = (rows: Row[]): boolean => rows.length === count && rows.every(({ state }) => state === "failed");
  return at.readUntil(`${count} failed operation(s)`, "orchbridge op ls", {}, is);
}

async function healthChecks(at: ClusterWithModule): Promise<string> {
  const { out } = await at.cluster.rados().mon({ prefix: "health", detail: "detail", format: "json" });
  return out;
}

/** The detail of a health check, once it is raised. */
function healthDetail(at: ClusterWithModule, check: string): Promise<string> {
  return until(`${check} to be raised`, 20_000, async () => {
    const { checks } = JSON.parse(await healthChecks(at)) as {
      checks: Record<string, { detail: { message: string }[] }>;
    };
    return checks[check]?.detail.map(({ message }) => message).join("\n");
  });
}
