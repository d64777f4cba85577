/** Looks at a device itself, as ceph-volume would: where that cannot run, this alone says whether a device is free. */
import { messageOf } from "../../index.ts";
import { codeOf } from "../durable-file.ts";
import { signatures } from "./erase.ts";
import { openAlone } from "./holders.ts";

/** Why no OSD can be made on a device, in ceph-volume's words: nothing for one that is empty and that nobody has open. */
export async function probe(path: string): Promise<string[]> {
  try {
    await openAlone(path);
  } catch (error) {
    const code = codeOf(error);
    return [code === "EBUSY" ? "locked" : `cannot be opened (${code ?? String(error)})`];
  }
  try {
    return [...new Set((await signatures(path)).map(reasonOf))];
  } catch (error) {
    return [`cannot be read: ${messageOf(error)}`];
  }
}

function reasonOf(type: string): string {
  if (type === "ceph_bluestore") return "Has BlueStore device label";
  if (type === "LVM2_member") return "LVM detected";
  if (["gpt", "PMBR", "dos"].includes(type)) return `Has a partition table (${type})`;
  return `Has a FileSystem (${type})`;
}
