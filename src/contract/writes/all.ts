/** Every write of the suite. */
import { HOST_WRITES } from "./hosts.ts";
import { OSD_WRITES } from "./osds.ts";
import { OTHER_WRITES } from "./others.ts";
import { SERVICE_WRITES } from "./services.ts";
import type { Write } from "./write.ts";

export const WRITES: readonly Write[] = [...HOST_WRITES, ...SERVICE_WRITES, ...OSD_WRITES, ...OTHER_WRITES];

export function titleOf({ method, of }: Write): string {
  return of === undefined ? method : `${method} (${of})`;
}
