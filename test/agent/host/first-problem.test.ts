import { describe, expect, it } from "vitest";

import { firstProblem } from "../../../src/agent/host/first-problem.ts";
import { parseAttempt } from "../../../src/agent/host/leftovers.ts";
import { attempts, type Release, text } from "./fixture.ts";

const SAID: Record<string, Record<string, string>> = {
  pacific: {
    badkey: "[errno 13] RADOS permission denied (error connecting to the cluster)",
    idinuse: "The osd ID 1 is already in use or does not exist.",
    piddir: "open: failed to open pid file '/run/ceph/rootonly/osd.2.pid': (13) Permission denied",
    folder: "/usr/bin/ln: failed to create symbolic link '/var/lib/ceph/osd/ceph-2/block': File exists",
    noconf:
      "Error initializing cluster client: ObjectNotFound('RADOS object not found (error calling conf_read_file)')",
    nomon: "it ended with code 124 and said nothing",
  },
  tentacle: {
    badkey: "[errno 13] RADOS permission denied (error connecting to the cluster)",
    // It swallows what the program said.
    idinuse: "/usr/bin/ceph failed; /var/log/ceph/ceph-volume.log says why",
    piddir: "/usr/bin/ceph-osd --mkfs failed; /var/log/ceph/ceph-volume.log says why",
    folder: "failed to create symbolic link '/var/lib/ceph/osd/ceph-0/block': File exists",
    noconf:
      "Error initializing cluster client: ObjectNotFound('RADOS object not found (error calling conf_read_file)')",
    rollback: expect.stringMatching(/^Command failed with exit code -9: \/usr\/bin\/ceph-osd .* --mkfs /),
    nomon: "it ended with code 124 and said nothing",
  },
};

describe("of all that ceph-volume prints when it fails", () => {
  const cases = Object.entries(SAID).flatMap(([release, said]) =>
    Object.entries(said).map(([what, line]) => [release as Release, what, line] as const),
  );

  it.each(cases)("the line that says why is told: %s, %s", (release, what, line) => {
    expect(firstProblem(text(release, `raw-prepare-${what}.txt`), what === "nomon" ? 124 : 1)).toEqual(line);
  });

  it("no failure of its rollback is told, in any release", () => {
    for (const release of ["pacific", "tentacle"] as const) {
      for (const what of attempts(release)) {
        const line = firstProblem(text(release, `raw-prepare-${what}.txt`), 1);
        expect(line).not.toMatch(/systemctl|No OSD|LVM|purged|rollback|Running command/);
      }
    }
  });

  it("the signal that ended a silent program is told", () => {
    expect(firstProblem("", 137)).toBe("it was ended by SIGKILL and said nothing");
  });

  it("a stack is left out", () => {
    const stack =
      'Traceback (most recent call last):\n  File "/usr/bin/x", line 3, in <module>\n    main()\nOSError: no\n';
    expect(firstProblem(stack, 1)).toBe("OSError: no");
  });
});

describe("an attempt's output", () => {
  it.each(["pacific", "tentacle"] as const)(
    "names the uuid given to the monitors and the number it got: %s",
    (release) => {
      const { uuid, osdId } = parseAttempt(text(release, "raw-prepare-ok.txt"));
      expect(text(release, "raw-prepare-ok.txt")).toContain(`--osd-uuid ${uuid}`);
      expect(osdId).toBe(0);
    },
  );

  it("names a uuid but no number when it was interrupted right then", () => {
    expect(parseAttempt(text("tentacle", "raw-prepare-nomon.txt"))).toEqual({
      uuid: "5012fa50-1920-48b8-b075-51c85874886e",
      osdId: undefined,
    });
  });

  it("names nothing before", () => {
    expect(parseAttempt("Running command: /usr/bin/ceph-authtool --gen-print-key\n")).toEqual({});
  });
});
