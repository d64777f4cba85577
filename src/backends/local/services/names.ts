/** How daemons are named: always alike for the same service, host and number, so that a repeated step makes the same one. */
import { createHash } from "node:crypto";

import { type AnySpec, placedHost, serviceName, serviceType } from "../../../index.ts";

/** An id is a part of paths and of command lines, whose lengths have limits. */
export const LONGEST_SERVICE_ID = 60;

/** Whether it may be a part of a daemon's name, as a service's id is. */
export function isDaemonPart(text: string): boolean {
  return /^[A-Za-z0-9_][A-Za-z0-9_.-]*$/.test(text) && text.length <= LONGEST_SERVICE_ID;
}

/** The id of the daemon of this number of a service. */
export function daemonId(spec: AnySpec, hostname: string, index: number): string {
  const chosen = spec.placement?.hosts?.map(placedHost).find((host) => host.hostname === hostname)?.name ?? "";
  const traits = serviceType(spec.service_type);
  const usual = [
    ...(traits?.named === true && spec.service_id !== undefined ? [spec.service_id] : []),
    ...(traits?.ranked === true ? [`${index}.0`] : []),
    hostname.split(".")[0] ?? hostname,
  ].join(".");
  const stem = chosen === "" ? usual : chosen;
  const plain = index === 0 && (chosen !== "" || traits?.lettered !== true);
  return plain ? stem : `${stem}.${letters(`${serviceName(spec)} ${hostname} ${index}`)}`;
}

/** Six lowercase letters that look random, as cephadm ends the names of daemons. */
function letters(words: string): string {
  const bytes = createHash("sha256").update(words).digest().subarray(0, 6);
  return Array.from(bytes, (byte) => String.fromCharCode(97 + (byte % 26))).join("");
}

/** Short and the same for equal values. */
export function digest(value: unknown): string {
  return createHash("sha256").update(JSON.stringify(value)).digest("hex").slice(0, 16);
}
