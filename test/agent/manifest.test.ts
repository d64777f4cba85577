import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Manifest, type ManifestEntry } from "../../src/agent/manifest.ts";

let dir = "";
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "orchbridge-manifest-"));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const ENTRY: ManifestEntry = {
  service: "mds.home",
  labels: {},
  ports: [],
  address: null,
  desired: "running",
  created: "2026-11-22T10:00:00.000Z",
  deployed: "2026-11-22T10:00:00.000Z",
  adopted: null,
  removing: null,
};

describe("the manifest", () => {
  it("is read again as it was written, readable by its owner alone", async () => {
    const manifest = Manifest.open(dir);
    await manifest.put("mds.a", ENTRY);
    await manifest.writeRecords(0, { "service/mds.home": { count: 2 } });
    const again = Manifest.open(dir);
    expect(again.get("mds.a")).toEqual(ENTRY);
    expect(again.records).toEqual({ "service/mds.home": { count: 2 } });
    expect([again.generation, again.id]).toEqual([1, manifest.id]);
    expect(statSync(join(dir, "manifest.json")).mode & 0o777).toBe(0o600);
    expect(readdirSync(dir)).toEqual(["manifest.json"]);
  });

  it("changes records only from the generation that was read, and deletes by null", async () => {
    const manifest = Manifest.open(dir);
    await manifest.writeRecords(0, { a: 1, b: 2 });
    await expect(manifest.writeRecords(0, { a: 3 })).rejects.toMatchObject({ reason: "Conflict" });
    expect(await manifest.writeRecords(1, { a: null })).toBe(2);
    expect(manifest.records).toEqual({ b: 2 });
  });

  it("counts no change of a daemon as one of the records", async () => {
    const manifest = Manifest.open(dir);
    await manifest.put("mds.a", ENTRY);
    expect(await manifest.writeRecords(0, { a: 1 })).toBe(1);
  });

  it("loses nothing of what is written at once", async () => {
    const manifest = Manifest.open(dir);
    const names = Array.from({ length: 50 }, (_, index) => `mds.m${index}` as const);
    await Promise.all(names.map((name) => manifest.put(name, ENTRY)));
    expect(Manifest.open(dir).names()).toHaveLength(50);
  });

  it.each([
    ["is no JSON", '{"version":1,', "it is not JSON"],
    ["is of a newer agent", '{"version":2,"hosts":[]}', "it was written by a newer agent (version 2, known is 1)"],
    ["misses a part", '{"version":1}', "expected string"],
  ])("refuses one that %s, and leaves it as it is", (_, text, reason) => {
    const file = join(dir, "manifest.json");
    writeFileSync(file, text);
    expect(() => Manifest.open(dir)).toThrow(reason);
    expect(() => Manifest.open(dir)).toThrow("It is left as it is: put back a copy of it");
    expect(readFileSync(file, "utf8")).toBe(text);
  });

  it.skipIf(process.getuid?.() !== 0)(
    "changes nothing when the disk is full, and goes on when it is not any more",
    async () => {
      execFileSync("mount", ["-t", "tmpfs", "-o", "size=64k", "tmpfs", dir]);
      try {
        const manifest = Manifest.open(dir);
        await manifest.writeRecords(0, { a: 1 });
        const before = readFileSync(join(dir, "manifest.json"), "utf8");
        await expect(manifest.writeRecords(1, { big: "x".repeat(100_000) })).rejects.toThrow(
          /manifest\.json was not written: no space is left on its file system/,
        );
        expect(manifest.records).toEqual({ a: 1 });
        expect(readFileSync(join(dir, "manifest.json"), "utf8")).toBe(before);
        expect(readdirSync(dir)).toEqual(["manifest.json"]);
        expect(await manifest.writeRecords(1, { b: 2 })).toBe(2);
      } finally {
        execFileSync("umount", [dir]);
      }
    },
  );
});
