/** BlueStore's label, which stands at the beginning of every device or file of an OSD and says whose it is. */
import { open } from "node:fs/promises";

/** What the label tells. */
export interface BluestoreLabel {
  readonly osdUuid: string;
  /** `block`: the OSD itself. */
  readonly use: "block" | "db" | "wal";
  readonly osdId: number | undefined;
  readonly clusterFsid: string | undefined;
  /** Whether its making came to an end. Those of db and wal do not tell. */
  readonly complete: boolean;
}

const MAGIC = "bluestore block device\n";
const UUID_LENGTH = 36;
const LABEL_BYTES = 4096;
const USES: Readonly<Record<string, BluestoreLabel["use"]>> = { main: "block", "bluefs db": "db", "bluefs wal": "wal" };

/** The label of a device or file; undefined when there is none. Throws when the device cannot be read. */
export async function readLabel(path: string): Promise<BluestoreLabel | undefined> {
  const file = await open(path, "r");
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(LABEL_BYTES), 0, LABEL_BYTES, 0);
    return parseLabel(buffer.subarray(0, bytesRead));
  } finally {
    await file.close();
  }
}

/** Laid out as `bluestore_bdev_label_t` of os/bluestore/bluestore_types.cc, the same from 14.2 to 20.2. */
export function parseLabel(bytes: Buffer): BluestoreLabel | undefined {
  if (bytes.toString("latin1", 0, MAGIC.length) !== MAGIC) return undefined;
  const osdUuid = bytes.toString("latin1", MAGIC.length, MAGIC.length + UUID_LENGTH);
  const { description, meta } = body(bytes) ?? { description: "main", meta: new Map<string, string>() };
  const whoami = meta.get("whoami");
  const osdId = whoami !== undefined && /^\d+$/.test(whoami.trim()) ? Number(whoami) : undefined;
  const clusterFsid = meta.get("ceph_fsid")?.trim();
  const use = USES[description] ?? "block";
  return {
    osdUuid,
    use,
    osdId,
    clusterFsid,
    complete: use === "block" && osdId !== undefined && clusterFsid !== undefined && meta.get("ready") === "ready",
  };
}

/** Undefined when the encoded part is cut off or broken. */
function body(bytes: Buffer): { description: string; meta: Map<string, string> } | undefined {
  // After the text: version, compatible version and length (1, 1, 4), uuid (16), size (8), time of birth (8).
  let at = MAGIC.length + UUID_LENGTH + 1 + 6 + 16 + 8 + 8;
  const word = (): string => {
    const length = bytes.readUInt32LE(at);
    if (at + 4 + length > bytes.length) throw new RangeError("the label is cut off");
    const text = bytes.toString("utf8", at + 4, at + 4 + length);
    at += 4 + length;
    return text;
  };
  try {
    const description = word();
    const meta = new Map<string, string>();
    const count = bytes.readUInt32LE(at);
    at += 4;
    for (let index = 0; index < count; index += 1) {
      const key = word();
      meta.set(key, word());
    }
    return { description, meta };
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}
