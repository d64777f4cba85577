import { describe, expect, it } from "vitest";
import { DAEMON_KINDS, type DaemonPlace, entityOf, programPath } from "../../src/agent/daemon-types.ts";
import { DAEMON_TYPES, type DaemonType } from "../../src/agent/protocol.ts";

function place(type: DaemonType, id: string): DaemonPlace {
  const data = `/var/lib/ceph/${DAEMON_KINDS[type].dataFolder(id)}`;
  return {
    id,
    conf: "/etc/ceph/ceph.conf",
    data,
    keyring: `${data}/keyring`,
    adminSocket: `/run/ceph/ceph-${type}.${id}.asok`,
    runDir: "/run/ceph",
    user: { name: "ceph", uid: 64_045, gid: 64_045 },
    address: undefined,
  };
}

const COMMON = "--conf /etc/ceph/ceph.conf";
const USER = "--setuser ceph --setgroup 64045";

describe("command lines", () => {
  it.each([
    ["mon", "a", `-f --id a ${COMMON} --mon-data /var/lib/ceph/mon/ceph-a --keyring /var/lib/ceph/mon/ceph-a/keyring`],
    ["mgr", "x", `-f --id x ${COMMON} --mgr-data /var/lib/ceph/mgr/ceph-x --keyring /var/lib/ceph/mgr/ceph-x/keyring`],
    ["osd", "3", `-f --id 3 ${COMMON} --osd-data /var/lib/ceph/osd/ceph-3 --keyring /var/lib/ceph/osd/ceph-3/keyring`],
    [
      "mds",
      "h.a",
      `-f --id h.a ${COMMON} --mds-data /var/lib/ceph/mds/ceph-h.a --keyring /var/lib/ceph/mds/ceph-h.a/keyring`,
    ],
    [
      "rgw",
      "r.a",
      `-f --name client.rgw.r.a ${COMMON} --rgw-data /var/lib/ceph/radosgw/ceph-rgw.r.a --keyring /var/lib/ceph/radosgw/ceph-rgw.r.a/keyring`,
    ],
    ["rbd-mirror", "a", `-f --name client.rbd-mirror.a ${COMMON} --keyring /var/lib/ceph/rbd-mirror/ceph-a/keyring`],
    [
      "cephfs-mirror",
      "a",
      `-f --name client.cephfs-mirror.a ${COMMON} --keyring /var/lib/ceph/cephfs-mirror/ceph-a/keyring`,
    ],
  ] as const)("of a %s are those of its unit, with all paths said", (type, id, expected) => {
    const args = DAEMON_KINDS[type].args(place(type, id)).join(" ");
    expect(args).toBe(`${expected} --admin-socket /run/ceph/ceph-${type}.${id}.asok ${USER}`);
  });

  it.each([
    ["[v2:127.0.0.1:6800/0]", ["--public-addr", "v2:127.0.0.1:6800"]],
    ["[v2:[::1]:6800/0]", ["--public-addr", "v2:[::1]:6800"]],
    ["[v2:127.0.0.1:6800/0,v1:127.0.0.1:6801/0]", ["--public-addrv", "[v2:127.0.0.1:6800/0,v1:127.0.0.1:6801/0]"]],
  ])("say that a new mon listens on %s", (address, expected) => {
    expect(DAEMON_KINDS.mon.args({ ...place("mon", "a"), address }).slice(-2)).toEqual(expected);
  });

  it("leave the user as it is where the agent's own is meant", () => {
    expect(DAEMON_KINDS.mds.args({ ...place("mds", "a"), user: undefined })).not.toContain("--setuser");
  });

  it("tell ceph-crash and ganesha by their environment what they have no option for", () => {
    expect(DAEMON_KINDS.crash.args(place("crash", "h1"))).toEqual(["--name", "client.crash.h1"]);
    expect(DAEMON_KINDS.crash.environment(place("crash", "h1"))).toEqual({
      CEPH_ARGS: "--conf /etc/ceph/ceph.conf --keyring /var/lib/ceph/crash-agent/ceph-h1/keyring",
    });
    expect(DAEMON_KINDS.nfs.args(place("nfs", "a")).join(" ")).toBe(
      "-F -L STDERR -f /var/lib/ceph/nfs/ceph-a/ganesha.conf -p /run/ceph/nfs.a.pid",
    );
    expect(DAEMON_KINDS.nfs.environment(place("nfs", "a"))).toEqual({
      CEPH_CONF: "/var/lib/ceph/nfs/ceph-a/ceph.conf",
    });
  });

  it("stay in the foreground, and hold no shell's words", () => {
    for (const type of DAEMON_TYPES.filter((one) => one !== "crash" && one !== "nfs")) {
      const args = DAEMON_KINDS[type].args(place(type, "a"));
      expect(args[0]).toBe("-f");
      expect(args.filter((word) => /[;|&$`<>]/.test(word))).toEqual([]);
    }
  });
});

describe("names", () => {
  it("of daemons become their cephx names", () => {
    const entities = (["mon", "mgr", "osd", "rgw", "crash", "nfs"] as const).map((type) => entityOf(type, "7"));
    expect(entities).toEqual(["mon.", "mgr.7", "osd.7", "client.rgw.7", "client.crash.7", "client.nfs.7"]);
  });

  it("of programs become paths where the program is installed", () => {
    expect(programPath("env", undefined)).toBe("/usr/bin/env");
    expect(programPath("no-such-program", undefined)).toBeUndefined();
    expect(programPath("env", "/nonexistent")).toBeUndefined();
  });
});
