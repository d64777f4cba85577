import { describe, expect, test } from "vitest";
import { z } from "zod";
import type { Backend } from "../../src/orchestrator/backend.ts";
import { UnavailableError } from "../../src/orchestrator/errors.ts";
import { invoke, orchestratorFor, Store, until } from "./harness.ts";

describe("a backend's life", () => {
  test("its features are the interface methods that what it defines can serve", async () => {
    const { heard } = await orchestratorFor({ getHosts: () => [], applyService: () => "ok" });
    expect(heard.states.at(-1)).toEqual({
      failures: [],
      available: true,
      reason: "",
      details: {},
      backend: "probe",
      features: ["available", "get_hosts", "apply", "apply_mds", "apply_nfs"],
    });
  });

  test("what create throws is the reason why it is unavailable, and it is created again", async () => {
    let attempts = 0;
    const { orchestrator, heard } = await orchestratorFor(() => {
      attempts++;
      if (attempts === 1) throw new Error("inventory.json is missing");
      return { getHosts: () => [] };
    });
    expect(heard.states.at(-1)).toMatchObject({
      available: false,
      reason: expect.stringContaining("inventory.json is missing"),
    });
    await expect(invoke(orchestrator, "orchestrator/get_hosts")).rejects.toMatchObject({ type: "UnavailableError" });
    await until(() => heard.states.at(-1)?.available === true, "available after another try");
  });

  test("a misspelt method is refused with the one that was meant", async () => {
    const { heard } = await orchestratorFor({ getHost: () => [] } as never);
    expect(heard.states.at(-1)?.reason).toContain(
      "defines a method getHost that the interface does not have; did you mean getHosts?",
    );
  });

  test("wrong options are named and leave the former backend in use", async () => {
    const options = z.strictObject({ hosts: z.array(z.string()).default([]) });
    const { orchestrator, heard, configure } = await orchestratorFor({ getHosts: () => [] }, { options });
    await configure({ hosts: [1] });
    expect(heard.states.at(-1)).toMatchObject({
      available: false,
      reason: expect.stringMatching(
        /^backend_options\.hosts\[0\]: expected string, got 1; the former configuration stays in use$/,
      ),
    });
    expect(await invoke(orchestrator, "orchestrator/get_hosts")).toEqual([]);
    await configure({ hosts: ["a"] });
    expect(heard.states.at(-1)).toMatchObject({ available: true, reason: "" });
  });

  test("the former backend is closed before the next is created", async () => {
    const order: string[] = [];
    const { configure } = await orchestratorFor(
      () => (order.push("create"), { close: () => void order.push("close") }),
    );
    await configure(null);
    expect(order).toEqual(["create", "close", "create"]);
  });
});

describe("what a backend says of itself", () => {
  test("is checked: nonsense makes it unavailable with the field and what was expected", async () => {
    for (const [answer, complaint] of [
      [true, "expected { ok, reason?, details? }, got true"],
      [undefined, "got undefined"],
      [{ ok: "no" }, "ok: expected boolean, got string"],
      [{ ok: true, details: { big: 1n } }, "details: expected JSON"],
    ] as const) {
      const { heard } = await orchestratorFor({ available: () => answer as never });
      expect(heard.states.at(-1)).toMatchObject({ available: false, reason: expect.stringContaining(complaint) });
    }
  });

  test("without being asked stays true where it defines no available()", async () => {
    const { heard } = await orchestratorFor(({ setAvailable }) => {
      setAvailable({ ok: false, reason: "the salt api is down" });
      return { getHosts: () => [] };
    });
    expect(heard.states.at(-1)).toMatchObject({ available: false, reason: "the salt api is down" });
  });

  test("never shows a secret of its options", async () => {
    const options = z.strictObject({ api_token: z.string().min(20) });
    const { heard, configure } = await orchestratorFor({}, { options });
    await configure({ api_token: "hunter2" });
    expect(heard.states.at(-1)?.reason).toContain("backend_options.api_token");
    expect(heard.states.at(-1)?.reason).not.toContain("hunter2");
  });
});

describe("two configurations in quick succession", () => {
  test("never run side by side, and the one in between is left out", async () => {
    const order: string[] = [];
    let created = 0;
    const { configure } = await orchestratorFor(() => {
      const number = ++created;
      order.push(`create ${number}`);
      return {
        async close() {
          await new Promise((resolve) => setImmediate(resolve));
          order.push(`closed ${number}`);
        },
      };
    });
    await Promise.all([configure(null), configure(null), configure(null)]);
    expect(order).toEqual(["create 1", "closed 1", "create 2"]);
  });
});

describe("a configuration that comes while there is another", () => {
  test("does not let a write reach the instance that it closed, which is told to run again", async () => {
    const ran: number[] = [];
    let instances = 0;
    const { orchestrator, configure } = await orchestratorFor(
      () => {
        const instance = ++instances;
        return { applyService: () => (ran.push(instance), "ok") };
      },
      { store: new Store(), owner: "me" },
    );
    const specs = ["a", "b", "c"].map((id) => ({ service_type: "mds", service_id: id, service_name: `mds.${id}` }));
    const applied = invoke(orchestrator, "orchestrator/apply", { specs }, 60_000).catch((error: unknown) => error);
    await configure(null);
    await configure(null);
    orchestrator.grantLease(600_000, 0);
    expect(await applied).toMatchObject({
      type: "UnavailableError",
      message: "the backend was configured anew meanwhile; run it again",
    });
    expect(ran).toEqual([]);
    await orchestrator.close();
  });

  test("ends a call in flight with a sentence, not as a bug", async () => {
    const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
    const { orchestrator, configure, heard } = await orchestratorFor(({ signal }) => ({
      getHosts: () =>
        new Promise((_resolve, reject) => {
          begin();
          signal.addEventListener("abort", () => reject(new DOMException("aborted", "AbortError")));
        }),
    }));
    const call = invoke(orchestrator, "orchestrator/get_hosts", {}, 60_000).catch((error: unknown) => error);
    await begun;
    await configure(null);
    expect(await call).toMatchObject({ type: "UnavailableError", message: expect.stringContaining("run it again") });
    expect(heard.log.filter(({ level }) => level === "error")).toEqual([]);
  });

  test("is told before its backend is there, which may never be", async () => {
    let instances = 0;
    const { heard, configure, orchestrator } = await orchestratorFor(() =>
      ++instances === 1 ? {} : new Promise<Backend>(() => {}),
    );
    const configured = configure(null);
    await until(() => heard.states.at(-1)?.available === false, "told as unavailable");
    expect(heard.states.at(-1)?.reason).toBe("the backend probe is being created");
    await orchestrator.close();
    await configured;
  });

  test("keeps calls waiting for the last of several", async () => {
    const { orchestrator, configure } = await orchestratorFor(() => ({ getHosts: () => [] }));
    await orchestrator.configure({ name: null, options: null, options_error: null });
    const configured = [configure(null), configure(null)];
    const call = invoke(orchestrator, "orchestrator/get_hosts", {}, 60_000);
    configured.push(configure(null));
    expect(await call).toEqual([]);
    await Promise.all(configured);
  });

  test("and is refused lets the one before it be tried on", async () => {
    let isReachable = false;
    const { orchestrator, heard, configure } = await orchestratorFor(
      () => {
        if (!isReachable) throw new UnavailableError("no route to the master");
        return { getHosts: () => [] };
      },
      { options: z.strictObject({ host: z.string().default("") }) },
    );
    await configure({ host: 1 });
    expect(heard.states.at(-1)?.reason).toBe(
      "backend_options.host: expected string, got 1; the former configuration stays in use (no route to the master)",
    );
    isReachable = true;
    await until(() => orchestrator.status()["backend"] === "probe", "created after all");
    expect(await invoke(orchestrator, "orchestrator/get_hosts")).toEqual([]);
  });

  test("and equals it changes nothing, and takes back what was refused", async () => {
    let instances = 0;
    const { heard, configure } = await orchestratorFor(() => (instances++, {}), {
      options: z.strictObject({ host: z.string().default("") }),
      isUnchanged: true,
    });
    await configure(null);
    await configure({ host: 1 });
    expect(heard.states.at(-1)?.available).toBe(false);
    await configure(null);
    expect(heard.states.at(-1)).toMatchObject({ available: true, reason: "" });
    expect(instances).toBe(1);
    await configure({ host: "a" });
    expect(instances).toBe(2);
  });

  test("and equals one that could not be created is tried at once", async () => {
    let instances = 0;
    const { heard, configure } = await orchestratorFor(
      () => {
        if (++instances === 1) throw new UnavailableError("no route to the master");
        return {};
      },
      { isUnchanged: true },
    );
    expect(heard.states.at(-1)?.available).toBe(false);
    await configure(null);
    expect(heard.states.at(-1)?.available).toBe(true);
  });
});

describe("a secret of the options", () => {
  const options = { password: "hunter2-hunter2" };
  const boom = (): never => {
    throw new Error(`401 for ${options.password}`);
  };
  const schema = z.strictObject({ password: z.string().default("") });
  const shown = "401 for [secret]";

  test("is hidden in what create throws", async () => {
    const { heard, configure } = await orchestratorFor(
      ({ options: given }) => ((given as typeof options).password === "" ? {} : boom()),
      { options: schema },
    );
    await configure(options);
    expect(heard.states.at(-1)?.reason).toContain(shown);
    expect(JSON.stringify(heard)).not.toContain(options.password);
  });

  test("is hidden in what the backend says of itself, and in what its questions throw", async () => {
    for (const available of [boom, () => ({ ok: false, reason: `401 for ${options.password}` })]) {
      const { heard, configure } = await orchestratorFor({ available }, { options: schema });
      await configure(options);
      expect(heard.states.at(-1)?.reason).toContain(shown);
    }
  });

  test("is hidden in what a method or its second stage throws", async () => {
    const { orchestrator, heard, configure } = await orchestratorFor(
      { getHosts: boom, addHost: (_params, call) => call.persisted("ok", boom) },
      { options: schema },
    );
    await configure(options);
    await expect(invoke(orchestrator, "orchestrator/get_hosts")).rejects.toThrow(shown);
    await invoke(orchestrator, "orchestrator/add_host", { host_spec: { hostname: "a" } });
    await until(() => heard.failed.length === 1, "failed");
    expect(heard.failed[0]?.error.message).toContain(shown);
    expect(JSON.stringify(heard)).not.toContain(options.password);
  });
});
