/** The stages of a write: how each is brought about, and let go again once the fault has struck. */
import { existsSync } from "node:fs";
import { setImmediate } from "node:timers/promises";

import { until } from "../../testbed/cluster.ts";
import type { Hold, Site } from "./site.ts";

/** A run as stages and faults see it. */
export interface Scene {
  readonly site: Site;
  /** The service whose write is to be at the stage. */
  readonly target: string;
  /** The id of the active manager, and the pid of its Node. */
  readonly active: string;
  readonly node: number;
  readonly random: () => number;
}

export interface Stage {
  readonly name: string;
  /** What it says in the table. */
  readonly what: string;
  /** Before the writes are sent. */
  arm(scene: Scene): void;
  /** Resolves when the target is there. */
  reach(scene: Scene): Promise<void>;
  /** After the fault has struck. */
  leave(scene: Scene): void;
}

const REACH_MS = 30_000;
const OFFSET_MS = 5;

/** Stopped there by the backend. */
function held(name: string, hold: Hold, what: string, all: boolean): Stage {
  return {
    name,
    what,
    arm: ({ site, target }) => site.hold(hold, ...(all ? [] : [target])),
    async reach({ site, target }) {
      await site.reached(hold, target);
    },
    leave: ({ site }) => site.letGo(hold),
  };
}

const submitted: Stage = {
  name: "submitted",
  what: "the call is on its way, Node has not read it",
  arm: ({ node }) => void process.kill(node, "SIGSTOP"),
  async reach({ site }) {
    // On Nautilus the question would wait behind the call.
    if (site.release === "nautilus") return spin(500);
    await until("a call on the wire", REACH_MS, async () => (await site.callsOnTheWire()) > 0 || undefined);
  },
  leave: ({ node }) => resume(node),
};

const beforeJournal: Stage = {
  name: "before the journal entry",
  what: "the backend has returned, the monitor holds the entry back (SIGSTOP)",
  arm: ({ site, target }) => site.hold("stored", target),
  async reach(scene) {
    const { site, target } = scene;
    await site.reached("stored", target);
    site.stopMon();
    site.letGo("stored");
    await returned(scene);
    // The request to the manager is a line in a pipe.
    await spin(20);
  },
  leave: ({ site }) => site.continueMon(),
};

export const AFTER_JOURNAL = "after the journal entry";

const afterJournal: Stage = {
  name: AFTER_JOURNAL,
  what: "and before the answer, as far as a random 0 to 5 ms hit it",
  arm: ({ site, target }) => site.hold("stored", target),
  async reach(scene) {
    const { site, target, random } = scene;
    await site.reached("stored", target);
    site.letGo("stored");
    await returned(scene);
    await spin(random() * OFFSET_MS);
  },
  leave: () => undefined,
};

export const STAGES: readonly Stage[] = [
  submitted,
  held("before the durable step", "entered", "the backend has the call and has stored nothing", false),
  held("after the durable step", "stored", "the backend has stored it and has not returned", false),
  beforeJournal,
  afterJournal,
  held("before effective", "begun", "answered; the second stage is about to act", true),
  held("during effective", "made", "the second stage has acted and has not noted it", true),
];

/** Why the matrix has no row of its own for `waited`. */
export const NO_WAITED =
  "a modern call starts when it arrives, there is no separate wait; on Nautilus, where `wait` starts a completion, one that is waited for is one before the durable step";

/** Spins, for a poll would be too coarse: what follows takes two or three milliseconds. */
async function returned({ site, target, node }: Scene): Promise<void> {
  const mark = site.markFile("returned", target, node);
  const end = performance.now() + REACH_MS;
  while (!existsSync(mark)) {
    if (performance.now() > end) throw new Error(`${target} did not return from the backend`);
    await setImmediate();
  }
}

async function spin(ms: number): Promise<void> {
  const end = performance.now() + ms;
  while (performance.now() < end) await setImmediate();
}

function resume(pid: number): void {
  try {
    process.kill(pid, "SIGCONT");
  } catch {
    // The fault has ended it.
  }
}
