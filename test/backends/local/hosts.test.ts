import { describe, expect, it } from "vitest";

import { hostReads, hostWrites } from "../../../src/backends/local/hosts/methods.ts";
import { lightWrites } from "../../../src/backends/local/lights.ts";
import { AgentError, effective, HOSTNAME, readCall, StandInHost } from "./stand-in-host.ts";

async function hosts(host = new StandInHost()) {
  const site = await host.site();
  const queued: unknown[] = [];
  const osds = {
    queue: (ids: readonly number[], options: object) => Promise.resolve(void queued.push([ids, options])),
    unqueue: (ids: readonly number[]) => Promise.resolve(void queued.push(["out", ids])),
    left: () => Promise.resolve(null),
  };
  let changes = 0;
  const read = readCall(host.log);
  const reads = hostReads(site);
  const writes = hostWrites(
    site,
    osds,
    () => void (changes += 1),
    () => Promise.resolve(),
  );
  return { host, site, queued, reads, writes, read, changes: () => changes, list: () => reads.getHosts() };
}

const drain = { force: false, keep_conf_keyring: false, zap_osd_devices: false };

describe("the only host", () => {
  it("is listed from the start, with its name as its address where it has none", async () => {
    const { list } = await hosts();
    expect(await list()).toEqual([{ hostname: HOSTNAME, addr: HOSTNAME, labels: [], status: "" }]);
  });

  it("has the address of its monitor, else the first of its own, until it is given one", async () => {
    const { writes, host, list } = await hosts();
    host.addresses = ["192.0.2.7", "fd00::7", "127.0.0.1"];
    expect(await list()).toMatchObject([{ addr: "192.0.2.7" }]);
    const mon = (...addrs: string[]) => ({ public_addrs: { addrvec: addrs.map((addr) => ({ type: "v2", addr })) } });
    host.maps["mon_map"] = () => ({ mons: [mon("192.0.2.9:3300"), mon("[fd00::7]:3300", "[fd00::7]:6789")] });
    expect(await list()).toMatchObject([{ addr: "fd00::7" }]);
    expect(await writes.addHost({ host_spec: { hostname: HOSTNAME, addr: HOSTNAME } })).toBe(
      `Added host '${HOSTNAME}' with addr 'fd00::7'`,
    );
    await writes.updateHostAddr({ host: HOSTNAME, addr: "192.0.2.8" });
    expect(await list()).toMatchObject([{ addr: "192.0.2.8" }]);
  });

  it("may be added any number of times; its labels add up and its address stays where none is given", async () => {
    const { writes, list } = await hosts();
    const spec = { hostname: HOSTNAME, addr: "10.1.1.1", labels: ["one"] };
    expect(await writes.addHost({ host_spec: spec })).toBe(`Added host '${HOSTNAME}' with addr '10.1.1.1'`);
    await writes.addHost({ host_spec: { hostname: HOSTNAME, addr: HOSTNAME, labels: ["two", "one"] } });
    expect(await list()).toMatchObject([{ addr: "10.1.1.1", labels: ["one", "two"] }]);
  });

  it("is the only one that may be added", async () => {
    const { writes, list } = await hosts();
    await expect(writes.addHost({ host_spec: { hostname: "h2" } })).rejects.toThrow(
      `host "h2" cannot be added: the local backend serves only ${HOSTNAME}`,
    );
    expect(await list()).toHaveLength(1);
  });

  it.each([
    [{ addr: "10.0.0.1; rm -rf /" }, /addr .*neither an IP address nor a host name/],
    [{ labels: ["a b"] }, /label "a b": expected/],
    [{ oob: { addr: "10.0.0.1" } }, /oob: .*management boards/],
    [{ status: "maintenance" }, /orch host maintenance enter/],
  ])("is not added with %j", async (wrong, reason) => {
    const { writes, host } = await hosts();
    await expect(writes.addHost({ host_spec: { hostname: HOSTNAME, ...wrong } })).rejects.toThrow(reason);
    expect(host.records).toEqual({});
  });

  it("gets its place in the CRUSH map when it is added with one", async () => {
    const { writes, host, list } = await hosts();
    await writes.addHost({ host_spec: { hostname: HOSTNAME, location: { root: "default", rack: "r1" } } });
    expect(host.done).toEqual(["osd crush add-bucket h1 host root=default rack=r1"]);
    expect(await list()).toMatchObject([{ location: { root: "default", rack: "r1" } }]);
  });

  it("keeps labels across processes, and tells the services of each change", async () => {
    const { writes, host, changes } = await hosts();
    const label = { host: HOSTNAME, label: "mon", force: false };
    expect(await writes.addHostLabel(label)).toBe(`Added label mon to host ${HOSTNAME}`);
    const later = await hosts(host);
    expect(await later.list()).toMatchObject([{ labels: ["mon"] }]);
    expect(await later.writes.removeHostLabel(label)).toBe(`Removed label mon from host ${HOSTNAME}`);
    expect(await later.writes.removeHostLabel(label)).toBe(`Host ${HOSTNAME} does not have label 'mon'`);
    expect([changes(), later.changes()]).toEqual([1, 1]);
  });

  it("is drained by a label and the queue of removals, until that is stopped", async () => {
    const { writes, host, queued, list } = await hosts();
    host.add("osd.0");
    host.add("osd.3");
    host.add("mds.a");
    expect(
      await effective(writes.drainHost({ hostname: HOSTNAME, ...drain, zap_osd_devices: true }, host.call())),
    ).toMatch(/osd +3/);
    expect(await list()).toMatchObject([{ labels: ["_no_schedule", "_no_conf_keyring"] }]);
    expect(await effective(writes.stopDrainHost({ hostname: HOSTNAME }, host.call()))).toBe(
      `Stopped draining host '${HOSTNAME}'`,
    );
    expect(queued).toEqual([
      [[0, 3], { zap: true }],
      ["out", [0, 3]],
    ]);
    expect(await list()).toMatchObject([{ labels: [] }]);
  });

  it("is drained with force without forcing the removal of its OSDs: that is another command's", async () => {
    const { writes, host, queued } = await hosts();
    host.add("osd.0");
    await effective(writes.drainHost({ hostname: HOSTNAME, ...drain, force: true }, host.call()));
    expect(queued).toEqual([[[0], { zap: false }]]);
  });

  it("is drained without the OSDs of others, and says how they become the agent's", async () => {
    const { writes, host, queued } = await hosts();
    host.add("osd.0");
    host.add("osd.1", { state: "foreign" });
    const told = await effective(writes.drainHost({ hostname: HOSTNAME, ...drain }, host.call()));
    expect(told).toMatch(/osd +0/);
    expect(told).not.toMatch(/osd +1/);
    expect(told).toContain(
      "osd.1 was not started by the agent and stays; 'ceph orch daemon redeploy osd.1' lets the agent take it over",
    );
    expect(queued).toEqual([[[0], { zap: false }]]);
  });

  it("tells its facts in cephadm's words, and finds its devices anew", async () => {
    const { reads, writes, host } = await hosts();
    host.agent["host/facts"] = () => ({ hostname: HOSTNAME, cpu_cores: 4 });
    host.agent["host/devices"] = ({ refresh }) => (refresh === true ? [{ device: {}, kind: "disk" }] : []);
    expect(await reads.getFacts({ hostname: null })).toEqual([{ hostname: HOSTNAME, cpu_cores: 4 }]);
    await expect(reads.getFacts({ hostname: "h2" })).rejects.toThrow("host h2 is not known");
    expect(await writes.rescanHost({ hostname: HOSTNAME })).toBe(`Ok. 1 devices found on ${HOSTNAME}`);
  });

  it("is not ok to stop while it has the cluster's mon, mgr, OSDs and services", async () => {
    const { reads, host } = await hosts();
    expect(await reads.hostOkToStop({ hostname: HOSTNAME })).toBe(`It is presumed safe to stop host ${HOSTNAME}`);
    host.add("mon.a");
    host.add("mgr.x");
    host.add("osd.0");
    host.add("rgw.s3.a");
    host.commands["mon ok-to-stop"] = () => ({ retval: -16, stderr: "not enough monitors would be available" });
    host.commands["osd ok-to-stop"] = () => ({ retval: -16, stderr: "unsafe to stop osd(s) at this time" });
    const refused = reads.hostOkToStop({ hostname: HOSTNAME });
    await expect(refused).rejects.toThrow(
      /mon\.a: .*not enough monitors.*no mgr would be left without mgr\.x.*osd\.0: .*unsafe.*service rgw\.s3 /,
    );
    await expect(refused).rejects.toMatchObject({ errno: 16 });
  });
});

describe("a device's light", () => {
  const location = { host: HOSTNAME, dev: "sdb", path: "" };

  it("is switched by the agent, by the path or the bare name", async () => {
    const { site, host } = await hosts();
    const asked: unknown[] = [];
    host.agent["host/light"] = (params) => (asked.push(params), { output: "" });
    const { blinkDeviceLight } = lightWrites(site);
    const locations = [location, { ...location, path: "/dev/disk/by-path/pci-1" }];
    expect(await blinkDeviceLight({ ident_fault: "ident", on: true, locations })).toEqual([
      `Set ident light for ${HOSTNAME}:/dev/sdb on`,
      `Set ident light for ${HOSTNAME}:/dev/disk/by-path/pci-1 on`,
    ]);
    expect(asked).toMatchObject([{ path: "/dev/sdb", light: "ident", on: true }, { path: "/dev/disk/by-path/pci-1" }]);
  });

  it("gives the program's own words when that failed, and switches nothing for another host", async () => {
    const { site, host } = await hosts();
    let asked = 0;
    host.agent["host/light"] = () => {
      asked += 1;
      throw new AgentError("OrchestratorError", "ledctl: /dev/sdb: device not supported");
    };
    const { blinkDeviceLight } = lightWrites(site);
    await expect(blinkDeviceLight({ ident_fault: "fault", on: false, locations: [location] })).rejects.toThrow(
      "ledctl: /dev/sdb: device not supported",
    );
    const elsewhere = { ...location, host: "h2" };
    await expect(
      blinkDeviceLight({ ident_fault: "fault", on: true, locations: [location, elsewhere] }),
    ).rejects.toThrow("host h2 is not known");
    expect(asked).toBe(1);
  });
});
