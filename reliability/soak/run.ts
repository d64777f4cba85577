/** One soak, from the first cluster up to the last one down. */
import { setTimeout as pause } from "node:timers/promises";

import { type Cluster, type Release, until } from "../../testbed/cluster.ts";
import { harmIn } from "./harm.ts";
import { Load } from "./load.ts";
import { finished, forgetFailed } from "./operations.ts";
import { readers } from "./pages.ts";
import { type Random, randomOf } from "./random.ts";
import { type Sample, sample } from "./samples.ts";
import { changeAnyOption, upControl, upSubject } from "./subject.ts";
import type { Tally } from "./tally.ts";
import { heal, troubleOf } from "./troubles.ts";
import { writer } from "./writers.ts";

export interface SoakWish {
  readonly release: Release;
  readonly seconds: number;
  readonly seed: number;
  /** Whether a second manager, without orchbridge, is asked for the same. */
  readonly control: boolean;
  /** Whether prometheus asks as well. Its server comes and goes, which takes half a minute to settle. */
  readonly prometheus: boolean;
  readonly log: (line: string) => void;
}

export interface SoakResult {
  readonly wish: SoakWish;
  readonly subject: readonly Sample[];
  readonly control: readonly Sample[];
  /** With no call under way, after the warm-up and at the end. */
  readonly before: Sample;
  readonly after: Sample;
  /** Seconds from which on the Node process was left alone. */
  readonly gentleFrom: number;
  readonly tally: Tally;
  readonly controlTally: Tally | null;
  /** How often each trouble was made. */
  readonly troubles: ReadonlyMap<string, number>;
  readonly forgotten: number;
  /** Calls of the orchestrator's interface that the module took, of whomever. */
  readonly bridgeCalls: number;
  /** What was broken besides figures. */
  readonly problems: readonly string[];
}

const SAMPLE_MS = 5000;
/** Worker threads of the shim end when idle for half a minute. */
const IDLE_MS = 35_000;
const QUIET_MS = 90_000;

export async function soak(wish: SoakWish): Promise<SoakResult> {
  const subject = await upSubject(wish.release, wish.prometheus);
  let control: Cluster | null = null;
  let left: string[] = [];
  let result: SoakResult;
  try {
    control = wish.control ? await upControl(subject, wish.prometheus) : null;
    result = await new Soak(wish, subject, control).run();
  } finally {
    await control?.down();
    left = (await subject.down()).map(({ command }) => `a process outlived its manager: ${command}`);
  }
  return { ...result, problems: [...result.problems, ...left] };
}

class Soak {
  readonly #wish: SoakWish;
  readonly #subject: Cluster;
  readonly #control: Cluster | null;
  /** Each has its own, for their calls do not come in the same order in every run. */
  readonly #random: { troubles: Random; writes: Random };
  readonly #begin = performance.now();
  readonly #samples: { subject: Sample[]; control: Sample[] } = { subject: [], control: [] };
  readonly #troubles = new Map<string, number>();
  readonly #problems: string[] = [];
  #forgotten = 0;
  #round = 0;
  #changes = 0;

  constructor(wish: SoakWish, subject: Cluster, control: Cluster | null) {
    this.#wish = wish;
    this.#subject = subject;
    this.#control = control;
    this.#random = { troubles: randomOf(wish.seed), writes: randomOf(wish.seed + 1) };
  }

  async run(): Promise<SoakResult> {
    const { seconds } = this.#wish;
    const pid = this.#subject.mgrPid();
    const load = new Load([...(await readers(this.#subject)), writer(this.#subject, this.#random.writes)]);
    const controlLoad = this.#control === null ? null : new Load(await readers(this.#control));
    const stop = new AbortController();
    const sampling = this.#keepSampling(stop.signal);
    try {
      controlLoad?.start();
      load.start();
      // The first fault of each kind makes what stays: threads, compiled code.
      await this.#makeTrouble(load, Math.min(seconds / 8, 120), false);
      const before = await this.#quiet(load, undefined);
      load.start();
      await this.#makeTrouble(load, seconds / 2, false);
      const gentleFrom = this.#elapsed();
      await this.#makeTrouble(load, seconds, true);
      const after = await this.#quiet(load, before);
      await controlLoad?.stop();
      this.#lookForHarm(pid);
      const bridgeCalls = await callsOf(this.#subject);
      return this.#result({ load, controlLoad, before, after, gentleFrom, bridgeCalls });
    } finally {
      stop.abort();
      await Promise.all([sampling, load.stop(), controlLoad?.stop()]);
    }
  }

  #elapsed(): number {
    return (performance.now() - this.#begin) / 1000;
  }

  async #makeTrouble(load: Load, untilSeconds: number, gentle: boolean): Promise<void> {
    const random = this.#random.troubles;
    while (this.#elapsed() < untilSeconds) {
      const trouble = troubleOf(this.#subject, random, gentle);
      this.#troubles.set(trouble.name, (this.#troubles.get(trouble.name) ?? 0) + 1);
      this.#wish.log(`${this.#elapsed().toFixed(0)} s: ${trouble.name}`);
      load.troubleBegins();
      await trouble.begin();
      await this.#sameChange();
      await pause(random.whole(1000, 6000));
      this.#round += 1;
      await heal(this.#subject, this.#round);
      await this.#sameChange();
      load.troubleEnds();
      this.#forgotten += await forgetFailed(this.#subject);
      await pause(random.whole(1000, 6000));
    }
  }

  /** The other manager hears of as many changed options. */
  async #sameChange(): Promise<void> {
    this.#changes += 1;
    if (this.#control !== null) await changeAnyOption(this.#control, `change ${this.#changes}`);
  }

  /** Stops the load until all that it began is over; `former`: and until nothing is left of it that was not there then. */
  async #quiet(load: Load, former: Sample | undefined): Promise<Sample> {
    await load.stop();
    let now = await finished(this.#subject, this.#begin);
    if (former === undefined) {
      // A short run has no time for that: then the baseline has some idle threads more, which go later.
      if (this.#wish.seconds > 300) await pause(IDLE_MS);
      return finished(this.#subject, this.#begin);
    }
    try {
      return await until("", QUIET_MS, async () => {
        now = await finished(this.#subject, this.#begin);
        return grown(former, now).length === 0 ? now : undefined;
      });
    } catch (error) {
      const what = grown(former, now);
      this.#problems.push(...(what.length === 0 ? [String(error)] : what));
      return now;
    }
  }

  async #keepSampling(stop: AbortSignal): Promise<void> {
    while (!stop.aborted) {
      try {
        const taken = await sample(this.#subject, this.#begin);
        this.#samples.subject.push(taken);
        this.#wish.log(JSON.stringify(taken));
        if (this.#control !== null) this.#samples.control.push(await sample(this.#control, this.#begin));
      } catch (error) {
        if (!stop.aborted) this.#problems.push(`${this.#elapsed().toFixed(0)} s: no sample: ${String(error)}`);
      }
      await pause(SAMPLE_MS, undefined, { signal: stop }).catch(() => undefined);
    }
  }

  #lookForHarm(pid: number | undefined): void {
    if (this.#subject.mgrPid() !== pid) this.#problems.push("the manager is another process than at the begin");
    this.#problems.push(...harmIn(this.#subject));
  }

  #result(parts: {
    load: Load;
    controlLoad: Load | null;
    before: Sample;
    after: Sample;
    gentleFrom: number;
    bridgeCalls: number;
  }): SoakResult {
    const { load, controlLoad, ...others } = parts;
    return {
      wish: this.#wish,
      ...this.#samples,
      ...others,
      tally: load.tally,
      controlTally: controlLoad?.tally ?? null,
      troubles: this.#troubles,
      forgotten: this.#forgotten,
      problems: [...this.#problems, ...load.tally.complaints()],
    };
  }
}

async function callsOf(cluster: Cluster): Promise<number> {
  const { ret, out, err } = await cluster.rados().mgr({ prefix: "orchbridge status", format: "json" });
  if (ret !== 0) throw new Error(`orchbridge status: ${err} (${ret})`);
  const { calls } = JSON.parse(out) as { calls: { answered: number; failed: number } };
  return calls.answered + calls.failed;
}

/** What there is more of than before, with no call under way. */
function grown(before: Sample, now: Sample): string[] {
  const counts: [what: string, before: number, now: number][] = [
    ["threads of the manager", before.mgr.threads, now.mgr.threads],
    ["descriptors of the manager", before.mgr.descriptors, now.mgr.descriptors],
    ["threads of Node", before.node?.threads ?? 0, now.node?.threads ?? 0],
    ["descriptors of Node", before.node?.descriptors ?? 0, now.node?.descriptors ?? 0],
    ["children of the manager", before.children, now.children],
    ["zombies", 0, now.zombies],
  ];
  return counts
    .filter(([, former, present]) => present > former)
    .map(([what, former, present]) => `${what}: ${former} before, ${present} at the end`);
}
