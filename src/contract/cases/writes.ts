/** What holds for every write that becomes effective undisturbed. */
import { deepEqual, ok } from "node:assert/strict";
import { type Bench, Refused } from "../bench.ts";
import type { Case } from "../case.ts";
import { stateOf } from "../state.ts";
import { titleOf, WRITES } from "../writes/all.ts";
import { checkAnswer } from "../writes/others.ts";
import type { Write } from "../writes/write.ts";

/** What a caller may be told of a write that was made before: that there is nothing left to do it to. */
const USER_ERRORS = ["ValidationError", "NotFoundError", "OrchestratorError"];

/** Makes a write that was made before: it has to succeed, or to say in a sentence why not. */
export async function again(bench: Bench, { method }: Write, params: object): Promise<void> {
  try {
    await bench.write(method, params);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    ok(USER_ERRORS.includes(error.type), `made again, ${error.message}`);
  }
}

function isSeen(write: Write): Case {
  return {
    name: `${titleOf(write)} says what it did, and the reads show it once it is effective`,
    source: write.source,
    needs: [write.method, ...write.needs],
    async run(bench) {
      const { params, names, seen } = await write.prepare(bench);
      await stateOf(bench); // a read that keeps its answers is not to tell of the world as it was
      checkAnswer(write.method, await bench.write(write.method, params), names);
      await seen();
    },
  };
}

function hasItsEffectOnce(write: Write): Case {
  return {
    name: `${titleOf(write)} made twice has its effect once`,
    source: "the ceph client sends a command again to the next manager (seen after `ceph mgr fail`), as a new call",
    needs: [write.method, ...write.needs],
    async run(bench) {
      const { params, seen } = await write.prepare(bench);
      await bench.write(write.method, params);
      const once = await stateOf(bench);
      await again(bench, write, params);
      deepEqual(await stateOf(bench), once, "the second run changed something");
      await seen();
    },
  };
}

export const WRITE_CASES: readonly Case[] = [...WRITES.map(isSeen), ...WRITES.map(hasItsEffectOnce)];
