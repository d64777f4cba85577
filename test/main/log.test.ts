import { describe, expect, it } from "vitest";
import { createLog } from "../../src/main/log.ts";
import { FloodGate } from "../../src/main/log-flood.ts";
import { printable } from "../../src/main/log-values.ts";
import { withoutSecrets } from "../../src/orchestrator/secrets.ts";

function lines(level: string): { log: ReturnType<typeof createLog>; written: Record<string, unknown>[] } {
  const written: Record<string, unknown>[] = [];
  return {
    written,
    log: createLog(level, { write: (line) => void written.push(JSON.parse(line) as Record<string, unknown>) }),
  };
}

describe("the log", () => {
  it("writes a JSON line with the fields of its children", () => {
    const { log, written } = lines("info");
    log.child({ backend: "memory" }).child({ method: "getHosts", call: "c1" }).warn("slow", { ms: 12 });
    expect(written).toEqual([
      {
        level: 40,
        time: expect.any(Number) as number,
        backend: "memory",
        method: "getHosts",
        call: "c1",
        ms: 12,
        msg: "slow",
      },
    ]);
  });

  it("keeps to its level, and to info when the level is unknown", () => {
    const quiet = lines("nonsense");
    quiet.log.debug("hidden");
    quiet.log.info("shown");
    const loud = lines("debug");
    loud.log.debug("shown", { value: 1 });
    expect([quiet.written.length, loud.written.length]).toEqual([1, 1]);
  });

  it("hides secrets by their names, wherever they stand", () => {
    const { log, written } = lines("info");
    const spec = {
      service_type: "nvmeof",
      spec: {
        password: "a1",
        ssl_key: "b2",
        client_cert: "c",
        tokens: ["d4"],
        nested: [{ api_key: "e5", hostname: "h" }],
      },
    };
    log.child({ secret: "f6" }).info("apply", { spec, keyring: "g7", token: null });
    const text = JSON.stringify(written);
    for (const secret of ["a1", "b2", "d4", "e5", "f6", "g7"]) expect(text).not.toContain(`"${secret}"`);
    expect(written[0]).toMatchObject({
      token: null,
      spec: { service_type: "nvmeof", spec: { client_cert: "[secret]", nested: [{ hostname: "h" }] } },
    });
  });

  it("hides cephx keys, private keys and passwords of URLs in running text, and the line stays JSON", () => {
    const { log, written } = lines("info");
    log.info("key AQBsZ2VuZXJhdGVkX2tleV9mb3JfdGVzdHMxMjM0NQ== used", {
      pem: "-----BEGIN RSA PRIVATE KEY-----\nMIIabc\n-----END RSA PRIVATE KEY-----",
      url: "https://me:hunter2@host/x",
    });
    expect(written[0]).toMatchObject({ msg: "key [secret] used", pem: "[secret]", url: "https://me:[secret]@host/x" });
    // The longer keys that 20.2 makes.
    expect(withoutSecrets("key = AgBufQNrxcOsMyAAFnKCJpfyJ2/myJZ9jCZDbV3tPaMfn84Fsfe85Kq+IJo=")).toBe("key = [secret]");
    expect(withoutSecrets("host:8443 and a@b are fine")).toBe("host:8443 and a@b are fine");
  });

  it("shows errors with their causes", () => {
    const { log, written } = lines("info");
    log.error("failed", { error: new TypeError("outer", { cause: new Error("inner") }) });
    expect(written[0]).toMatchObject({ error: { type: "TypeError", message: "outer", cause: { message: "inner" } } });
  });

  it("bounds long texts, long lists, deep values and cycles", () => {
    const cycle: Record<string, unknown> = {
      list: Array.from({ length: 1000 }, (_, n) => n),
      text: "x".repeat(100_000),
      big: 5n,
    };
    cycle["self"] = cycle;
    expect(JSON.stringify(printable(cycle)).length).toBeLessThan(40_000);
  });
});

describe("the flood gate", () => {
  it("passes a burst, drops the rest, and tells how many once there is room", () => {
    let now = 0;
    const written: string[] = [];
    const gate = new FloodGate({ write: (line) => void written.push(line) }, { burst: 3, rate: 10 }, () => now);
    for (let n = 0; n < 10; n++) gate.write(`{"level":30,"msg":"${n}"}\n`);
    expect(written).toHaveLength(3);
    now = 100;
    gate.write('{"level":30,"msg":"later"}\n');
    expect(written.slice(3).map((line) => (JSON.parse(line) as { msg: string }).msg)).toEqual([
      "7 log lines were dropped: more than 10 a second",
      "later",
    ]);
  });

  it("lets last words through", () => {
    const written: string[] = [];
    const gate = new FloodGate({ write: (line) => void written.push(line) }, { burst: 1, rate: 1 }, () => 0);
    for (const level of [30, 30, 60]) gate.write(`{"level":${level},"msg":""}\n`);
    expect(written.map((line) => (JSON.parse(line) as { level: number }).level)).toEqual([30, 40, 60]);
  });
});
