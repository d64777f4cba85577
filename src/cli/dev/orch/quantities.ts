/** Times, sizes and names in the form in which `ceph orch` prints and sorts them. */

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const WEEK = 7 * DAY;
const MONTH = 30 * DAY;
const YEAR = 365 * DAY;

/** Up to so many seconds a time is told in that unit. */
const STEPS: readonly (readonly [below: number, unit: number, letter: string])[] = [
  [2 * MINUTE, 1, "s"],
  [2 * HOUR, MINUTE, "m"],
  [2 * DAY, HOUR, "h"],
  [2 * WEEK, DAY, "d"],
  [12 * WEEK, WEEK, "w"],
  [2 * YEAR, MONTH, "M"],
  [Number.POSITIVE_INFINITY, YEAR, "y"],
];

/** How long ago a time was: `35s`, `4m`, `2d`; `-` where it is not known. */
export function age(time: string | null | undefined, now: number, suffix = ""): string {
  const at = time === null || time === undefined ? Number.NaN : Date.parse(withZone(time));
  if (Number.isNaN(at)) return "-";
  const seconds = Math.trunc((now - at) / 1000);
  const [, unit, letter] = STEPS.find(([below]) => seconds < below) ?? [0, 1, "s"];
  return `${Math.floor(seconds / unit)}${letter}${suffix}`;
}

/** Ceph's times are in UTC, whether they say so or not. */
function withZone(time: string): string {
  return /(?:Z|[+-]\d\d:?\d\d)$/.test(time) ? time : `${time.replace(" ", "T")}Z`;
}

const UNITS = [" ", "k", "M", "G", "T", "P", "E"];

/** A size in five characters: `3726G`, `1.81T`, ` 290M`. */
export function bytes(size: number): string {
  const width = 5;
  let unit = 0;
  while (String(Math.floor(size / 1024 ** unit)).length > width - 1 && unit < UNITS.length - 1) unit += 1;
  if (unit === 0) return `${String(Math.trunc(size)).padStart(width - 1)} `;
  const digits = (size / 1024 ** unit).toFixed(6).slice(0, width - 1);
  return `${digits.endsWith(".") ? ` ${digits.slice(0, -1)}` : digits}${UNITS[unit]}`;
}

/** The same, `-` for none. */
export function bytesOrDash(size: number | undefined): string {
  return size === undefined || size === 0 ? "-" : bytes(size);
}

/** Compares names so that h10 comes behind h9. */
export function naturally(a: string, b: string): number {
  const [left, right] = [a.split(/(\d+)/), b.split(/(\d+)/)];
  for (let index = 0; index < Math.max(left.length, right.length); index += 1) {
    const [x = "", y = ""] = [left[index], right[index]];
    if (x === y) continue;
    if (index % 2 === 1 && Number(x) !== Number(y)) return Number(x) - Number(y);
    return x < y ? -1 : 1;
  }
  return 0;
}
