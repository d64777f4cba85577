/** A session with managers that run as user ceph, as packaged ones do, and with the module installed while they run. */
import { statSync } from "node:fs";
import { describe, expect, it } from "vitest";

import { clusterWithModule } from "./cluster-with-module.ts";
import { START } from "./commands/start.ts";
import { HOSTS_ONLY, placeBackend } from "./commands/unsupported.ts";

const OPTIONS = { ...START, services: [{ service_type: "crash" }] };

describe.each(["nautilus", "tentacle"] as const)("a mgr of %s run as user ceph", (release) => {
  const at = clusterWithModule({
    release,
    name: "as-ceph",
    user: "ceph",
    options: OPTIONS,
    install: "into running mgr",
  });
  const orch = release === "nautilus" ? "orchestrator" : "orch";

  it("runs Node as that user", () => {
    const [pid] = at().nodePids();
    const owner = statSync(`/proc/${pid}`).uid;
    expect(owner).toBe(statSync(`/proc/${at().cluster.mgrPid()}`).uid);
    expect(owner).not.toBe(0);
  });

  it("answers the commands for hosts, devices and services", async () => {
    expect(await at().ok(`${orch} status`)).toMatch(/^Backend: orchbridge\nAvailable: (Yes|True)/);
    await at().ok(`${orch} host add h4`);
    expect(await at().ok(`${orch} host ls`)).toContain("h4");
    expect(await at().json(`${orch} device ls h1`)).toMatchObject([{ name: "h1" }]);
    if (release === "nautilus") {
      await at().ok("orchestrator mds add fs1");
      expect(await at().ok("orchestrator osd create h1:/dev/sdb")).toBe("Created osd(s) 0 on host 'h1'");
      expect(await at().json("orchestrator service ls --svc_type=mds")).toMatchObject([{ service: "fs1" }]);
      return;
    }
    expect(await at().ok("orch apply mds fs1 --placement=h1")).toBe("Scheduled mds.fs1 update...");
    expect(await at().ok("orch daemon add osd h1:/dev/sdb")).toBe("Created osd(s) 0 on host 'h1'");
    expect(await at().json("orch ls mds")).toMatchObject([{ service_name: "mds.fs1" }]);
    expect(await at().ok("orch ps")).toMatch(/^crash\.h4 +h4 /m);
  });

  it("names a user's mistake in one line", async () => {
    await at().refused(`${orch} host rm h9`, "ENOENT", "host h9 ");
  });

  it("takes a backend from a file that it may read", async () => {
    await at().reset({ hosts: ["lone1"] }, placeBackend(at, "hosts-only.ts", HOSTS_ONLY));
    expect(await at().ok(`${orch} host ls`)).toContain("lone1");
  });

  it("is unharmed after all of this, and starts the module again when it is restarted", async () => {
    at().expectNoHarm();
    await at().cluster.restartMgr();
    at().noteMgr();
    await at().waitUntilAvailable();
    expect(await at().ok(`${orch} host ls`)).toContain("lone1");
    at().expectNoHarm();
  });
});
