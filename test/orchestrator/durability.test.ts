/** What becomes of writes when processes end: each Orchestrator here stands for one Node process, the Store for the monitors. */
import { inspect } from "node:util";
import { describe, expect, test } from "vitest";
import type { Backend } from "../../src/orchestrator/backend.ts";
import { UnavailableError, ValidationError } from "../../src/orchestrator/errors.ts";
import { invoke, orchestratorFor, Store, until } from "./harness.ts";
import { apply, iscsi, mds, noise, processOn, slow } from "./processes.ts";

describe("a persisted write", () => {
  test("stands in the journal before its answer, and no more once it is effective", async () => {
    const store = new Store();
    const { orchestrator, end, heard } = await processOn(store);
    const { operations } = (await invoke(orchestrator, "orchestrator/apply", apply)) as {
      operations: { call: string }[];
    };
    expect([...store.values.keys()]).toEqual([`op/${operations[0]?.call}`]);
    await until(() => end.has("mds.a"), "the second stage");
    end.get("mds.a")?.();
    await until(() => heard.effective.length === 1, "effective");
    await until(() => store.values.size === 0, "an empty journal");
  });

  test("is told to be effective before its entry goes, for nobody could tell it of one that is gone", async () => {
    const store = new Store();
    const { orchestrator, end, heard } = await processOn(store);
    await invoke(orchestrator, "orchestrator/apply", apply);
    await until(() => end.has("mds.a"), "the second stage");
    const told = Promise.withResolvers<number>();
    store.before = () => told.resolve(heard.effective.length);
    end.get("mds.a")?.();
    expect(await told.promise).toBe(1);
  });

  test("that the journal cannot take fails, its second stage never runs, and nothing of it is left", async () => {
    const store = new Store();
    store.before = (_key, value) => {
      if (value !== null) throw new Error("the store is full");
    };
    const { orchestrator, end } = await processOn(store);
    await expect(invoke(orchestrator, "orchestrator/apply", apply)).rejects.toThrow(
      "the operation could not be written into the monitors' store, so it does not go on: the store is full",
    );
    expect(orchestrator.operations()).toEqual([]);
    expect(end.size).toBe(0);
    expect(store.values.size).toBe(0);
  });

  test("is taken up by the next process, in order, with its id and as resumed", async () => {
    const store = new Store();
    const first = await processOn(store);
    const specs = ["a", "b", "c"].map(mds);
    await invoke(first.orchestrator, "orchestrator/apply", { specs });
    await first.orchestrator.close();
    const second = await processOn(store);
    await until(() => second.seen.length === 3, "all three");
    expect(second.seen).toEqual(first.seen.map((one) => ({ ...one, resumed: true })));
    expect(second.heard.operations.map(({ call }) => call)).toEqual(first.seen.map(({ id }) => id));
    for (const name of ["mds.b", "mds.a", "mds.c"]) {
      await until(() => second.end.has(name), name);
      second.end.get(name)?.();
    }
    await until(() => store.values.size === 0, "an empty journal");
    expect(second.heard.effective.toSorted()).toEqual(first.seen.map(({ id }) => id).toSorted());
  });

  test("that the backend finds done when it is taken up is effective", async () => {
    const store = new Store();
    const first = await processOn(store);
    await invoke(first.orchestrator, "orchestrator/apply", apply);
    const { heard } = await orchestratorFor({ applyService: () => "nothing left to do" }, { store });
    await until(() => heard.effective.length === 1, "effective");
    await until(() => store.values.size === 0, "an empty journal");
  });

  test("waits for a backend that is not available, and new writes are told", async () => {
    const store = new Store();
    const first = await processOn(store);
    await invoke(first.orchestrator, "orchestrator/apply", apply);
    let reachable = false;
    const { orchestrator, heard } = await orchestratorFor(
      {
        applyService() {
          if (!reachable) throw new UnavailableError("no route to the master");
          return "done";
        },
        removeService: () => "removed",
      },
      { store },
    );
    await until(() => heard.log.some(({ message }) => message.includes("is taken up again later")), "a first try");
    await expect(invoke(orchestrator, "orchestrator/apply", { specs: [mds("b")] })).rejects.toThrow(
      "an earlier operation (Scheduled mds.a update...) cannot be taken up yet",
    );
    reachable = true;
    await until(() => heard.effective.length === 1, "effective");
    expect(await invoke(orchestrator, "orchestrator/apply", { specs: [mds("b")] })).toMatchObject({ value: ["done"] });
  });

  test("is taken up by the new instance when the backend is configured anew", async () => {
    const { orchestrator, configure, seen, end, heard } = await processOn(new Store());
    await invoke(orchestrator, "orchestrator/apply", apply);
    await until(() => end.has("mds.a"), "the second stage");
    end.delete("mds.a");
    await configure({ instance: 2 });
    await until(() => end.has("mds.a"), "the second stage again");
    expect(seen.map(({ resumed }) => resumed)).toEqual([false, true]);
    expect(heard.failed).toEqual([]);
  });

  test.each([
    ["whose method still runs", true],
    ["whose entry is being written", false],
  ])("%s when the backend is configured anew is taken up by the new instance", async (_when, inMethod) => {
    const store = new Store();
    const gate = Promise.withResolvers<void>();
    const { orchestrator, configure, backend, seen, end, heard } = await processOn(store);
    const { applyService } = backend;
    if (inMethod) {
      backend.applyService = async (params, call) => {
        const answer = await applyService!(params, call);
        await gate.promise;
        return answer;
      };
    } else {
      store.before = () => gate.promise;
    }
    const write = invoke(orchestrator, "orchestrator/apply", apply);
    await until(() => seen.length === 1, "the method");
    await configure({ instance: 2 });
    gate.resolve();
    await write;
    await until(() => seen.length === 2, "the method again");
    await until(() => end.has("mds.a"), "the second stage");
    end.get("mds.a")?.();
    await until(() => heard.effective.length === 1, "effective");
    expect(seen.map(({ resumed }) => resumed)).toEqual([false, true]);
    expect(heard.failed).toEqual([]);
  });
});

describe("an equal write", () => {
  test("joins the unfinished operation and gets its answer", async () => {
    const { orchestrator, seen } = await processOn(new Store());
    const first = await invoke(orchestrator, "orchestrator/apply", apply);
    expect(await invoke(orchestrator, "orchestrator/apply", apply)).toEqual(first);
    expect(seen).toHaveLength(1);
  });

  test("joins it in the next process too, which is how a command in flight is sent again", async () => {
    const store = new Store();
    const first = await processOn(store);
    const answer = await invoke(first.orchestrator, "orchestrator/apply", apply);
    const second = await processOn(store);
    expect(await invoke(second.orchestrator, "orchestrator/apply", apply)).toEqual(answer);
    await until(() => second.seen.length === 1, "it is taken up");
    expect(second.seen.map(({ resumed }) => resumed)).toEqual([true]);
  });

  test("joins no operation of another backend, and makes up for none of its failures", async () => {
    const store = new Store();
    const first = await processOn(store);
    await invoke(first.orchestrator, "orchestrator/apply", apply);
    await invoke(first.orchestrator, "orchestrator/apply", { specs: [mds("b")] });
    await until(() => first.end.size === 2, "the second stages");
    first.end.get("mds.a")?.(new ValidationError("no room"));
    await until(() => first.heard.states.at(-1)?.failures.length === 1, "the failure");
    const other = await processOn(store, { name: "other" });
    await until(() => other.heard.states.at(-1)?.failures.length === 2, "what is kept of the first backend");
    await invoke(other.orchestrator, "orchestrator/apply", { specs: [mds("b")] });
    await invoke(other.orchestrator, "orchestrator/apply", apply);
    expect(other.seen.map(({ name, resumed }) => ({ name, resumed }))).toEqual([
      { name: "mds.b", resumed: false },
      { name: "mds.a", resumed: false },
    ]);
    expect(other.orchestrator.operations().map(({ state }) => state)).toEqual(["failed", "kept", "running", "running"]);
  });

  test.each([
    ["and shares its answer", undefined],
    ["and shares its failure", new Error("the store is full")],
  ])("waits for the entry of the operation that it joins, %s", async (_what, failure) => {
    const store = new Store();
    const gate = Promise.withResolvers<void>();
    store.before = (_key, value) => (value === null ? undefined : gate.promise);
    const { orchestrator, seen, end } = await processOn(store);
    let ended = 0;
    const write = (): Promise<unknown> =>
      invoke(orchestrator, "orchestrator/apply", apply)
        .catch((error: unknown) => error)
        .finally(() => (ended += 1));
    const first = write();
    await until(() => orchestrator.operations().length === 1, "the entry to be written");
    const second = write();
    await invoke(orchestrator, "orchestrator/get_hosts");
    expect({ ended, stages: end.size }).toEqual({ ended: 0, stages: 0 });
    if (failure === undefined) gate.resolve();
    else gate.reject(failure);
    expect(await second).toEqual(await first);
    if (failure === undefined) expect(await second).toMatchObject({ value: ["Scheduled mds.a update..."] });
    else expect(String(await second)).toContain("the store is full");
    expect(seen).toHaveLength(1);
  });

  test("is made anew when another write came in between, for that may have undone the first", async () => {
    const { orchestrator, seen } = await processOn(new Store());
    await invoke(orchestrator, "orchestrator/apply", apply);
    await invoke(orchestrator, "orchestrator/apply", { specs: [mds("b")] });
    await invoke(orchestrator, "orchestrator/apply", apply);
    expect(seen.map(({ name }) => name)).toEqual(["mds.a", "mds.b", "mds.a"]);
  });

  test("makes up for one that failed", async () => {
    const { orchestrator, end, heard } = await processOn(new Store());
    await invoke(orchestrator, "orchestrator/apply", apply);
    await until(() => end.has("mds.a"), "the second stage");
    end.get("mds.a")?.(new ValidationError("no room"));
    await until(() => heard.failed.length === 1, "failed");
    await invoke(orchestrator, "orchestrator/apply", apply);
    expect(orchestrator.operations().map(({ state }) => state)).toEqual(["running"]);
    await until(() => heard.states.at(-1)?.failures.length === 0, "no failure");
  });

  test("joins in a batch that the backend runs itself", async () => {
    const { backend, seen } = slow();
    const batches: number[] = [];
    const own: Backend = {
      ...backend,
      async batch(calls) {
        batches.push(calls.length);
        await Promise.all(calls.map(({ call }) => call.run()));
      },
    };
    const { orchestrator } = await orchestratorFor(own, { store: new Store() });
    const first = await invoke(orchestrator, "orchestrator/apply", apply);
    expect(await invoke(orchestrator, "orchestrator/apply", apply)).toEqual(first);
    expect(seen).toHaveLength(1);
    expect(batches).toEqual([1]);
  });
});

describe("a failed operation", () => {
  async function failed(store: Store): Promise<Awaited<ReturnType<typeof processOn>> & { id: string }> {
    const made = await processOn(store);
    await invoke(made.orchestrator, "orchestrator/apply", apply);
    await until(() => made.end.has("mds.a"), "the second stage");
    made.end.get("mds.a")?.(new ValidationError("no room on h1"));
    await until(() => made.heard.states.at(-1)?.failures.length === 1, "the failure");
    return { ...made, id: made.seen[0]!.id };
  }

  test("is kept with its reason, in the next process too, and is not taken up by itself", async () => {
    const store = new Store();
    const { id, heard } = await failed(store);
    const sentence = `operation ${id} (Scheduled mds.a update...) failed: no room on h1`;
    expect(heard.states.at(-1)?.failures).toEqual([sentence]);
    const next = await processOn(store);
    await until(() => next.heard.states.at(-1)?.failures[0] === sentence, "the same failure");
    expect(next.seen).toEqual([]);
    expect(next.orchestrator.operations()).toMatchObject([{ call: id, state: "failed", error: "no room on h1" }]);
  });

  test("can be retried", async () => {
    const store = new Store();
    const { id, orchestrator, end, seen, heard } = await failed(store);
    end.delete("mds.a");
    expect(await orchestrator.retryOperation(id)).toContain("is taken up again");
    await until(() => end.has("mds.a"), "the second stage again");
    await expect(orchestrator.retryOperation(id)).rejects.toThrow("is running; only a failed one can be retried");
    end.get("mds.a")?.();
    await until(() => heard.effective.includes(id), "effective");
    expect(seen.map(({ resumed }) => resumed)).toEqual([false, true]);
    expect(store.values.size).toBe(0);
    expect(heard.states.at(-1)?.failures).toEqual([]);
  });

  test("can be forgotten", async () => {
    const store = new Store();
    const { id, orchestrator, heard } = await failed(store);
    await orchestrator.forgetOperation(id);
    expect(store.values.size).toBe(0);
    expect(heard.states.at(-1)?.failures).toEqual([]);
    await expect(orchestrator.forgetOperation(id)).rejects.toThrow(`there is no operation ${id}`);
  });
});

test("many that fail at once are told at once", async () => {
  const { orchestrator, end, heard } = await processOn(new Store());
  const specs = Array.from({ length: 20 }, (_, index) => mds(String(index)));
  await invoke(orchestrator, "orchestrator/apply", { specs });
  await until(() => end.size === 20, "the second stages");
  const before = heard.states.length;
  for (const fail of end.values()) {
    fail(new ValidationError("no room"));
    // Until it is noted, in the same turn of the event loop.
    for (let tick = 0; tick < 100; tick += 1) await Promise.resolve();
  }
  await until(() => heard.states.at(-1)?.failures.length === 20, "the failures");
  expect(heard.states.length - before).toBe(1);
});

test("an operation whose failure cannot be told ends no process", async () => {
  const { orchestrator, end, heard } = await processOn(new Store());
  await invoke(orchestrator, "orchestrator/apply", apply);
  await until(() => end.size === 1, "the second stage");
  heard.failed.push = () => {
    throw new Error("no room to remember it");
  };
  end.get("mds.a")?.(new ValidationError("no room"));
  const told = "could not be noted: no room to remember it";
  await until(() => heard.log.some(({ level, message }) => level === "error" && message.includes(told)), "the log");
});

test("an operation that is forgotten while it is taken up stays forgotten, though it fails meanwhile", async () => {
  const store = new Store();
  const first = await processOn(store);
  await invoke(first.orchestrator, "orchestrator/apply", apply);
  const { id } = first.seen[0]!;
  const takingUp = Promise.withResolvers<string>();
  const { orchestrator, heard } = await orchestratorFor(
    { applyService: (_params, call) => (call.resumed ? takingUp.promise : "done") },
    { store },
  );
  await until(() => orchestrator.operations()[0]?.state === "resuming", "it is taken up");
  const removal = Promise.withResolvers<void>();
  const writes: string[] = [];
  store.before = (key) => {
    writes.push(key);
    return removal.promise;
  };
  const forgetting = orchestrator.forgetOperation(id);
  await until(() => writes.length === 1, "the removal");
  takingUp.reject(new ValidationError("no room"));
  // It waits for what is taken up.
  await invoke(orchestrator, "orchestrator/apply", { specs: [mds("b")] });
  removal.resolve();
  await forgetting;
  expect(writes).toEqual([`op/${id}`]);
  expect([...store.values.keys()]).toEqual([]);
  expect(heard.failed.map(({ call }) => call)).toEqual([id]);
});

test("an operation that is forgotten while its entry is being written leaves nothing of it", async () => {
  const store = new Store();
  const head = Promise.withResolvers<void>();
  store.before = (key, value) => (value === null || key.split("/").length > 2 ? undefined : head.promise);
  const { orchestrator, end } = await processOn(store);
  const write = invoke(orchestrator, "orchestrator/apply", { specs: [iscsi("a", noise(100_000))] });
  await until(() => store.values.size >= 2, "the parts");
  const forgetting = orchestrator.forgetOperation(orchestrator.operations()[0]!.call);
  await invoke(orchestrator, "orchestrator/get_hosts");
  head.resolve();
  await Promise.all([write, forgetting]);
  expect([...store.values.keys()]).toEqual([]);
  expect(end.size).toBe(0);
});

test("a running operation that is forgotten is told to stop, and its event ends", async () => {
  let reason: unknown;
  const store = new Store();
  const { orchestrator, heard } = await orchestratorFor(
    {
      applyService: (_params, call) =>
        call.persisted(
          "Scheduled",
          ({ signal }) =>
            new Promise<void>((resolve) =>
              signal.addEventListener("abort", () => {
                reason = signal.reason;
                resolve();
              }),
            ),
        ),
    },
    { store },
  );
  await invoke(orchestrator, "orchestrator/apply", apply);
  const [row] = orchestrator.operations();
  await until(() => orchestrator.operations()[0]?.state === "running", "running");
  await orchestrator.forgetOperation(row!.call);
  expect(String(reason)).toContain("an operator has forgotten the operation");
  expect(heard.failed.map(({ call }) => call)).toEqual([row!.call]);
  expect(heard.effective).toEqual([]);
  expect(store.values.size).toBe(0);
});

describe("what cannot be used of the journal", () => {
  test("is kept and told: another backend's operation", async () => {
    const store = new Store();
    const first = await processOn(store);
    await invoke(first.orchestrator, "orchestrator/apply", apply);
    const other = await processOn(store, { name: "other" });
    await until(() => other.heard.states.at(-1)?.failures.length === 1, "the failure");
    expect(other.heard.states.at(-1)?.failures[0]).toContain("it belongs to the backend probe, and other is in use");
    expect(other.seen).toEqual([]);
    expect(store.values.size).toBe(1);
  });

  test("is kept and told until it is forgotten: an entry that cannot be read", async () => {
    const store = new Store();
    store.values.set("op/broken", "{");
    const { orchestrator, heard } = await processOn(store);
    await until(() => heard.states.at(-1)?.failures.length === 1, "the failure");
    expect(orchestrator.operations()).toMatchObject([{ call: "broken", state: "kept" }]);
    expect(orchestrator.operation("broken")).toMatchObject({ call: "broken" });
    expect(store.values.size).toBe(1);
    await orchestrator.forgetOperation("broken");
    expect(store.values.size).toBe(0);
    expect(heard.states.at(-1)?.failures).toEqual([]);
  });
});

test("the ten-thousand-and-first unfinished operation is refused with what to do, and is taken once there is room", async () => {
  const { orchestrator } = await processOn(new Store());
  const specs = Array.from({ length: 10_000 }, (_, index) => mds(String(index)));
  await invoke(orchestrator, "orchestrator/apply", { specs }, 60_000);
  await expect(invoke(orchestrator, "orchestrator/apply", { specs: [mds("more")] })).rejects.toThrow(
    "10000 operations are unfinished, and no more are taken: see ceph orchbridge op ls",
  );
  await orchestrator.forgetOperation(orchestrator.operations()[0]!.call);
  await invoke(orchestrator, "orchestrator/apply", { specs: [mds("more")] });
  await orchestrator.close();
});

test("what is shown of an operation hides secrets", async () => {
  const { orchestrator } = await processOn(new Store());
  await invoke(orchestrator, "orchestrator/apply", { specs: [iscsi("a", "marked-secret")] });
  const shown = JSON.stringify(orchestrator.operation(orchestrator.operations()[0]!.call));
  expect(shown).toContain('"api_password":"[secret]"');
  expect(shown).not.toContain("marked-secret");
});

test("a backend that puts a secret of its params into titles, errors and failures does not spread it", async () => {
  const password = "marked-secret";
  const store = new Store();
  const { orchestrator, heard } = await orchestratorFor(
    {
      applyService({ spec: { service_id } }, call) {
        if (service_id === "user") throw new ValidationError(`${password} is too short`);
        if (service_id === "bug") throw new TypeError(`cannot read ${password}`, { cause: new Error(password) });
        return call.persisted(`Scheduled with ${password}`, ({ progress }) => {
          progress(0.5, `logging in with ${password}`);
          throw new ValidationError(`${password} was refused`);
        });
      },
      describeService: () =>
        [
          { service_type: "iscsi", service_id: "late", service_name: "iscsi.late", spec: { pool: "p" }, status: {} },
        ] as never,
    },
    { store },
  );
  const errors: string[] = [];
  for (const id of ["user", "bug"]) {
    const thrown: unknown = await invoke(orchestrator, "orchestrator/apply", { specs: [iscsi(id, password)] }).catch(
      (e: unknown) => e,
    );
    errors.push(JSON.stringify(orchestrator.wireError(thrown, "orchestrator/apply")), inspect(thrown));
  }
  await invoke(orchestrator, "orchestrator/apply", { specs: [iscsi("late", password)] });
  await until(() => heard.failed.length === 1, "the failure");
  const services = await invoke(orchestrator, "orchestrator/describe_service");
  const [row] = orchestrator.operations();
  const shown = [errors, heard, services, orchestrator.status(), orchestrator.operation(row!.call), [...store.values]];
  expect(JSON.stringify(shown)).toContain("[secret] was refused");
  expect(heard.progress.map(({ message }) => message)).toEqual(["logging in with [secret]"]);
  expect(JSON.stringify(shown)).not.toContain(password);
});

test("a failed operation is an event of its service", async () => {
  const { orchestrator, heard } = await orchestratorFor({
    applyService: (_params, call) =>
      call.persisted("Scheduled mds.a update...", () => {
        throw new ValidationError("no room on h1");
      }),
    describeService: () => [{ service_type: "mds", service_id: "a", service_name: "mds.a", status: {} }],
  });
  await invoke(orchestrator, "orchestrator/apply", apply);
  await until(() => heard.states.at(-1)?.failures.length === 1, "the failure");
  const [{ events }] = (await invoke(orchestrator, "orchestrator/describe_service")) as [{ events: string[] }];
  expect(events).toEqual([
    expect.stringMatching(/^[\d-]+T[\d:.]{15}Z service:mds\.a \[INFO\] "Scheduled mds\.a update\.\.\."$/),
    expect.stringMatching(/ service:mds\.a \[ERROR\] "applyService: Scheduled mds\.a update\.\.\.: no room on h1"$/),
  ]);
});

test("a backend cannot write into the journal by a slip", async () => {
  let error: unknown;
  await orchestratorFor(async ({ mgr }) => {
    error = await mgr.storeSet("op/x", "1").catch((thrown: unknown) => thrown);
    return {};
  });
  expect(String(error)).toContain("the key op/x belongs to orchbridge itself");
});
