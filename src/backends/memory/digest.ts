/** Values that look random and are always the same for the same words. */
import { createHash } from "node:crypto";

/** Six lowercase letters, as cephadm ends the names of daemons. */
export function letters(words: string): string {
  const bytes = createHash("sha256").update(words).digest().subarray(0, 6);
  return Array.from(bytes, (byte) => String.fromCharCode(97 + (byte % 26))).join("");
}

export function hex(words: string, length: number): string {
  return createHash("sha256").update(words).digest("hex").slice(0, length);
}

/** From 0 to `below`, exclusive. */
export function number(words: string, below: number): number {
  return createHash("sha256").update(words).digest().readUInt32BE(0) % below;
}
