/** `ceph orch tuned-profile …`, since Reef. */
import { describe, expect, it } from "vitest";

import { type At, beginningWith, has, itSince, type ModernRelease, START } from "./start.ts";

const FILE = `profile_name: from-file
placement:
  hosts:
  - h1
settings:
  vm.swappiness: '10'
`;

export function tunedProfileCommands(at: At, release: ModernRelease): void {
  const profiles = (): Promise<unknown> => at().read("orch tuned-profile ls");

  if (!has(release, "reef")) return;
  describe("tuned profiles", () => {
    beginningWith(at, release, START);

    it("are applied from the command line and from a file", async () => {
      const said = await at().ok(
        "orch tuned-profile apply calm --placement=h1 --settings=vm.swappiness=5,kernel.pid_max=99999",
      );
      expect(said).toBe("Saved tuned profile calm");
      expect(await at().ok("orch tuned-profile apply", { input: FILE })).toBe("Saved tuned profile from-file");
      expect(await at().json("orch tuned-profile ls")).toEqual([
        {
          profile_name: "calm",
          placement: { hosts: ["h1"] },
          settings: { "vm.swappiness": "5", "kernel.pid_max": "99999" },
        },
        { profile_name: "from-file", placement: { hosts: ["h1"] }, settings: { "vm.swappiness": "10" } },
      ]);
      const text = await at().ok("orch tuned-profile ls");
      expect(text).toMatch(/^profile_name: calm\nplacement: h1\nsettings:\n {2}vm\.swappiness: 5$/m);
    });

    it("are not overwritten with --no_overwrite", async () => {
      const said = await at().ok("orch tuned-profile apply calm --settings=a.b=1 --no_overwrite");
      expect(said).toContain("already exists");
      expect(await profiles()).toMatchObject([{ settings: { "vm.swappiness": "5" } }, {}]);
    });

    it("get and lose single settings", async () => {
      await at().ok("orch tuned-profile add-setting calm fs.aio-max-nr 1048576");
      await at().ok("orch tuned-profile rm-setting calm kernel.pid_max");
      expect(await profiles()).toMatchObject([{ settings: { "vm.swappiness": "5", "fs.aio-max-nr": "1048576" } }, {}]);
      await at().refused("orch tuned-profile rm-setting calm kernel.pid_max", "ENOENT", "kernel.pid_max");
    });

    itSince("tentacle", release)("get and lose several settings at once", async () => {
      await at().ok("orch tuned-profile add-settings calm a.b=1,c.d=2");
      expect(await profiles()).toMatchObject([{ settings: { "a.b": "1", "c.d": "2" } }, {}]);
      await at().ok("orch tuned-profile rm-settings calm a.b,c.d");
      expect(await profiles()).toMatchObject([{ settings: expect.not.objectContaining({ "a.b": "1" }) }, {}]);
    });

    it("are removed, and unknown ones named in one line with ENOENT", async () => {
      expect(await at().ok("orch tuned-profile rm calm")).toBe("Removed tuned profile calm");
      expect(await profiles()).toMatchObject([{ profile_name: "from-file" }]);
      await at().refused("orch tuned-profile rm calm", "ENOENT", "tuned profile calm does not exist");
    });
  });
}
