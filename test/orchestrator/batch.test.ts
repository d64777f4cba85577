import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Backend } from "../../src/orchestrator/backend.ts";
import { orchestratorFor } from "./harness.ts";

const signal = new AbortController().signal;

/** A read of one host's inventory, or a write that adds a host. */
type Step = { kind: "read" | "write"; host: string };

const step: fc.Arbitrary<Step> = fc.record({
  kind: fc.constantFrom("read", "write"),
  host: fc.constantFrom("a", "b", "c"),
});
const batches = fc.array(fc.array(step, { minLength: 1, maxLength: 8 }), { minLength: 1, maxLength: 4 });

interface Journal {
  readonly reads: string[];
  readonly writes: string[];
  overlapping: boolean;
}

/** Writes down what it is asked; a write takes a turn of the event loop, so that two at once would be seen. */
function recording(journal: Journal): Backend {
  let writing = false;
  return {
    getInventory({ host_filter }) {
      const host = host_filter?.hosts?.[0] ?? "";
      journal.reads.push(host);
      return [{ name: host, addr: host, devices: [], labels: [] }];
    },
    async addHost({ host_spec }) {
      journal.overlapping ||= writing;
      writing = true;
      await new Promise((resolve) => setImmediate(resolve));
      writing = false;
      journal.writes.push(host_spec.hostname);
      return `Added host '${host_spec.hostname}'`;
    },
  };
}

function runCalls(backend: Backend): Backend {
  return {
    ...backend,
    async batch(calls) {
      for (const { call } of calls) await call.run();
    },
  };
}

async function runSteps(backend: Backend, split: Step[][]): Promise<unknown[]> {
  const { orchestrator } = await orchestratorFor(backend, { dialect: "classic" });
  const answers: unknown[] = [];
  let next = 0;
  for (const steps of split) {
    const calls = steps.map(({ kind, host }) => {
      const call = String(next++);
      if (kind === "read")
        orchestrator.submit(call, "classic/get_inventory", { node_filter: { nodes: [host], labels: null } });
      else orchestrator.submit(call, "classic/add_host", { host });
      return call;
    });
    const { settled } = (await orchestrator.wait(calls, 2_000, signal)).result as { settled: { result: unknown }[] };
    answers.push(...settled.map(({ result }) => result));
  }
  return answers;
}

const expectedAnswer = ({ kind, host }: Step): unknown =>
  kind === "read" ? [{ name: host, devices: [] }] : { value: `Added host '${host}'`, operations: [] };

describe("a batch", () => {
  test.each([
    ["method by method", (backend: Backend) => backend],
    ["by the backend's own batch", runCalls],
  ])("answers every call, runs identical reads once and writes in order, %s", async (_name, shape) => {
    await fc.assert(
      fc.asyncProperty(batches, async (split) => {
        const journal: Journal = { reads: [], writes: [], overlapping: false };
        const answers = await runSteps(shape(recording(journal)), split);
        const steps = split.flat();
        expect(answers).toEqual(steps.map(expectedAnswer));
        expect(journal.writes).toEqual(steps.filter(({ kind }) => kind === "write").map(({ host }) => host));
        expect(journal.overlapping).toBe(false);
        const distinct = split.flatMap((part) => [
          ...new Set(part.filter(({ kind }) => kind === "read").map(({ host }) => host)),
        ]);
        expect(journal.reads.toSorted()).toEqual(distinct.toSorted());
      }),
      { numRuns: 60 },
    );
  });

  test("that leaves a call unsettled fails that call and says so", async () => {
    const { orchestrator, heard } = await orchestratorFor(
      { getHosts: () => [], batch: () => Promise.resolve() },
      { dialect: "classic" },
    );
    orchestrator.submit("1", "classic/get_hosts", {});
    const { result } = await orchestrator.wait(["1"], 1_000, signal);
    expect(result).toMatchObject({ settled: [{ error: { data: { type: "InternalError" } } }] });
    expect(heard.log.map(({ message }) => message).join()).toContain("probe.batch left getHosts unsettled");
  });

  test("that throws fails the calls it had not settled, with its error", async () => {
    const { orchestrator } = await orchestratorFor(
      {
        getHosts: () => [],
        getInventory: () => [],
        batch(calls) {
          for (const { method, call } of calls) if (method === "getHosts") call.resolve([{ hostname: "a" }]);
          throw new TypeError("the playbook is gone");
        },
      },
      { dialect: "classic" },
    );
    orchestrator.submit("1", "classic/get_hosts", {});
    orchestrator.submit("2", "classic/get_inventory", {});
    const { result } = await orchestrator.wait(["1", "2"], 1_000, signal);
    expect(result).toMatchObject({
      settled: [{ result: [{ name: "a" }] }, { error: { message: expect.stringContaining("the playbook is gone") } }],
    });
  });
});
