/** What a backend does when nobody waits for it any more. */
import { deepEqual } from "node:assert/strict";
import { type BackendMethodName, OrchestratorError } from "../../index.ts";
import { type Answered, type Bench, Refused } from "../bench.ts";
import { type Case, Skip, until } from "../case.ts";
import { wireName } from "../witness.ts";
import { titleOf, WRITES } from "../writes/all.ts";
import type { Write } from "../writes/write.ts";
import { again } from "./writes.ts";

/** What has not noticed in this part of the time for an answer goes on for nobody, and holds up the end of the process. */
const PROMPTLY = 1 / 5;

async function endsPromptly(bench: Bench, stage: "call" | "effective"): Promise<void> {
  await until(
    () => bench.witness.running(stage).length === 0,
    bench.facts.answersWithin * PROMPTLY,
    `${bench.witness
      .running(stage)
      .map(({ what }) => what)
      .join(", ")} ended, after the ${stage === "call" ? "call" : "operation"}'s signal`,
  );
}

const READS: readonly (readonly [BackendMethodName, object])[] = [
  ["getHosts", {}],
  ["getFacts", { hostname: null }],
  ["getInventory", { refresh: true }],
  ["describeService", { refresh: true }],
  ["listDaemons", { refresh: true }],
  ["upgradeLs", { image: null, tags: false }],
];

const OF_READS: readonly Case[] = READS.map(([method, params]) => ({
  name: `${method} ends when its caller goes away`,
  source: "the caller's deadline has passed, or `ceph` was interrupted: call.signal ends",
  needs: [method],
  async run(bench) {
    const gone = new AbortController();
    const { runs } = bench.witness;
    const before = runs.length;
    const call = bench.call(wireName(method) ?? "", params, { signal: gone.signal }).catch((error: unknown) => error);
    await until(() => runs.length > before, bench.facts.answersWithin, `${method} was begun`);
    gone.abort(new OrchestratorError("the caller went away"));
    await call;
    await endsPromptly(bench, "call");
    await bench.read(method, params);
  },
}));

function ofWrite(write: Write): Case {
  return {
    name: `${titleOf(write)} ends when its caller goes away, and is made whole by the next one`,
    source: "60 s until persistent, then the call is cancelled; the operator sends the command again",
    needs: [write.method, ...write.needs],
    async run(bench) {
      const { params, seen } = await write.prepare(bench);
      const gone = new AbortController();
      const { runs } = bench.witness;
      const before = runs.length;
      const [wire, wired] =
        write.method === "applyService"
          ? ["orchestrator/apply", { specs: [(params as { spec: object }).spec] }]
          : [wireName(write.method) ?? "", params];
      const call = bench.call(wire, wired, { signal: gone.signal }).catch((error: unknown) => error);
      await until(() => runs.length > before, bench.facts.answersWithin, `${write.method} was begun`);
      gone.abort(new OrchestratorError("the caller went away"));
      const answered = await call;
      // It may have been quicker than its caller.
      if (!(answered instanceof Error)) (answered as Answered).leave();
      await endsPromptly(bench, "call");
      await again(bench, write, params);
      await until(
        () => bench.orchestrator.operations().length === 0,
        bench.facts.settlesWithin,
        "everything is effective",
      );
      await seen();
    },
  };
}

function forgotten(write: Write): Case {
  return {
    name: `${titleOf(write)} stops when its operation is forgotten`,
    source: "`ceph orchbridge op forget ID`: operation.signal ends",
    needs: [write.method, ...write.needs],
    async run(bench) {
      const { params } = await write.prepare(bench);
      const { operations, leave } = await bench.start(write.method, params);
      const [operation] = operations;
      if (operation === undefined) throw new Skip(`${write.method} is effective at once here`);
      leave();
      await bench.orchestrator.forgetOperation(operation);
      await endsPromptly(bench, "effective");
      deepEqual(bench.orchestrator.operations(), []);
    },
  };
}

export const CANCELLATION_CASES: readonly Case[] = [
  ...OF_READS,
  ...WRITES.map(ofWrite),
  ...WRITES.map(forgotten),
  {
    name: "everything under way stops when the backend is closed",
    source: "a new configuration, `ceph orchbridge restart`, loss of the lead: at most 2 s, then the process ends",
    needs: [],
    async run(bench) {
      for (const write of WRITES.filter(({ bare, method, needs }) => bare === true && bench.has(method, ...needs))) {
        try {
          const { params } = await write.prepare(bench);
          (await bench.start(write.method, params)).leave();
        } catch (error) {
          if (!(error instanceof Skip) && !(error instanceof Refused)) throw error;
        }
      }
      const reads = READS.filter(([method]) => bench.has(method));
      const calls = reads.map(([method, params]) => bench.read(method, params).catch(() => undefined));
      await bench.orchestrator.close();
      await endsPromptly(bench, "effective");
      await Promise.all(calls);
      await endsPromptly(bench, "call");
    },
  },
];
