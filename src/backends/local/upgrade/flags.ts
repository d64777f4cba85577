/** What an upgrade changes in the cluster for its time, and puts back: noout, and the active mdss of file systems. */

import { type FileSystem, readFileSystems, readOsdMap } from "../ceph-maps.ts";
import type { Site } from "../site.ts";
import { changeUndo, readUndo } from "./record.ts";

/** Sets noout, so that no data moves because of an OSD that restarts. One that the operator had set stays in the end. */
export async function setNoout(site: Site): Promise<void> {
  if ((await readOsdMap(site)).flags.split(",").includes("noout")) return;
  // Written first: who dies in between puts back a flag that was never set, which does no harm.
  await changeUndo(site, (undo) => ({ ...undo, noout: true }));
  await site.mon({ prefix: "osd set", key: "noout" });
}

export async function putNooutBack(site: Site): Promise<void> {
  if (!(await readUndo(site)).noout) return;
  await site.mon({ prefix: "osd unset", key: "noout" });
  await changeUndo(site, (undo) => ({ ...undo, noout: false }));
}

/** Leaves a file system one active mds and no follower, as Ceph wants it before that one is upgraded. */
export async function reduce(site: Site, filesystem: FileSystem): Promise<void> {
  const { name, maxMds, allowsStandbyReplay } = filesystem;
  if (maxMds <= 1 && !allowsStandbyReplay) return;
  await changeUndo(site, (undo) => {
    const before = undo.filesystems[name] ?? { max_mds: null, standby_replay: false };
    const after = {
      max_mds: maxMds > 1 ? maxMds : before.max_mds,
      standby_replay: allowsStandbyReplay || before.standby_replay,
    };
    return { ...undo, filesystems: { ...undo.filesystems, [name]: after } };
  });
  if (allowsStandbyReplay) await setOption(site, name, "allow_standby_replay", "false");
  if (maxMds > 1) await setOption(site, name, "max_mds", "1");
}

export async function putFileSystemsBack(site: Site): Promise<void> {
  const before = Object.entries((await readUndo(site)).filesystems);
  if (before.length === 0) return;
  const { filesystems } = await readFileSystems(site);
  for (const [name, { max_mds: max, standby_replay: replay }] of before) {
    const now = filesystems.find((candidate) => candidate.name === name);
    // What the operator changed meanwhile stays; so does the loss of a file system that is gone.
    if (now?.maxMds === 1 && max !== null) await setOption(site, name, "max_mds", String(max));
    if (now !== undefined && replay) await setOption(site, name, "allow_standby_replay", "true");
    await changeUndo(site, ({ filesystems: { [name]: _done, ...rest }, ...undo }) => ({ ...undo, filesystems: rest }));
  }
}

async function setOption(site: Site, fs: string, option: string, value: string): Promise<void> {
  await site.mon({ prefix: "fs set", fs_name: fs, var: option, val: value });
}
