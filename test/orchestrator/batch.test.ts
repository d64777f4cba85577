import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { BackendRequest, BatchTarget } from "../../src/orchestrator/attempt.ts";
import type { Backend } from "../../src/orchestrator/backend.ts";
import { startBatch } from "../../src/orchestrator/batch.ts";
import { UnavailableError } from "../../src/orchestrator/errors.ts";
import { History } from "../../src/orchestrator/history.ts";
import type { WriteBook } from "../../src/orchestrator/keep-write.ts";
import { logger, nothingHeard, orchestratorFor, Store } from "./harness.ts";

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

  test("of the backend's own that leaves a translated call unsettled names its own method", async () => {
    const { orchestrator } = await orchestratorFor(
      { removeHost: () => "", removeService: () => "", batch: () => Promise.resolve() },
      { dialect: "classic" },
    );
    orchestrator.submit("1", "classic/remove_host", { host: "a" });
    orchestrator.submit("2", "classic/remove_stateless_service", { service_type: "mds", id_: "a" });
    const { result } = await orchestrator.wait(["1", "2"], 60_000, signal);
    expect(result).toMatchObject({
      settled: [
        { error: { message: expect.stringMatching(/^probe\.removeHost failed unexpectedly: /) } },
        { error: { message: expect.stringMatching(/^probe\.removeService failed unexpectedly: /) } },
      ],
    });
  });
});

describe("a batch of the backend's own", () => {
  const addMds = {
    service_type: "mds",
    spec: { name: "a", count: 1, placement: { label: null }, extended: {} },
  };

  /** A backend that notes what it is handed, and runs it. */
  function noting(handed: string[][], backend: Backend): Backend {
    return {
      ...backend,
      async batch(calls) {
        handed.push(calls.map(({ method }) => method));
        for (const { call } of calls) await call.run();
      },
    };
  }

  test("does not join an unfinished operation behind a write that may undo it", async () => {
    const handed: string[][] = [];
    const endless = new Promise<void>(() => {});
    const backend: Backend = {
      applyService: (_params, call) => call.persisted("scheduled", () => endless),
      removeService: () => "removed",
    };
    const { orchestrator } = await orchestratorFor(noting(handed, backend), { dialect: "classic" });
    orchestrator.submit("1", "classic/add_stateless_service", addMds);
    (await orchestrator.wait(["1"], 60_000, signal)).answered();
    orchestrator.submit("2", "classic/remove_stateless_service", { service_type: "mds", id_: "a" });
    orchestrator.submit("3", "classic/add_stateless_service", addMds);
    const { result } = await orchestrator.wait(["2", "3"], 60_000, signal);
    expect(handed).toEqual([["applyService"], ["removeService", "applyService"]]);
    expect(result).toMatchObject({
      settled: [{ result: { operations: [] } }, { result: { operations: [{ call: "3" }] } }],
    });
    await orchestrator.close();
  });

  test("is not handed a write that was refused", async () => {
    const handed: string[][] = [];
    const refusal = new UnavailableError("too many operations are unfinished");
    const book: WriteBook = {
      join: () => undefined,
      ready: () => Promise.resolve(),
      begin({ id }) {
        if (id === "2") throw refusal;
        return 1;
      },
      keep: () => Promise.resolve(undefined),
      history: new History(),
    };
    const target: BatchTarget = {
      name: "probe",
      backend: noting(handed, { addHost: () => "ok" }),
      log: logger(nothingHeard()),
      strict: false,
      options: null,
      signal,
    };
    const requests = ["1", "2"].map((id): BackendRequest => {
      const group = { stopsAtFailure: true, failed: false };
      return { id, method: "addHost", params: { host_spec: { hostname: id } }, signal, group };
    });
    expect(await Promise.all(startBatch(requests, target, book))).toEqual([
      { ok: true, value: "ok", operation: undefined },
      { ok: false, error: refusal },
    ]);
    expect(handed).toEqual([["addHost"]]);
  });

  test("gets reads at once, whatever keeps writes back", async () => {
    const handed: string[][] = [];
    const backend: Backend = { getHosts: () => [], addHost: () => "ok" };
    const { orchestrator } = await orchestratorFor(noting(handed, backend), {
      dialect: "classic",
      store: new Store(),
      owner: "me",
    });
    orchestrator.submit("1", "classic/get_hosts", {});
    orchestrator.submit("2", "classic/add_host", { host: "a" });
    const both = orchestrator.wait(["1", "2"], 60_000, signal);
    expect((await orchestrator.wait(["1"], 60_000, signal)).result).toMatchObject({
      settled: [{ call: "1", result: [] }],
    });
    expect(handed).toEqual([["getHosts"]]);
    orchestrator.grantLease(600_000, 0);
    expect((await both).result).toMatchObject({ settled: [{ call: "1" }, { call: "2", result: { value: "ok" } }] });
    await orchestrator.close();
  });

  test("of an instance that was closed meanwhile is not run", async () => {
    const handed: string[][] = [];
    const { orchestrator, configure } = await orchestratorFor(noting(handed, { addHost: () => "ok" }), {
      dialect: "classic",
      store: new Store(),
      owner: "me",
    });
    orchestrator.submit("1", "classic/add_host", { host: "a" });
    const answered = orchestrator.wait(["1"], 60_000, signal);
    await configure(null);
    orchestrator.grantLease(600_000, 0);
    expect((await answered).result).toMatchObject({
      settled: [{ error: { message: "the backend was configured anew meanwhile; run it again" } }],
    });
    expect(handed).toEqual([]);
    await orchestrator.close();
  });
});
