/** The two stages of a write: persistent, then effective, whatever happens between and during them. */
import { deepEqual, equal, ok } from "node:assert/strict";
import { type Answered, type Bench, Refused } from "../bench.ts";
import { type Case, Skip, until } from "../case.ts";
import { outlineOf } from "../state.ts";
import { titleOf, WRITES } from "../writes/all.ts";
import type { Prepared, Write } from "../writes/write.ts";
import { again } from "./writes.ts";

type Outline = Awaited<ReturnType<typeof outlineOf>>;

/** A write that was answered and has a second stage to come. */
interface Held {
  readonly prepared: Prepared;
  readonly answered: Answered;
  readonly operation: string;
}

async function held(bench: Bench, write: Write): Promise<Held> {
  const prepared = await write.prepare(bench);
  const answered = await bench.start(write.method, prepared.params);
  const [operation] = answered.operations;
  if (operation === undefined) throw new Skip(`${write.method} is effective at once here`);
  return { prepared, answered, operation };
}

/** Skips where the world of the write would be gone with the instance of the backend. */
function outlives(bench: Bench, write: Write): void {
  if (bench.lasting || write.bare === true) return;
  throw new Skip(
    "the backend's world ends with its instance; hand the suite a function that makes a world for each case",
  );
}

/** The world after the write, undisturbed; a world of its own. */
async function undisturbed(bench: Bench, write: Write): Promise<Outline> {
  const other = await bench.another();
  try {
    const { params } = await write.prepare(other);
    await other.write(write.method, params);
    return await outlineOf(other);
  } finally {
    await other.end();
  }
}

/** The operation is taken up by the new process as what it is, becomes effective, and the world is as if nothing had happened. */
async function resumed(bench: Bench, write: Write, { prepared, operation }: Held): Promise<void> {
  await bench.settled([operation]);
  const runs = bench.witness.runs.filter(({ id, stage }) => id === operation && stage === "call");
  ok(
    runs.some((run) => run.resumed),
    `${write.method} was not called again with call.resumed`,
  );
  await prepared.seen();
  deepEqual(
    await outlineOf(bench),
    await undisturbed(bench, write),
    "the world is another one than without the interruption",
  );
}

function waits(write: Write): Case {
  return {
    name: `${titleOf(write)} is not effective before its answer has left`,
    source: "WriteCompletion: is_persistent comes before is_effective; progress and effect are told after the answer",
    needs: [write.method, ...write.needs],
    async run(bench) {
      const { prepared, answered, operation } = await held(bench, write);
      if (prepared.done === undefined) throw new Skip("its effect and its second stage cannot be told apart by reads");
      if (bench.facts.convergesByItself === true) {
        await until(prepared.done, bench.facts.settlesWithin, "the orchestrator made it effective by itself");
      } else {
        equal(await prepared.done(), false, "it is effective although its second stage has not begun");
      }
      answered.leave();
      await bench.settled([operation]);
      await prepared.seen();
    },
  };
}

function goesNoFurther(write: Write): Case {
  return {
    name: `${titleOf(write)} goes no further when its operation cannot be kept, and can be made again`,
    source: "a write whose journal entry the monitors do not take fails, and nothing waits to become effective",
    needs: [write.method, ...write.needs],
    async run(bench) {
      const prepared = await write.prepare(bench);
      bench.store.journal = "refuses";
      const refused = await bench.start(write.method, prepared.params).catch((error: unknown) => error);
      bench.store.journal = "open";
      if (!(refused instanceof Error)) throw new Skip(`${write.method} is effective at once here`);
      ok(refused instanceof Refused && refused.type === "OrchestratorError", refused.message);
      equal(bench.witness.running("effective").length, 0, "a second stage runs although the write failed");
      if (prepared.done !== undefined && bench.facts.convergesByItself !== true) {
        equal(await prepared.done(), false, "it is effective although it failed");
      }
      await again(bench, write, prepared.params);
      await prepared.seen();
    },
  };
}

/** A write that is begun in one process and resumed by the next; `between` is what becomes of the first. */
function isResumedAfter(
  write: Write,
  { name, source }: Pick<Case, "name" | "source">,
  between: (bench: Bench, begun: Held) => Promise<void>,
): Case {
  return {
    name: `${titleOf(write)} ${name}`,
    source,
    needs: [write.method, ...write.needs],
    async run(bench) {
      outlives(bench, write);
      const begun = await held(bench, write);
      await between(bench, begun);
      await resumed(bench, write, begun);
    },
  };
}

function isResumed(write: Write): Case {
  const facts = {
    name: "is resumed when the process is killed between its stages",
    source: "ceph-mgr may be killed at any time; what was answered as persistent becomes effective under the next one",
  };
  return isResumedAfter(write, facts, (bench) => bench.restart("killed"));
}

function goesOn(write: Write): Case {
  const facts = {
    name: "is resumed when the process ends while it becomes effective",
    source: "`ceph mgr fail` ends the process in the middle of things; the next one takes them up",
  };
  return isResumedAfter(write, facts, async (bench, begun) => {
    begun.answered.leave();
    bench.store.journal = "keeps";
    await bench.restart("killed");
    bench.store.journal = "open";
  });
}

function isResumedDone(write: Write): Case {
  const facts = {
    name: "is resumed after it was effective, and nothing happens twice",
    source: "the process may die after the effect and before the journal knows of it",
  };
  return isResumedAfter(write, facts, async (bench, begun) => {
    bench.store.journal = "keeps";
    begun.answered.leave();
    await bench.settled([begun.operation]);
    await bench.restart("killed");
    bench.store.journal = "open";
  });
}

function isSentAgain(write: Write): Case {
  const facts = {
    name: "sent again to the next process has its effect once",
    source: "the ceph client sends what was in flight again: 3 s after `mgr fail`, 32 s after a kill",
  };
  return isResumedAfter(write, facts, async (bench, begun) => {
    await bench.restart("killed");
    await again(bench, write, begun.prepared.params);
  });
}

const EACH = [waits, goesNoFurther, isResumed, goesOn, isResumedDone, isSentAgain];

export const STAGE_CASES: readonly Case[] = [
  ...EACH.flatMap((make) => WRITES.map(make)),
  {
    name: "a write that cannot become effective fails with a sentence, and is kept until it is forgotten",
    source: "an error in the second stage fails the operation: ORCHBRIDGE_OPERATION_FAILED names it",
    needs: [],
    async run(bench) {
      const { doomed } = bench.facts.samples;
      if (doomed === undefined) throw new Skip("samples.doomed is not given");
      bench.needs(doomed.method);
      if (doomed.options !== undefined) await bench.configure(doomed.options);
      const answered = await bench.start(doomed.method, doomed.params);
      const [operation = ""] = answered.operations;
      ok(operation !== "", `${doomed.method} was said to be doomed, and is effective at once`);
      answered.leave();
      const { heard, orchestrator } = bench;
      await until(
        () => heard.failed.has(operation) || heard.effective.has(operation),
        bench.facts.settlesWithin,
        "the second stage ended",
      );
      const error = heard.failed.get(operation);
      ok(error, `${doomed.method} was said to be doomed, and its second stage told of no error`);
      ok(error.data.type !== "InternalError", error.message);
      ok(error.message.trim() !== "", "its error has no message");
      equal(orchestrator.operations().find(({ call }) => call === operation)?.state, "failed");
      await orchestrator.forgetOperation(operation);
      deepEqual(orchestrator.operations(), []);
    },
  },
  {
    name: "what is effective is still there under the next process",
    source: "the external orchestrator is the source of truth; a manager forgets everything at each start",
    needs: ["getHosts"],
    async run(bench) {
      if (!bench.lasting) throw new Skip("the backend's world ends with its instance");
      for (const write of WRITES.filter(({ method, bare, needs }) => bare === true && bench.has(method, ...needs))) {
        const prepared = await write.prepare(bench).catch(skipped);
        if (prepared !== undefined) await again(bench, write, prepared.params);
      }
      const before = await outlineOf(bench);
      await bench.restart("stopped");
      deepEqual(await outlineOf(bench), before);
    },
  },
];

function skipped(error: unknown): undefined {
  if (!(error instanceof Skip)) throw error;
}
