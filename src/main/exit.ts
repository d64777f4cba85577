/** How the process that the mgr module starts ends. Imports nothing: `main.ts` needs it before the rest is loaded. */

/** Exit statuses other than 0, in the manner of sysexits.h. */
export const Exit = {
  /** A wrong command line. */
  usage: 2,
  /** An exception that nothing handled: a bug. */
  bug: 70,
  /** The manager did not confirm in time that it still leads. */
  leaseLost: 75,
  /** The other side sent what is not the protocol. */
  protocol: 76,
} as const;
