import { describe, expect, test } from "vitest";
import type { HealthCheck, MgrPort } from "../../src/orchestrator/ports.ts";
import { orchestratorFor, until } from "./harness.ts";

const check: HealthCheck = { severity: "warning", summary: "a host does not answer", detail: ["h1"] };

/** Stands for the part of the manager that shows things; `deal` is what each request waits for. */
function manager(deal: (what: string) => Promise<void> = () => Promise.resolve()): {
  mgr: Partial<MgrPort>;
  dealt: string[];
} {
  const dealt: string[] = [];
  const request = async (what: string): Promise<void> => {
    await deal(what);
    dealt.push(what);
  };
  const mgr: Partial<MgrPort> = {
    setHealthChecks: (checks) => request(`checks ${Object.keys(checks).join()}`),
    progress: ({ id, fraction, failed }) => request(`${id} ${failed ?? fraction}`),
  };
  return { mgr, dealt };
}

describe("what a backend shows in ceph -s", () => {
  test("goes with it, and what the next one shows comes after that", async () => {
    const cleared = Promise.withResolvers<void>();
    const { mgr, dealt } = manager((what) => (what === "checks " ? cleared.promise : Promise.resolve()));
    const { configure, orchestrator } = await orchestratorFor(
      (context) => {
        // Not waited for: taking back what was shown before may take as long as it likes.
        void context.mgr.setHealthChecks({ HOST_DOWN: check });
        void context.mgr.progress({ id: "done", message: "adding", fraction: 1 });
        void context.mgr.progress({ id: "open", message: "adding", fraction: 0.5 });
        return {};
      },
      { mgr },
    );
    const shown = ["checks HOST_DOWN", "done 1", "open 0.5"];
    await until(() => dealt.length === 3, "what the first shows");
    await configure(null);
    expect(dealt).toEqual(shown);
    cleared.resolve();
    await until(() => dealt.length === 8, "what the next shows");
    expect(dealt).toEqual([...shown, "checks ", "open the backend was closed before it was done", ...shown]);
    await orchestrator.close();
  });

  test("does not hold up its end where the manager does not answer", async () => {
    const { mgr } = manager((what) => (what === "checks " ? new Promise(() => {}) : Promise.resolve()));
    const { orchestrator } = await orchestratorFor(
      async (context) => {
        await context.mgr.setHealthChecks({ HOST_DOWN: check });
        return {};
      },
      { mgr },
    );
    await orchestrator.close();
    expect(orchestrator.status()["backend"]).toBeNull();
  });

  test("is left alone where it showed nothing, and can be shown no more once it is closed", async () => {
    const { mgr, dealt } = manager();
    let former: MgrPort | undefined;
    const { configure } = await orchestratorFor(
      async (context) => {
        former ??= context.mgr;
        return {};
      },
      { mgr },
    );
    await configure(null);
    await expect(former?.setHealthChecks({ HOST_DOWN: check })).rejects.toThrow(
      "this instance of the backend is closed",
    );
    await expect(former?.progress({ id: "late", message: "adding", fraction: 0.5 })).rejects.toThrow("is closed");
    expect(dealt).toEqual([]);
  });
});
