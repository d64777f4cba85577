/** `ceph orch device …` and `ceph device light`. */
import { type ChildProcess, spawn } from "node:child_process";
import { hostname as machine } from "node:os";
import { afterAll, describe, expect, it } from "vitest";

import { until } from "../../../testbed/cluster.ts";
import { type At, beginningWith, itSince, type ModernRelease, START } from "./start.ts";

interface DeviceRow {
  readonly path: string;
  readonly available: boolean;
  readonly created: string;
  readonly rejected_reasons: readonly string[];
  readonly lsm_data: { readonly ledSupport?: { readonly IDENTstatus: string; readonly FAILstatus: string } };
}

interface HostRow {
  readonly name: string;
  readonly devices: readonly DeviceRow[];
}

const DISK = {
  path: "/dev/sdb",
  human_readable_type: "hdd",
  available: true,
  device_id: expect.stringMatching(/^ST4000NM0033_/),
};

export function deviceCommands(at: At, release: ModernRelease): void {
  describe("devices", () => {
    beginningWith(at, release, { ...START, hosts: [...START.hosts, { hostname: machine() }] });

    it("are listed in JSON with all that was found out about them", async () => {
      const rows = await at().json<HostRow[]>("orch device ls");
      expect(rows.map(({ name }) => name)).toEqual(["h1", "h2", "h3", machine()]);
      expect(rows[0]?.devices.map(({ path }) => path)).toEqual(["/dev/sdb", "/dev/sdc", "/dev/sdd", "/dev/sde"]);
      expect(rows[0]?.devices[0]).toMatchObject({ ...DISK, sys_api: { rotational: "1", size: 4_000_787_030_016 } });
      expect(rows[0]).toMatchObject({ addr: "10.1.1.1", labels: ["_admin"] });
    });

    it("are listed of some hosts", async () => {
      const one = await at().json<HostRow[]>("orch device ls h2");
      expect(one.map(({ name }) => name)).toEqual(["h2"]);
      const two = await at().json<HostRow[]>("orch device ls h1 h3");
      expect(two.map(({ name }) => name)).toEqual(["h1", "h3"]);
      expect(await at().json("orch device ls h9")).toEqual([]);
    });

    it("are listed as a table, narrow and wide", async () => {
      const table = await at().ok("orch device ls h1");
      expect(table).toMatch(/^HOST +PATH +TYPE +DEVICE ID +SIZE +AVAILABLE +REFRESHED +REJECT REASONS/);
      expect(table).toMatch(/^h1 +\/dev\/sdb +hdd +ST4000NM0033_\w+ +3726G +Yes /m);
      const wide = await at().ok("orch device ls h1 --wide");
      expect(wide).toMatch(/^h1 +\/dev\/sde +ssd +SSDSC2BB480G7_\w+ +447G +N\/A +N\/A +Yes /m);
    });

    it("are listed in YAML", async () => {
      const yaml = await at().ok("orch device ls h1 --format yaml");
      expect(yaml).toMatch(/^ *path: \/dev\/sdc$/m);
      expect(yaml).toMatch(/^ *human_readable_type: ssd$/m);
    });

    itSince("reef", release)("are counted by kind in a summary", async () => {
      const said = await at().ok("orch device ls h1 h2 --summary");
      expect(said).toMatch(/^2 host\(s\), 6 HDD, 2 SSD, 8 available$/m);
    });

    it("are looked at again with --refresh", async () => {
      const seen = async (): Promise<number> => {
        const [row] = await at().read<HostRow[]>("orch device ls", { hostname: ["h1"] });
        return Date.parse(row?.devices[0]?.created ?? "");
      };
      await at().ok("orch device ls h1 --refresh");
      const first = await seen();
      expect(first).not.toBeNaN();
      await at().ok("orch device ls h1 --refresh");
      expect(await seen()).toBeGreaterThan(first);
    });

    it("are erased, but only by force", async () => {
      await at().refused("orch device zap h1 /dev/sdb", "EINVAL", "--force");
      expect(await at().ok("orch device zap h1 /dev/sdb --force")).toBe("zap successful for /dev/sdb on h1");
      await at().refused("orch device zap h1 /dev/sdz --force", "ENOENT", "/dev/sdz");
      await at().refused("orch device zap h9 /dev/sdb --force", "ENOENT", "host h9 ");
    });

    describe("whose lights", () => {
      let lamp: ChildProcess | undefined;
      afterAll(() => lamp?.kill("SIGKILL"));

      it("are switched on and off are found by the names that Ceph has for them", async () => {
        lamp = await daemonWithDisk(at, "ST4000NM0033_LAMP", "sdb");
        const light = async (): Promise<unknown> => {
          const [row] = await at().read<HostRow[]>("orch device ls", { hostname: [machine()] });
          return row?.devices[0]?.lsm_data.ledSupport;
        };
        expect(await at().ok("device light on ST4000NM0033_LAMP")).toContain(
          `Set ident light for ${machine()}:/dev/sdb on`,
        );
        expect(await light()).toMatchObject({ IDENTstatus: "On", FAILstatus: "Off" });
        expect(JSON.parse(await at().ok("device ls-lights"))).toEqual({ fault: [], ident: ["ST4000NM0033_LAMP"] });
        await at().ok("device light on ST4000NM0033_LAMP fault");
        expect(await light()).toMatchObject({ IDENTstatus: "On", FAILstatus: "On" });
        expect(await at().ok("device light off ST4000NM0033_LAMP")).toContain(
          `Set ident light for ${machine()}:/dev/sdb off`,
        );
        await at().ok("device light off ST4000NM0033_LAMP fault");
        expect(await light()).toMatchObject({ IDENTstatus: "Off", FAILstatus: "Off" });
      });
    });
  });
}

const LAMP = `
import rados, signal, sys
client = rados.Rados(conffile=sys.argv[1])
client.connect()
client.service_daemon_register("lamp", "one", {"device_ids": sys.argv[3] + "=" + sys.argv[2]})
signal.pause()
`;

/** Ceph knows only devices that daemons of this machine report; this stand-in of one reports a disk that is not there. */
async function daemonWithDisk(at: At, id: string, name: string): Promise<ChildProcess> {
  const { cluster } = at();
  const [file, args] = cluster.argv(["python3", "-c", LAMP, `${cluster.inside}/ceph.conf`, id, name]);
  const child = spawn(file, args, { env: cluster.env(), stdio: "ignore" });
  await until(`the device ${id} to be known`, 30_000, async () => {
    const { out } = await cluster.rados().mgr({ prefix: "device ls", format: "json" });
    return out.includes(id) || undefined;
  });
  return child;
}
