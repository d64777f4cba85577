import { describe, expect, it } from "vitest";

import { parseLabel } from "../../../src/agent/host/labels.ts";
import { devicesOf, type Labelled, osdsOf } from "../../../src/agent/host/osds.ts";
import { bytes, RELEASES } from "./fixture.ts";

const FSIDS = {
  nautilus: "9c56f347-3900-4424-9086-ee03809cf11d",
  pacific: "a5c3c935-30b6-412b-adb0-479a8a2861a1",
  reef: "18b17ea1-23f3-4509-8131-fd16769f7d7e",
  tentacle: "542ef290-773f-47f2-88de-ac317f52712f",
};
/** Where the encoded part begins: after the line of magic and the uuid's. */
const TEXT = 60;

describe("a label that a real ceph-osd wrote", () => {
  it.each(RELEASES)("tells of %s whose OSD it is, and that it was finished", (release) => {
    const label = parseLabel(bytes(release, "label.bin"));
    expect(label).toMatchObject({ use: "block", clusterFsid: FSIDS[release], complete: true });
    expect(label?.osdUuid).toMatch(/^[0-9a-f-]{36}$/);
    expect(label?.osdId).toBe(["pacific", "tentacle"].includes(release) ? 1 : 0);
  });

  it("is not finished while the word that ceph-osd writes last is missing", () => {
    const label = bytes("reef", "label.bin");
    const at = label.indexOf("ready", label.indexOf("ready") + 5);
    label.write("still", at);
    expect(parseLabel(label)).toMatchObject({ osdId: 0, complete: false });
  });

  it("says at least the uuid when the rest is cut off, at whichever byte", () => {
    const label = bytes("tentacle", "label.bin");
    const whole = parseLabel(label);
    for (let length = TEXT; length < 600; length += 1) {
      const cut = parseLabel(label.subarray(0, length));
      expect(cut?.osdUuid).toBe(whole?.osdUuid);
      expect(cut?.complete).toBe(false);
    }
  });

  it("is none on an empty device or one with something else", () => {
    expect(parseLabel(Buffer.alloc(4096))).toBeUndefined();
    expect(parseLabel(Buffer.from("bluestore block"))).toBeUndefined();
  });
});

describe("the OSDs of labels", () => {
  const uuid = "2c1dcbd9-53c0-4a07-9915-a72ec75fc104";
  const block = parseLabel(bytes("nautilus", "label.bin"))!;
  const part = (use: "db" | "wal"): Labelled["label"] => ({ ...block, use, complete: false });

  it("have the devices of their DB and WAL, found by the uuid", () => {
    const labels = [
      { path: "/dev/sdc", label: part("db") },
      { path: "/dev/sdb", label: block },
      { path: "/dev/nvme0n1p1", label: part("wal") },
      { path: "/dev/sdd", label: { ...part("db"), osdUuid: "11111111-1111-4111-8111-111111111111" } },
    ];
    const [osd, ...others] = osdsOf(labels, "/state");
    expect(others).toEqual([]);
    expect(osd).toMatchObject({ osd_id: 0, osd_uuid: uuid, method: "raw" });
    expect(devicesOf(osd!)).toEqual([
      { use: "block", path: "/dev/sdb" },
      { use: "db", path: "/dev/sdc" },
      { use: "wal", path: "/dev/nvme0n1p1" },
    ]);
  });

  it("are of the method file on the agent's own files only", () => {
    const at = (path: string): string | undefined => osdsOf([{ path, label: block }], "/state")[0]?.method;
    expect(at("/state/devices/file3")).toBe("file");
    expect(at("/state/other/file3")).toBe("raw");
  });

  it("leave out one whose making was interrupted", () => {
    expect(osdsOf([{ path: "/dev/sdb", label: { ...block, complete: false } }], "/state")).toEqual([]);
  });
});
