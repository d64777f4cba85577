/** How a process takes over what a former one left: each Orchestrator here stands for one Node process, the Store for the monitors. */
import { describe, expect, test } from "vitest";
import { decodeEntries } from "../../src/orchestrator/journal/entry.ts";
import { invoke, orchestratorFor, Store, until } from "./harness.ts";
import { apply, iscsi, mds, noise, processOn } from "./processes.ts";

type Process = Awaited<ReturnType<typeof processOn>>;

/** A former owner that goes on, and the next one, which has begun to read the journal before the fence ends. */
async function twoOwners(store: Store): Promise<{ former: Process; next: Process; endFence(): void }> {
  const former = await processOn(store, { owner: "former" });
  former.orchestrator.grantLease(600_000, 0);
  await until(() => store.lists === 1, "the former owner to read the journal");
  const next = await processOn(store, { owner: "next" });
  next.orchestrator.grantLease(600_000, 600_000);
  await until(() => store.lists === 2, "the next owner to read the journal");
  return { former, next, endFence: () => next.orchestrator.grantLease(600_000, 0) };
}

/** Holds back the heads of entries whose parts are written. */
function holdHeads(store: Store): () => void {
  const { promise, resolve } = Promise.withResolvers<void>();
  store.before = (key, value) => (value === null || key.split("/").length > 2 ? undefined : promise);
  return resolve;
}

const large = { specs: [iscsi("a", noise(100_000))] };

describe("the lease", () => {
  test("keeps writes back until it is granted, not reads", async () => {
    const { orchestrator, seen } = await processOn(new Store(), { owner: "me" });
    expect(await invoke(orchestrator, "orchestrator/get_hosts")).toEqual([]);
    const write = invoke(orchestrator, "orchestrator/apply", apply);
    await invoke(orchestrator, "orchestrator/get_hosts");
    expect(seen).toEqual([]);
    orchestrator.grantLease(10_000, 0);
    await write;
    expect(seen).toHaveLength(1);
    await orchestrator.close();
  });

  test("that runs out is told at once", async () => {
    const { promise, resolve } = Promise.withResolvers<string>();
    const { orchestrator } = await processOn(new Store(), { owner: "me", leaseLost: resolve });
    orchestrator.grantLease(20, 0);
    expect(await promise).toContain("the lease ran out");
    await orchestrator.close();
  });

  test("keeps another owner's operations back until that one must have stopped, and late entries are found", async () => {
    const store = new Store();
    const old = await processOn(store, { owner: "old" });
    old.orchestrator.grantLease(10_000, 0);
    await invoke(old.orchestrator, "orchestrator/apply", apply);
    const next = await processOn(store, { owner: "new" });
    next.orchestrator.grantLease(10_000, 5_000);
    await until(() => next.heard.operations.length === 1, "the journal to be read");
    const write = invoke(next.orchestrator, "orchestrator/apply", { specs: [mds("c")] });
    await invoke(old.orchestrator, "orchestrator/apply", { specs: [mds("b")] });
    expect(next.seen).toEqual([]);
    next.orchestrator.grantLease(10_000, 0);
    await write;
    await until(() => next.seen.length === 3, "all three");
    expect(next.seen.map(({ name, resumed }) => ({ name, resumed }))).toContainEqual({ name: "mds.b", resumed: true });
    await old.orchestrator.close();
    await next.orchestrator.close();
  });
});

test("an operation that ends while the journal is read once more does not come back", async () => {
  const store = new Store();
  const { orchestrator, end, heard } = await processOn(store, { owner: "new" });
  orchestrator.grantLease(10_000, 5_000);
  await invoke(orchestrator, "orchestrator/apply", apply);
  await until(() => end.has("mds.a"), "the second stage");
  const listed = Promise.withResolvers<void>();
  store.afterList = () => listed.promise;
  orchestrator.grantLease(10_000, 0);
  await until(() => store.lists === 2, "the journal to be read again");
  end.get("mds.a")?.();
  await until(() => heard.effective.length === 1, "effective");
  listed.resolve();
  await invoke(orchestrator, "orchestrator/apply", { specs: [mds("b")] });
  expect(orchestrator.operations().map(({ title }) => title)).toEqual(["Scheduled mds.b update..."]);
  await orchestrator.close();
});

describe("what a former owner writes late", () => {
  test("is found though the journal could not be read at once", async () => {
    const store = new Store();
    const { former, next, endFence } = await twoOwners(store);
    await invoke(former.orchestrator, "orchestrator/apply", apply);
    store.afterList = () => (store.lists === 3 ? Promise.reject(new Error("no quorum")) : Promise.resolve());
    endFence();
    await until(() => next.seen.length === 1, "the operation");
    expect(store.lists).toBe(4);
    expect(next.heard.log).toContainEqual({ level: "error", message: expect.stringContaining("no quorum") as string });
  });

  test("is found though one of ours ends meanwhile", async () => {
    const store = new Store();
    const { former, next, endFence } = await twoOwners(store);
    await invoke(next.orchestrator, "orchestrator/apply", { specs: [mds("b")] });
    await until(() => next.end.has("mds.b"), "the second stage");
    await invoke(former.orchestrator, "orchestrator/apply", apply);
    const listed = Promise.withResolvers<void>();
    store.afterList = () => listed.promise;
    endFence();
    await until(() => store.lists === 3, "the journal to be read again");
    next.end.get("mds.b")?.();
    await until(() => next.heard.effective.length === 1, "effective");
    listed.resolve();
    await until(() => next.seen.length === 2, "the operation");
    expect(next.seen.map(({ name }) => name)).toEqual(["mds.b", "mds.a"]);
  });

  test("is found though the fence ends while the journal is read for the first time", async () => {
    const store = new Store();
    const listed = Promise.withResolvers<void>();
    store.afterList = () => (store.lists === 2 ? listed.promise : Promise.resolve());
    const { former, next, endFence } = await twoOwners(store);
    await invoke(former.orchestrator, "orchestrator/apply", apply);
    endFence();
    listed.resolve();
    await until(() => next.seen.length === 1, "the operation");
  });
});

test("taking many up leaves the event loop free in between", async () => {
  const store = new Store();
  const former = await processOn(store);
  const specs = Array.from({ length: 20 }, (_, index) => mds(String(index)));
  await invoke(former.orchestrator, "orchestrator/apply", { specs });
  let turn = 0;
  const turns = new Set<number>();
  const { heard } = await orchestratorFor(
    {
      applyService() {
        turns.add(turn);
        return "done";
      },
    },
    { store },
  );
  await until(() => {
    turn += 1;
    return heard.effective.length === 20;
  }, "all of them");
  expect(turns.size).toBeGreaterThan(10);
});

describe("parts without a head", () => {
  test("are left alone before the fence, for a former owner may be writing them", async () => {
    const store = new Store();
    const writeHeads = holdHeads(store);
    const former = await processOn(store, { owner: "former" });
    former.orchestrator.grantLease(600_000, 0);
    const write = invoke(former.orchestrator, "orchestrator/apply", large);
    await until(() => store.values.size >= 2, "the parts");
    const next = await processOn(store, { owner: "next" });
    next.orchestrator.grantLease(600_000, 600_000);
    await until(() => store.lists === 2, "the journal to be read");
    await invoke(next.orchestrator, "orchestrator/get_hosts");
    writeHeads();
    await write;
    next.orchestrator.grantLease(600_000, 0);
    await until(() => next.seen.length === 1, "the operation");
  });

  test("are left alone where this process is writing them", async () => {
    const store = new Store();
    const { next, endFence } = await twoOwners(store);
    const writeHeads = holdHeads(store);
    const write = invoke(next.orchestrator, "orchestrator/apply", large);
    await until(() => store.values.size >= 2, "the parts");
    endFence();
    await until(() => store.lists === 3, "the journal to be read again");
    await invoke(next.orchestrator, "orchestrator/get_hosts");
    writeHeads();
    await write;
    // It waits for the end of the reading.
    await invoke(next.orchestrator, "orchestrator/apply", { specs: [mds("b")] });
    expect(decodeEntries(Object.fromEntries(store.values))).toMatchObject({
      entries: [{ id: next.seen[0]!.id }, { id: next.seen[1]!.id }],
      unreadable: [],
      orphans: [],
    });
  });

  test("of a write that was never answered are removed once nobody can write their head", async () => {
    const store = new Store();
    store.values.set("op/x/1", "a part");
    const { endFence } = await twoOwners(store);
    store.values.set("op/y/1", "a part");
    endFence();
    await until(() => store.values.size === 0, "an empty journal");
  });
});
