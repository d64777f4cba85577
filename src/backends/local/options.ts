/** The options of the local backend. */
import { z } from "zod";

import { DEFAULT_SOCKET } from "../../agent/client.ts";

const UNITS: Readonly<Record<string, number>> = { M: 1024 ** 2, G: 1024 ** 3, T: 1024 ** 4 };

/** `4G` or `1.5T`, in powers of 1024; gives bytes. */
const size = z
  .string()
  .regex(/^\d+(\.\d+)?[MGT]$/, "expected a number with M, G or T, as in 4G")
  .transform((text) => Math.floor(Number(text.slice(0, -1)) * (UNITS[text.slice(-1)] ?? 1)));

export const localOptions = z.strictObject({
  agent_socket: z
    .string()
    .startsWith("/")
    .default(DEFAULT_SOCKET)
    .describe("The Unix socket on which the host agent listens."),
  loop_devices: z.boolean().default(false).describe("Whether loop devices are listed and may become OSDs."),
  file_devices: z
    .strictObject({
      count: z.int().min(1).max(64).describe("So many files."),
      size: size.describe("The size of each, such as 4G; they are sparse."),
    })
    .exactOptional()
    .describe("Files of the agent's that stand in for disks, for labs and tests."),
  osd_method: z
    .enum(["auto", "lvm", "raw"])
    .default("auto")
    .describe("How ceph-volume makes OSDs on disks: auto takes lvm where the host has a device mapper, else raw."),
});

export type LocalOptions = z.output<typeof localOptions>;
