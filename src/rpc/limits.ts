/** Bounds of a connection. Every queue and every message has one, so that neither side can fill the other's memory. */

export interface Limits {
  /** Bytes of a frame's header. */
  header: number;
  /** Bytes of a frame's body, in both directions. */
  body: number;
  /** Levels of objects and lists in a message: what recursive code behind the connection can bear. */
  depth: number;
  /** Bytes of a page of a large list. The manager's GIL is held for about 2 ms by 0.4 MB. */
  page: number;
  /** Messages read but not yet looked at, above which nothing more is read. */
  queue: number;
  /** Requests being worked on; one more is refused. Not read later instead: what they wait for may stand behind it. */
  open: number;
  /** Bytes waiting to be written above which nothing more is read. */
  pauseAt: number;
  /** Bytes waiting to be written above which the connection is given up. */
  stallAt: number;
}

const MiB = 1024 * 1024;

export const defaultLimits: Readonly<Limits> = {
  header: 4096,
  body: 64 * MiB,
  depth: 200,
  page: 400_000,
  queue: 1000,
  open: 10_000,
  pauseAt: 16 * MiB,
  stallAt: 128 * MiB,
};
