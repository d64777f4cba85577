import { describe, expect, test } from "vitest";
import { z } from "zod";
import { invoke, orchestratorFor, until } from "./harness.ts";

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
