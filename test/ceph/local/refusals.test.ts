/** Bad input: one line that names it, and nothing was changed. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, statfsSync, truncateSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";

import { freePort } from "../../../testbed/birth.ts";
import { type LocalCluster, type LocalWish, localCluster } from "./local-cluster.ts";

interface DeviceRow {
  readonly devices: readonly {
    readonly path: string;
    readonly available: boolean;
    readonly rejected_reasons: readonly string[];
  }[];
}

/** All that a refused command could have changed. */
async function state(at: LocalCluster): Promise<unknown> {
  const services = await at.read<{ service_name: string }[]>("orch ls");
  return {
    osds: await at.mon("osd dump"),
    keys: await at.mon("auth ls"),
    config: await at.mon("config dump"),
    services: services.map(({ service_name: name }) => name),
    processes: at.daemons(),
  };
}

/** The same as `refused`, and nothing is as it was not. */
async function refusedWhole(
  at: LocalCluster,
  ...[command, errno, says, options]: Parameters<LocalCluster["refused"]>
): Promise<void> {
  const before = await state(at);
  await at.refused(command, errno, says, options);
  expect(await state(at)).toEqual(before);
}

/** A loop device of the test's own with swap space on it, gone after it; undefined where none is free. */
function swapDevice(): string | undefined {
  const folder = mkdtempSync(join(tmpdir(), "orchbridge-swap-"));
  const image = join(folder, "image");
  writeFileSync(image, "");
  truncateSync(image, 6 * 1024 ** 3);
  onTestFinished(() => rmSync(folder, { recursive: true }));
  expect(spawnSync("mkswap", [image], { encoding: "utf8" })).toMatchObject({ status: 0 });
  const { status, stdout } = spawnSync("losetup", ["--find", "--show", image], { encoding: "utf8" });
  if (status !== 0) return undefined;
  const path = stdout.trim();
  onTestFinished(() => void spawnSync("losetup", ["--detach", path]));
  return path;
}

const SPEC = (lines: readonly string[]): { input: string } => ({ input: `${lines.join("\n")}\n` });

function refusals(wish: LocalWish): void {
  const at = localCluster(wish);

  it("names a device that is not there", async () => {
    await refusedWhole(at(), "orch daemon add osd h1:/dev/nope", "ENOENT", "host h1 has no device /dev/nope");
    await refusedWhole(at(), "orch daemon add osd h9:/dev/nope", "ENOENT", "host h9 ");
    const named = SPEC(["service_type: osd", "service_id: one", "placement:", "  host_pattern: h1", "spec:"]).input;
    const input = `${named}  data_devices:\n    paths: [/dev/nope]\n`;
    await refusedWhole(at(), "orch apply", "ENOENT", "host h1 has no device /dev/nope", { input });
  });

  it("names a device that something else uses, and by what", async (context) => {
    const path = swapDevice();
    context.skip(path === undefined, "no loop device is free");
    if (path === undefined) return;
    const [row] = await at().read<DeviceRow[]>("orch device ls", { refresh: true });
    const used = row?.devices.find((device) => device.path === path);
    expect(used).toMatchObject({ available: false, rejected_reasons: [expect.stringContaining("swap")] });
    const says = `device ${path} on host h1 is not available: ${used?.rejected_reasons.join(", ")}`;
    await refusedWhole(at(), `orch daemon add osd h1:${path}`, "EINVAL", says);
    const group = { service_type: "osd", service_id: "one", placement: { host_pattern: "h1" } };
    const input = JSON.stringify({ ...group, spec: { data_devices: { paths: [path] } } });
    await refusedWhole(at(), "orch apply", "EINVAL", says, { input });
    await refusedWhole(at(), "orch apply", "EINVAL", /osd\.one: encrypted: not possible on host h1: \S/, {
      input: JSON.stringify({ ...group, spec: { data_devices: { size: "900T:" }, encrypted: true } }),
    });
  });

  it("names a drive group that matches nothing, and a placement that does", async () => {
    const group = ["service_type: osd", "service_id: big", "placement:", "  host_pattern: '*'", "spec:"];
    const spec = SPEC([...group, "  data_devices:", "    size: '900T:'"]);
    const says = "osd.big: data_devices match no device of host h1";
    await refusedWhole(at(), "orch apply", "EINVAL", says, spec);
    await refusedWhole(at(), "orch apply mds home --placement=h9", "ENOENT", "h9");
    await refusedWhole(at(), "orch apply mds home --placement=label:none", "EINVAL", "no host matches label none");
  });

  describe("with a port that is taken", () => {
    let server: Server;
    let port: number;
    beforeAll(async () => {
      port = await freePort();
      server = createServer();
      const { promise, resolve } = Promise.withResolvers<void>();
      server.listen(port, "127.0.0.1", resolve);
      await promise;
    });
    afterAll(() => void server.close());

    it("names the port", async () => {
      await refusedWhole(at(), `orch apply rgw photos --port=${port}`, "EINVAL", `port ${port}`);
    });
  });

  it("names a program that is not installed, with its package", async () => {
    await refusedWhole(
      at(),
      "orch apply ceph-exporter",
      "EINVAL",
      /ceph-exporter .*not installed.*package ceph-exporter/,
    );
  });

  it("names what needs another kernel or containers", async () => {
    await refusedWhole(at(), "orch apply iscsi pool1 user password", "EINVAL", "iscsi");
    await refusedWhole(at(), "orch apply prometheus", "EINVAL", "prometheus is no part of Ceph's packages");
  });
}

describe("a mistake of the operator of the local backend", () => {
  // With the disks of this machine, none of which a command here could make an OSD of.
  refusals({ release: "reef", name: "refusals", options: { loop_devices: true }, agent: { devices: "machine" } });
});

describe("a file that is too small for an OSD", () => {
  const at = localCluster({
    release: "pacific",
    name: "small",
    options: { file_devices: { count: 1, size: "100M" } },
  });

  it("is shown as not available, with the reason, and refused with it", async () => {
    const [row] = await at().json<DeviceRow[]>("orch device ls");
    const small = row?.devices.find(({ path }) => path.startsWith("/var/lib/orchbridge/"));
    expect(small).toMatchObject({
      available: false,
      rejected_reasons: [expect.stringContaining("Insufficient space")],
    });
    const says = `device ${small?.path} on host h1 is not available: ${small?.rejected_reasons.join(", ")}`;
    await refusedWhole(at(), `orch daemon add osd h1:${small?.path}`, "EINVAL", says);
  });
});

describe("a full disk under the agent", () => {
  const at = localCluster({ release: "tentacle", name: "full", agent: { stateBytes: 2 * 1024 ** 2 } });

  it("is named in one line, and once it has room again the same command works", async () => {
    const folder = `/proc/${at().agent.pid}/root/var/lib/orchbridge`;
    const { bavail, bsize } = statfsSync(folder);
    writeFileSync(`${folder}/ballast`, Buffer.alloc(bavail * bsize));
    await refusedWhole(at(), "orch apply mds home", "EINVAL", /\/var\/lib\/orchbridge.*(no space|disk is full)/i);
    await rm(`${folder}/ballast`);
    expect(await at().ok("orch apply mds home --placement=1")).toBe("Scheduled mds.home update...");
    await at().eventually("the daemon to run", () => Object.keys(at().daemonsOf("mds")).length === 1 || undefined);
  });
});
