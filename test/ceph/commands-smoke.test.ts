import { describe, expect, it } from "vitest";
import { clusterWithModule } from "./cluster-with-module.ts";
import { START } from "./commands/start.ts";
describe.each(["nautilus","pacific","reef","tentacle"] as const)("%s", (release) => {
  const at = clusterWithModule({ release, name: "smoke", options: START });
  it("works", async () => {
    console.log(await at().status());
    console.log(JSON.stringify(at().cluster.processes()), at().nodePids());
    for (const c of release === "nautilus" ? ["orchbridge status", "orchbridge features", "orchestrator host ls", "orchestrator device ls"] : ["orchbridge status", "orchbridge features", "orch host ls", "orch device ls --wide", "orch apply mds fs1", "orch ls", "orch ps"]) {
      const r = await at().ceph(c); console.log(c, r.code, r.stdout, r.stderr);
    }
    const t = performance.now(); await at().reset({ hosts: [{ hostname: "q" }] }); console.log("reset", performance.now() - t);
    at().expectNoHarm();
  });
});
