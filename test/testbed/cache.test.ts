import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { cacheDir, clusterNames, isPrepared, MARKER, ROOT_FORMAT } from "../../testbed/cache.ts";

describe("the testbed's cache", () => {
  let dir: string;

  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), "orchbridge-cache-test-"));
    vi.stubEnv("ORCHBRIDGE_CACHE", dir);
  });

  afterEach(() => {
    vi.unstubAllEnvs();
    rmSync(dir, { recursive: true });
  });

  it("lies where ORCHBRIDGE_CACHE says, else under XDG_CACHE_HOME, else under the home", () => {
    expect(cacheDir({ ORCHBRIDGE_CACHE: "/a", XDG_CACHE_HOME: "/b" })).toBe("/a");
    expect(cacheDir({ ORCHBRIDGE_CACHE: "", XDG_CACHE_HOME: "/b" })).toBe("/b/orchbridge/testbed");
    expect(cacheDir({})).toMatch(/\/\.cache\/orchbridge\/testbed$/);
  });

  it("takes a root as prepared only when its marker has this version's format", () => {
    const root = join(dir, "reef");
    expect(isPrepared("reef")).toBe(false);
    mkdirSync(join(root, "usr"), { recursive: true });
    expect(isPrepared("reef")).toBe(false);
    writeFileSync(join(root, MARKER), "{");
    expect(isPrepared("reef")).toBe(false);
    writeFileSync(join(root, MARKER), JSON.stringify({ format: ROOT_FORMAT + 1 }));
    expect(isPrepared("reef")).toBe(false);
    writeFileSync(join(root, MARKER), JSON.stringify({ format: ROOT_FORMAT }));
    expect(isPrepared("reef")).toBe(true);
  });

  it("does not name a cluster that is still being made", () => {
    for (const name of ["b", "a", ".1-2-new"]) mkdirSync(join(dir, "reef", "clusters", name), { recursive: true });
    expect(clusterNames("reef")).toEqual(["a", "b"]);
    expect(clusterNames("pacific")).toEqual([]);
  });
});
