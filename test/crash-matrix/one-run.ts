/** One run: several writes at once, a fault at a stage of the first of them, and what became of all of them. */
import { until } from "../../testbed/cluster.ts";
import type { Fault } from "./faults.ts";
import type { Site } from "./site.ts";
import { AFTER_JOURNAL, type Scene, type Stage } from "./stages.ts";
import { type Attempt, isInFlight, sendWrites, succeeded, type Write, waysOf } from "./writes.ts";

export interface Cell {
  readonly stage: Stage;
  readonly fault: Fault;
}

/** What a run showed. */
export interface Outcome {
  readonly stage: string;
  readonly fault: string;
  readonly writes: number;
  readonly services: number;
  readonly attempts: number;
  /** The longest time that an answer took, in milliseconds, from managers that lived. */
  readonly slowestMs: number;
  /** Calls in flight when their manager died, and what they were answered: by the next manager, or by an error. */
  readonly inFlight: number;
  readonly answeredByNext: number;
  /** The errors that clients were told. */
  readonly errors: readonly string[];
  /** Operations that were taken up again by another process, or by hand (`op retry`). */
  readonly resumed: number;
  readonly retried: number;
  /** For the stage after the journal entry: what the offset hit. */
  readonly hit: "journaled, not answered" | "answered" | "not journaled" | null;
  readonly lost: readonly string[];
  readonly doubled: readonly string[];
  /** Every promise that was not kept; empty for a run as it should be. */
  readonly broken: readonly string[];
  readonly seconds: number;
}

/** The default deadline of a write, and two seconds. */
const ANSWER_MS = 62_000;
const EFFECTIVE_MS = 60_000;
const SETTLE_MS = 15_000;

export async function oneRun(site: Site, number: number, cell: Cell, random: () => number): Promise<Outcome> {
  const began = performance.now();
  const scene = await openScene(site, number, random);
  cell.stage.arm(scene);
  const writes = sendWrites(site, `r${number}`, waysOf(site, random));
  const meeting = await meet(scene, cell, writes);
  const settled = await settle(site, writes);
  const names = writes.flatMap((write) => write.names);
  const resumed = names.filter((name) => site.marks("resumed", name).length > 0);
  const judged = judge(site, writes);
  const broken = [...meeting.broken, ...settled.broken, ...(await promises(site, writes, cell.fault))];
  const attempts = writes.flatMap((write) => write.attempts);
  return {
    stage: cell.stage.name,
    fault: cell.fault.name,
    writes: writes.length,
    services: names.length,
    attempts: attempts.length,
    slowestMs: Math.max(0, ...attempts.filter((attempt) => !meeting.dying.includes(attempt)).map(durationOf)),
    inFlight: meeting.dying.length,
    answeredByNext: meeting.dying.filter(({ ret }) => ret === 0).length,
    errors: attempts.flatMap(({ ret, err }) => (ret === 0 ? [] : [err ?? "no answer"])),
    resumed: resumed.length,
    retried: settled.retried,
    hit: cell.stage.name === AFTER_JOURNAL ? hitOf(meeting, resumed.includes(scene.target)) : null,
    ...judged,
    broken: [
      ...judged.lost.map((name) => `lost: ${name}`),
      ...judged.doubled.map((name) => `doubled: ${name}`),
      ...broken,
    ],
    seconds: (performance.now() - began) / 1000,
  };
}

/** How the fault met the writes. */
interface Meeting {
  /** The attempts that were in flight at a manager that died. */
  readonly dying: readonly Attempt[];
  /** Whether the target's answer had arrived before the fault. */
  readonly answered: boolean;
  readonly broken: readonly string[];
}

/** Waits for the stage, lets the fault strike and mends it. */
async function meet(scene: Scene, { stage, fault }: Cell, writes: readonly Write[]): Promise<Meeting> {
  let dying: Attempt[] = [];
  let answered = false;
  try {
    await stage.reach(scene);
    const inFlight = writes.filter(isInFlight);
    answered = !inFlight.includes(writes[0]!);
    if (fault.endsMgr) dying = inFlight.map(({ attempts }) => attempts.at(-1)!);
    await fault.strike(scene);
    stage.leave(scene);
    await fault.mend(scene, () => isFelt(scene.site, writes));
    return { dying, answered, broken: [] };
  } catch (error) {
    return { dying, answered, broken: [`the run could not be made: ${text(error)}`] };
  } finally {
    await calm(scene);
  }
}

function hitOf({ answered }: Meeting, resumed: boolean): Outcome["hit"] {
  if (answered) return "answered";
  return resumed ? "journaled, not answered" : "not journaled";
}

async function openScene(site: Site, number: number, random: () => number): Promise<Scene> {
  await site.ready();
  site.clear();
  const [node] = site.at.nodePids();
  if (node === undefined) throw new Error("there is no Node process");
  return { site, target: `mds.r${number}w0`, active: await site.active(), node, random };
}

/** Whatever the run came to: nothing stays held, stopped or full. */
async function calm({ site }: Scene): Promise<void> {
  site.releaseAll();
  site.disk.free();
  if (site.at.cluster.daemon("mon.a").pid === undefined) await site.at.cluster.restartMon();
  site.continueMon();
  for (const id of ["x", "y"]) if (site.at.cluster.mgrPid(id) === undefined) await site.at.cluster.startMgr(id);
}

/** Somebody was told of the full disk: a caller, or an operation failed of it. */
async function isFelt(site: Site, writes: readonly Write[]): Promise<boolean> {
  if (writes.some(({ attempts }) => attempts.some(({ err }) => err?.includes("disk of the state is full"))))
    return true;
  return (await site.operations()).some(({ state }) => state === "failed");
}

/** Waits until every write is answered and effective; failed operations are retried, as an operator does. */
async function settle(site: Site, writes: readonly Write[]): Promise<{ retried: number; broken: readonly string[] }> {
  await Promise.all(writes.map(({ ended }) => ended));
  const names = writes.filter(succeeded).flatMap((write) => write.names);
  let retried = 0;
  const look = async (): Promise<true | undefined> => {
    const made = new Set(site.effects().map(({ name }) => name));
    const left = await site.journal();
    if (left.length === 0 && names.every((name) => made.has(name))) return true;
    for (const { call, state } of await site.operations()) {
      if (state === "failed" && (await site.retry(call)).ret === 0) retried += 1;
    }
    return undefined;
  };
  try {
    await until("all that was answered to be effective and the journal to be empty", EFFECTIVE_MS, look, 100);
    return { retried, broken: [] };
  } catch (error) {
    return { retried, broken: [text(error)] };
  }
}

function judge(site: Site, writes: readonly Write[]): { lost: string[]; doubled: string[] } {
  const effects = site.effects().map(({ name }) => name);
  const answered = writes.filter(succeeded).flatMap((write) => write.names);
  return {
    lost: answered.filter((name) => !effects.includes(name)),
    doubled: [...new Set(effects.filter((name, index) => effects.indexOf(name) !== index))],
  };
}

/** What else was promised, and is not so. */
async function promises(site: Site, writes: readonly Write[], fault: Fault): Promise<string[]> {
  const broken: string[] = [];
  for (const { way, names, attempts } of writes) {
    if (attempts.at(-1)?.ret !== 0)
      broken.push(`${names.join(", ")} (${way}) never succeeded: ${attempts.at(-1)?.err}`);
    for (const attempt of attempts) {
      const took = durationOf(attempt);
      if (took > ANSWER_MS && !fault.endsMgr) broken.push(`${names.join(", ")} was answered after ${took / 1000} s`);
      if (attempt.err?.includes("Traceback"))
        broken.push(`${names.join(", ")} was answered a traceback: ${attempt.err}`);
    }
  }
  const checks = [
    site.ready(),
    empty("the journal", () => site.journal()),
    empty("the list of progress events that run", () => site.runningEvents()),
    empty("op ls", async () => (await site.operations()).map((row) => JSON.stringify(row))),
  ];
  for (const check of await Promise.allSettled(checks))
    if (check.status === "rejected") broken.push(text(check.reason));
  return [...broken, ...site.harm()];
}

async function empty(what: string, look: () => Promise<string[]>): Promise<void> {
  let last: string[] = [];
  const said = (): string => `${what} to be empty; it has ${last.join(", ")}`;
  await until(said, SETTLE_MS, async () => {
    last = await look();
    return last.length === 0 || undefined;
  });
}

function durationOf({ sentAt, answeredAt }: Attempt): number {
  return (answeredAt ?? performance.now()) - sentAt;
}

function text(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
