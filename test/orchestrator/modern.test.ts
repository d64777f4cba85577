import { describe, expect, test } from "vitest";
import { NotFoundError, ValidationError } from "../../src/orchestrator/errors.ts";
import { invoke, orchestratorFor, until } from "./harness.ts";

const mds = (id: string, preview = false): object => ({
  service_type: "mds",
  service_id: id,
  service_name: `mds.${id}`,
  ...(preview ? { spec: { preview_only: true } } : {}),
});

describe("a modern call", () => {
  test("fills in the defaults that the caller left out", async () => {
    const seen: unknown[] = [];
    const { orchestrator } = await orchestratorFor({ getInventory: (params) => (seen.push(params), []) });
    await invoke(orchestrator, "orchestrator/get_inventory");
    expect(seen).toEqual([{ host_filter: null, refresh: false }]);
  });

  test("names the place, the value and the rule of a wrong parameter", async () => {
    const { orchestrator } = await orchestratorFor({ getInventory: () => [] });
    await expect(invoke(orchestrator, "orchestrator/get_inventory", { refresh: "yes" })).rejects.toThrow(
      /get_inventory\.refresh: expected boolean, got "yes"/,
    );
  });

  test("takes the text in which `ceph orch daemon add osd` passes numbers and flags on, and no other", async () => {
    const seen: unknown[] = [];
    const { orchestrator } = await orchestratorFor({
      createOsds: (params) => (seen.push(params.drive_group.spec), ""),
    });
    const create = (spec: object): Promise<unknown> =>
      invoke(orchestrator, "orchestrator/create_osds", { drive_group: { service_type: "osd", spec } });
    await create({ osds_per_device: "2", db_slots: "4", data_allocate_fraction: "0.5", encrypted: "False" });
    expect(seen).toEqual([{ osds_per_device: 2, db_slots: 4, data_allocate_fraction: 0.5, encrypted: false }]);
    await expect(create({ osds_per_device: "two" })).rejects.toThrow(/osds_per_device: expected number, got "two"/);
    await expect(create({ encrypted: "maybe" })).rejects.toThrow(/encrypted: expected boolean, got "maybe"/);
  });

  test("to a method that the backend left out says that it is not supported", async () => {
    const { orchestrator } = await orchestratorFor({});
    await expect(invoke(orchestrator, "orchestrator/get_hosts")).rejects.toMatchObject({ type: "NotSupportedError" });
  });

  test("filters an inventory once for every backend", async () => {
    const { orchestrator } = await orchestratorFor({
      getInventory: () => [
        { name: "a", addr: "10.0.0.1", devices: [], labels: ["ssd"] },
        { name: "b", addr: "10.0.0.2", devices: [], labels: [] },
      ],
    });
    const names = async (host_filter: object): Promise<string[]> => {
      const hosts = await invoke(orchestrator, "orchestrator/get_inventory", { host_filter });
      return (hosts as { name: string }[]).map(({ name }) => name);
    };
    expect(await names({ hosts: ["b"], labels: null })).toEqual(["b"]);
    expect(await names({ hosts: null, labels: ["ssd"] })).toEqual(["a"]);
  });

  test("that gets nonsense from the backend names method, field and expectation", async () => {
    const { orchestrator } = await orchestratorFor({ getHosts: () => [{ hostname: 7 }] as never });
    await expect(invoke(orchestrator, "orchestrator/get_hosts")).rejects.toThrow(
      /probe\.getHosts answered nonsense: result\[0\]\.hostname: expected string, got 7/,
    );
  });

  test("drops a field that the schema does not know, with a debug line; for authors it is an error", async () => {
    const backend = { getHosts: () => [{ hostname: "a", colour: "red" }] as never };
    const inMgr = await orchestratorFor(backend);
    expect(await invoke(inMgr.orchestrator, "orchestrator/get_hosts")).toEqual([{ hostname: "a" }]);
    expect(inMgr.heard.log.map(({ message }) => message).join()).toContain("colour");
    const forAuthors = await orchestratorFor(backend, { strict: true });
    await expect(invoke(forAuthors.orchestrator, "orchestrator/get_hosts")).rejects.toThrow(/colour/);
  });

  test("that takes longer than its caller waits says after how long and where", async () => {
    let aborted = false;
    const { orchestrator } = await orchestratorFor({
      getHosts: (_params, call) => new Promise(() => call.signal.addEventListener("abort", () => (aborted = true))),
    });
    await expect(invoke(orchestrator, "orchestrator/get_hosts", {}, 100)).rejects.toThrow(
      "timed out after 0.1 s in probe.getHosts",
    );
    expect(aborted).toBe(true);
  });
});

describe("a write", () => {
  test("is answered as persistent before its second stage starts", async () => {
    const order: string[] = [];
    const { orchestrator, heard } = await orchestratorFor({
      addHost: (_params, call) => call.persisted("Added host 'a'", () => void order.push("effective")),
    });
    const answer = await orchestrator.invoke(
      "orchestrator/add_host",
      { host_spec: { hostname: "a" } },
      {
        id: "w1",
        deadlineMs: 1_000,
        signal: new AbortController().signal,
      },
    );
    expect(answer.result).toEqual({ value: "Added host 'a'", operations: [{ call: "w1", title: "Added host 'a'" }] });
    expect(order).toEqual([]);
    answer.answered();
    await until(() => heard.effective.includes("w1"), "effective w1");
    expect(order).toEqual(["effective"]);
  });

  test("whose second stage fails is told as failed, with the message", async () => {
    const { orchestrator, heard } = await orchestratorFor({
      addHost: (_params, call) => call.persisted("ok", () => Promise.reject(new NotFoundError("no such host"))),
    });
    await invoke(orchestrator, "orchestrator/add_host", { host_spec: { hostname: "a" } });
    await until(() => heard.failed.length === 1, "failed");
    expect(heard.failed[0]?.error).toMatchObject({ message: "no such host", data: { type: "NotFoundError" } });
  });

  test("that becomes persistent after its caller gave up still becomes effective", async () => {
    let persist = (): void => {};
    const { orchestrator, heard } = await orchestratorFor({
      addHost: (_params, call) => new Promise((resolve) => (persist = () => resolve(call.persisted("late", () => {})))),
    });
    await expect(invoke(orchestrator, "orchestrator/add_host", { host_spec: { hostname: "a" } }, 50)).rejects.toThrow(
      "timed out",
    );
    persist();
    await until(() => heard.effective.length === 1, "effective");
  });

  test("reports progress between 0 and 1", async () => {
    const { orchestrator, heard } = await orchestratorFor({
      addHost: (_params, call) => call.persisted("ok", (operation) => operation.progress(7, "nearly")),
    });
    await invoke(orchestrator, "orchestrator/add_host", { host_spec: { hostname: "a" } });
    await until(() => heard.effective.length === 1, "effective");
    expect(heard.progress).toMatchObject([{ fraction: 1, message: "nearly" }]);
  });
});

describe("apply", () => {
  test("becomes one write a spec, in order, hosts among them", async () => {
    const order: string[] = [];
    const { orchestrator } = await orchestratorFor({
      addHost: ({ host_spec }) => (order.push(host_spec.hostname), `Added host '${host_spec.hostname}'`),
      applyService: ({ spec }) => (order.push(spec.service_name ?? ""), `Scheduled ${spec.service_name} update...`),
    });
    const specs = [{ service_type: "host", hostname: "a" }, mds("one"), mds("two")];
    const answer = await invoke(orchestrator, "orchestrator/apply", { specs });
    expect(answer).toEqual({
      value: ["Added host 'a'", "Scheduled mds.one update...", "Scheduled mds.two update..."],
      operations: [],
    });
    expect(order).toEqual(["a", "mds.one", "mds.two"]);
  });

  test("changes nothing for a preview, nor for the hosts beside one", async () => {
    const touched: string[] = [];
    const { orchestrator } = await orchestratorFor({
      addHost: () => (touched.push("host"), ""),
      applyService: ({ spec }) => (touched.push(spec.service_name ?? ""), "done"),
    });
    await invoke(orchestrator, "orchestrator/apply", {
      specs: [{ service_type: "host", hostname: "a" }, mds("one", true)],
    });
    expect(touched).toEqual([]);
  });

  test("stops at the first failure, and what was persisted before it becomes effective", async () => {
    const touched: string[] = [];
    const { orchestrator, heard } = await orchestratorFor({
      applyService({ spec }, call) {
        if (spec.service_name === "mds.bad") throw new ValidationError("bad is not a file system");
        touched.push(spec.service_name ?? "");
        return call.persisted("ok", () => {});
      },
    });
    const failing = invoke(orchestrator, "orchestrator/apply", { specs: [mds("good"), mds("bad"), mds("after")] });
    await expect(failing).rejects.toThrow("bad is not a file system");
    await until(() => heard.effective.length === 1, "effective");
    expect(touched).toEqual(["mds.good"]);
    // No answer named it, so the manager is told, for its progress event.
    expect(heard.operations).toEqual([{ call: heard.effective[0], title: "ok", fraction: 0 }]);
  });

  test("goes on after a failure when asked to, and says which spec failed", async () => {
    const { orchestrator } = await orchestratorFor({
      applyService({ spec }) {
        if (spec.service_name === "mds.bad") throw new ValidationError("no such file system");
        return "ok";
      },
    });
    const answer = await invoke(orchestrator, "orchestrator/apply", {
      specs: [mds("bad"), mds("good")],
      continue_on_error: true,
    });
    expect(answer).toEqual({ value: ["Failed to apply mds.bad: no such file system", "ok"], operations: [] });
  });

  test("of an mds that the backend cannot do is an OrchestratorError, which alone volumes tolerates", async () => {
    const { orchestrator } = await orchestratorFor({});
    await expect(invoke(orchestrator, "orchestrator/apply", { specs: [mds("a")] })).rejects.toMatchObject({
      type: "OrchestratorError",
    });
    await expect(
      invoke(orchestrator, "orchestrator/apply_nfs", { spec: { service_type: "nfs", service_id: "n" } }),
    ).rejects.toMatchObject({
      type: "NotSupportedError",
    });
  });
});

describe("the nfs module", () => {
  test("may remove an ingress service that is not there; an operator who names a service that is not there is told", async () => {
    const { orchestrator } = await orchestratorFor({
      removeService({ service_name }) {
        throw new NotFoundError(`there is no service ${service_name}`);
      },
    });
    const remove = (service_name: string): Promise<unknown> =>
      invoke(orchestrator, "orchestrator/remove_service", { service_name });
    expect(await remove("ingress.nfs.a")).toEqual({ value: "There is no service ingress.nfs.a", operations: [] });
    await expect(remove("rgw.a")).rejects.toMatchObject({ type: "NotFoundError" });
  });
});

describe("a call that its caller gave up", () => {
  test("before it started never reaches the backend", async () => {
    const touched: string[] = [];
    const { orchestrator } = await orchestratorFor({
      addHost: ({ host_spec }) => (touched.push(host_spec.hostname), "ok"),
    });
    const signal = AbortSignal.abort(new Error("cancelled"));
    const call = orchestrator.invoke(
      "orchestrator/add_host",
      { host_spec: { hostname: "a" } },
      { id: "c", deadlineMs: 1_000, signal },
    );
    await expect(call).rejects.toThrow("cancelled");
    await new Promise((resolve) => setImmediate(resolve));
    expect(touched).toEqual([]);
  });

  test("a second stage that was made and not returned is an error, not lost", async () => {
    const { orchestrator } = await orchestratorFor({
      addHost(_params, call) {
        void call.persisted("ok", () => {});
        return "ok";
      },
    });
    await expect(invoke(orchestrator, "orchestrator/add_host", { host_spec: { hostname: "a" } })).rejects.toThrow(
      "not returned",
    );
  });
});
