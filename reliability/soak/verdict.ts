/** The rule by which a soak is judged. */
import type { SoakResult } from "./run.ts";
import type { Sample } from "./samples.ts";

/**
 * What a manager's memory may grow by in an hour at ten times the usual rate: as that of a manager without orchbridge, of which
 * 20.2 loses 1.4 kB and more for each request to its dashboard and 0.3 kB for each command of the orchestrator, and so much.
 */
const MGR_MB_PER_HOUR = 15;
const MGR_TIMES_CONTROL = 1.15;
/**
 * What Node's highest memory in the second half of the time in which it was left alone may be above that in the first half. Not
 * a slope: V8 tidies up a few times in that time, and between two of these its memory only grows.
 */
const NODE_MB = 10;
/** The part of the time in which the manager's memory is not judged: Python's heap reaches its size. */
const WARM_UP = 1 / 3;

export interface Slopes {
  readonly mgr: number;
  readonly control: number | null;
}

/** In MB an hour, after the warm-up. */
export function slopes({ subject, control, wish }: SoakResult): Slopes {
  const points = (samples: readonly Sample[]): [number, number][] =>
    samples.filter(({ at }) => at > wish.seconds * WARM_UP).map(({ at, mgr: { memory } }) => [at, memory]);
  return { mgr: slope(points(subject)), control: control.length < 2 ? null : slope(points(control)) };
}

/** The highest memory of Node in the two halves of the time in which it was left alone, in MB. */
export function nodePeaks({ subject, gentleFrom }: SoakResult): readonly [first: number, second: number] {
  const gentle = subject.filter(({ at }) => at > gentleFrom).map(({ node }) => node?.memory ?? 0);
  const middle = Math.floor(gentle.length / 2);
  return [Math.max(0, ...gentle.slice(0, middle)), Math.max(0, ...gentle.slice(middle))];
}

/** What is broken, a sentence each; an empty list is a soak that was passed. */
export function broken(result: SoakResult): string[] {
  const { mgr, control } = slopes(result);
  const allowed = MGR_MB_PER_HOUR + MGR_TIMES_CONTROL * Math.max(0, control ?? 0);
  const problems = [...result.problems];
  if (mgr > allowed)
    problems.push(`the manager's memory grows by ${mgr.toFixed(1)} MB an hour, and may by ${allowed.toFixed(1)}`);
  const [first, second] = nodePeaks(result);
  if (second > first + NODE_MB)
    problems.push(
      `Node's memory went up to ${second.toFixed(1)} MB, and to ${first.toFixed(1)} before; it may ${NODE_MB} higher`,
    );
  const pids = new Set(result.subject.filter(({ at }) => at > result.gentleFrom).map(({ node: size }) => size?.pid));
  if (pids.size > 1) problems.push(`Node ended while it was left alone: pids ${[...pids].join(", ")}`);
  return problems;
}

/** Least squares, of points [seconds, MB]; in MB an hour. */
function slope(points: readonly (readonly [number, number])[]): number {
  const mean = (of: (point: readonly [number, number]) => number): number =>
    points.reduce((sum, point) => sum + of(point), 0) / points.length;
  const [x, y] = [mean(([at]) => at), mean(([, value]) => value)];
  const covariance = points.reduce((sum, [at, value]) => sum + (at - x) * (value - y), 0);
  const variance = points.reduce((sum, [at]) => sum + (at - x) ** 2, 0);
  return (covariance / variance) * 3600;
}
