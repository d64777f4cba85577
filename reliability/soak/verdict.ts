/** The rule by which a soak is judged. */
import type { SoakResult } from "./run.ts";
import type { Sample } from "./samples.ts";

/**
 * What a manager's memory may grow by in an hour at ten times the usual rate: as that of a manager without orchbridge, of which
 * 20.2 loses 1.4 kB and more for each request to its dashboard and 0.3 kB for each command of the orchestrator, and so much.
 */
const MGR_MB_PER_HOUR = 15;
const MGR_TIMES_CONTROL = 1.15;
/** What Node's may: the heap goes up and down by some MB, and the time is short. */
const NODE_MB_PER_HOUR = 30;
/** The part of the time in which memory is not judged: Python's and V8's heaps reach their size. */
const WARM_UP = 1 / 3;

export interface Slopes {
  readonly mgr: number;
  readonly node: number | null;
  readonly control: number | null;
}

/** In MB an hour, after the warm-up; that of Node while it was left alone. */
export function slopes(result: SoakResult): Slopes {
  const { subject, control, gentleFrom, wish } = result;
  const from = wish.seconds * WARM_UP;
  const mgr = (samples: readonly Sample[]): [number, number][] =>
    samples.filter(({ at }) => at > from).map(({ at, mgr: { memory } }) => [at, memory]);
  const gentle = subject.filter(({ at }) => at > gentleFrom + (wish.seconds - gentleFrom) * WARM_UP);
  const node = gentle.flatMap(({ at, node: size }): [number, number][] => (size === null ? [] : [[at, size.memory]]));
  return {
    mgr: slope(mgr(subject)),
    node: node.length < 2 ? null : slope(node),
    control: control.length < 2 ? null : slope(mgr(control)),
  };
}

/** What is broken, a sentence each; an empty list is a soak that was passed. */
export function broken(result: SoakResult): string[] {
  const { mgr, node, control } = slopes(result);
  const allowed = MGR_MB_PER_HOUR + MGR_TIMES_CONTROL * Math.max(0, control ?? 0);
  const problems = [...result.problems];
  if (mgr > allowed)
    problems.push(`the manager's memory grows by ${mgr.toFixed(1)} MB an hour, and may by ${allowed.toFixed(1)}`);
  if (node === null || node > NODE_MB_PER_HOUR)
    problems.push(`Node's memory grows by ${node?.toFixed(1) ?? "?"} MB an hour, and may by ${NODE_MB_PER_HOUR}`);
  const pids = new Set(result.subject.filter(({ at }) => at > result.gentleFrom).map(({ node: size }) => size?.pid));
  if (pids.size > 1) problems.push(`Node ended while it was left alone: pids ${[...pids].join(", ")}`);
  return problems;
}

/** Least squares, of points [seconds, MB]; in MB an hour. */
export function slope(points: readonly (readonly [number, number])[]): number {
  const mean = (of: (point: readonly [number, number]) => number): number =>
    points.reduce((sum, point) => sum + of(point), 0) / points.length;
  const [x, y] = [mean(([at]) => at), mean(([, value]) => value)];
  const covariance = points.reduce((sum, [at, value]) => sum + (at - x) * (value - y), 0);
  const variance = points.reduce((sum, [at]) => sum + (at - x) ** 2, 0);
  return (covariance / variance) * 3600;
}
