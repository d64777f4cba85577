/** validate(): the sentences, unknown keys, unions, and what JSON cannot carry. */

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { formatIssues, validate } from "../../src/orchestrator/validate.ts";

function issuesOf(definition: string, value: unknown, root = "value"): string[] {
  return validate(definition, value, { root }).issues;
}

describe("a sentence", () => {
  it.each([
    ["a wrong type", "HostSpec", { hostname: 7 }, "value.hostname: expected string, got 7"],
    ["a missing field", "HostSpec", {}, "value.hostname: expected string, got nothing"],
    ["a value that is no object", "HostSpec", "node1", 'value: expected object, got "node1"'],
    ["an unknown key", "HostSpec", { hostname: "a", hostnam: "b" }, "value.hostnam: unknown key"],
    [
      "an object with a field named constructor",
      "HostSpec",
      { hostname: { constructor: { name: { toString: 1 } } } },
      "value.hostname: expected string, got an object",
    ],
    [
      "an unknown key that is as long as a text",
      "HostSpec",
      { hostname: "a", ["k".repeat(5000)]: 1 },
      `value["${"k".repeat(60)}…"]: unknown key`,
    ],
    [
      "a wrong constant",
      "HostSpec",
      { hostname: "a", service_type: "mon" },
      'value.service_type: expected "host", got "mon"',
    ],
    [
      "a wrong choice",
      "DaemonDescription",
      { daemon_type: "osd", daemon_id: "0", status: 9 },
      "value.status: expected one of -2, -1, 0, 1, 2, got 9",
    ],
    ["a number that is too small", "PlacementSpec", { count: 0 }, "value.count: expected at least 1, got 0"],
    ["a fraction", "PlacementSpec", { count: 1.5 }, "value.count: expected integer, got 1.5"],
    [
      "no date",
      "Device",
      { path: "/dev/sda", created: "yesterday" },
      'value.created: expected a date and time such as "2026-01-02T03:04:05.000678Z", got "yesterday"',
    ],
    [
      "a text that does not match",
      "OrchestratorEvent",
      "hello",
      String.raw`value: expected text that matches /^[^ ]+ (service|daemon):[^ ]+ \[(INFO|ERROR)\] "[\s\S]*"$/, got "hello"`,
    ],
    [
      "none of several types",
      "PlacementSpec",
      { host_pattern: 5 },
      "value.host_pattern: expected string or object, got 5",
    ],
    [
      "something wrong in the branch that is meant",
      "PlacementSpec",
      { host_pattern: { pattern: 5 } },
      "value.host_pattern.pattern: expected string, got 5",
    ],
    [
      "null or an object",
      "params:orchestrator/get_inventory",
      { host_filter: { hosts: 3 } },
      "value.host_filter.hosts: expected array or null, got 3",
    ],
    [
      "a required value that may be anything",
      "BackendChoice",
      { name: null, options_error: null },
      "value.options: expected a value, got nothing",
    ],
  ])("tells of %s", (_what, definition, value, sentence) => {
    expect(issuesOf(definition, value)).toEqual([sentence]);
  });

  it("gives the path as a person would write it", () => {
    const hosts = [
      { name: "a", devices: [] },
      { name: "b", devices: [{ path: "/dev/sda" }, {}] },
    ];
    expect(issuesOf("result:orchestrator/get_inventory", hosts, "result")).toEqual([
      "result[1].devices[1].path: expected string, got nothing",
    ]);
    expect(issuesOf("HostSpec", { hostname: "a", location: { "two words": 1 } })).toEqual([
      'value.location["two words"]: expected string, got 1',
    ]);
  });

  it("cuts long values short and shows no objects", () => {
    expect(issuesOf("PlacementSpec", { count: "x".repeat(100) })).toEqual([
      `value.count: expected number, got "${"x".repeat(60)}…"`,
    ]);
    expect(issuesOf("PlacementSpec", { label: { a: 1 }, count: [1] })).toEqual([
      "value.label: expected string, got an object",
      "value.count: expected number, got an array",
    ]);
  });

  it("never shows a secret", () => {
    const spec = { service_type: "iscsi", service_id: "a", spec: { pool: "p", api_password: 12345 } };
    expect(issuesOf("ServiceSpec", spec)).toEqual([
      "value.spec.api_password: expected string, got a secret that is not shown",
    ]);
    expect(issuesOf("HostSpec", { hostname: "a", oob: { password: 12345 } }).join()).not.toContain("12345");
  });

  it("counts issues beyond the twentieth", () => {
    const daemons = Array.from({ length: 50 }, () => ({ daemon_type: 1, daemon_id: "0" }));
    const issues = issuesOf("result:orchestrator/list_daemons", daemons);
    expect(issues).toHaveLength(21);
    expect(issues.at(-1)).toBe("and 30 more");
  });
});

describe("unknown keys", () => {
  it("are issues at any depth by default", () => {
    const host = { name: "a", devices: [{ path: "/dev/sda", colour: "red" }], size: 1 };
    expect(issuesOf("InventoryHost", host)).toEqual([
      "value.devices[0].colour: unknown key",
      "value.size: unknown key",
    ]);
  });

  it("are taken out of a copy and listed when they are to be reported", () => {
    const host = { name: "a", devices: [{ path: "/dev/sda", colour: "red" }], size: 1 };
    const before = structuredClone(host);
    const { value, issues, unknown } = validate("InventoryHost", host, { root: "host", unknown: "report" });
    expect(value).toEqual({ name: "a", devices: [{ path: "/dev/sda" }] });
    expect(issues).toEqual([]);
    expect(unknown).toEqual(["host.devices[0].colour", "host.size"]);
    expect(host).toEqual(before);
  });

  it("are taken out behind a union and beside one", () => {
    const specs = [
      { service_type: "mds", service_id: "a", spec: { x: 1 }, y: 2 },
      { service_type: "host", hostname: "a" },
    ];
    const params = { specs, z: 3 };
    const { value, issues, unknown } = validate("params:orchestrator/apply", params, {
      root: "apply",
      unknown: "report",
    });
    expect(issues).toEqual([]);
    expect(unknown.sort()).toEqual(["apply.specs[0].spec.x", "apply.specs[0].y", "apply.z"]);
    expect(value).toEqual({ specs: [{ service_type: "mds", service_id: "a", spec: {} }, specs[1]] });
    expect(params.specs[0]).toHaveProperty("y");
  });

  it("do not hide what else is wrong", () => {
    const { issues, unknown } = validate("HostSpec", { hostname: 7, x: 1 }, { unknown: "report" });
    expect(issues).toEqual(["value.hostname: expected string, got 7"]);
    expect(unknown).toEqual(["value.x"]);
  });
});

describe("a union", () => {
  it("is looked up by its tag, and says which tags there are", () => {
    expect(issuesOf("ServiceSpec", { service_type: "mon", spec: { port: 1 } })).toEqual([
      "value.spec.port: unknown key",
    ]);
    expect(issuesOf("GenericSpec", { service_type: "nope" })[0]).toMatch(
      /^value\.service_type: expected one of host, .*smb.*, got "nope"$/,
    );
    expect(issuesOf("GenericSpec", { hostname: "a" })[0]).toMatch(
      /^value\.service_type: expected one of .*, got nothing$/,
    );
    expect(issuesOf("ServiceSpec", { service_type: "constructor" })[0]).toMatch(/got "constructor"$/);
    expect(issuesOf("ServiceSpec", [])).toEqual(["value: expected object, got an array"]);
  });

  it("is found inside params and results, where it is required or may be null", () => {
    expect(issuesOf("params:orchestrator/plan", { spec: [{ service_type: "x" }] }, "plan")[0]).toMatch(
      /^plan\.spec\[0\]\.service_type: /,
    );
    expect(issuesOf("params:backend/apply_service", {}, "p")).toEqual(["p.spec: expected a value, got nothing"]);
    expect(issuesOf("params:orchestrator/add_daemon", { spec: null }, "p")).toEqual([
      "p.spec: expected object, got null",
    ]);
  });

  it("carries the fields of a description beside those of its spec", () => {
    const service = {
      service_type: "nfs",
      service_id: "a",
      spec: { port: 2049 },
      status: { size: 1, running: "1" },
      events: ["x"],
    };
    expect(issuesOf("ServiceDescription", service)).toEqual([
      'value.status.running: expected number, got "1"',
      expect.stringMatching(/^value\.events\[0\]: expected text that matches/),
    ]);
    expect(issuesOf("ServiceDescription", { service_type: "nfs", service_id: "a" })).toEqual([
      "value.status: expected object, got nothing",
    ]);
  });
});

describe("what JSON cannot carry", () => {
  it("is refused in numbers of a known type", () => {
    const sentence = "value.memory_usage: expected an integer between -(2^53-1) and 2^53-1, got 9007199254740992";
    expect(issuesOf("DaemonDescription", { daemon_type: "osd", daemon_id: "0", memory_usage: 2 ** 53 })).toEqual([
      sentence,
    ]);
    expect(
      issuesOf("DaemonDescription", { daemon_type: "osd", daemon_id: "0", memory_usage: Number.NaN }),
    ).toHaveLength(1);
  });

  it("is refused where anything else is allowed", () => {
    const sys_api = {
      size: 2 ** 53,
      ratio: 0.5,
      bad: Number.NaN,
      far: Number.POSITIVE_INFINITY,
      when: new Date(0),
      big: 1n,
      none: undefined,
      list: [undefined],
    };
    expect(issuesOf("Device", { path: "/dev/sda", sys_api })).toEqual([
      "value.sys_api.size: expected an integer between -(2^53-1) and 2^53-1 or a fraction, got 9007199254740992",
      "value.sys_api.bad: expected an integer between -(2^53-1) and 2^53-1 or a fraction, got NaN",
      "value.sys_api.far: expected an integer between -(2^53-1) and 2^53-1 or a fraction, got Infinity",
      "value.sys_api.when: expected JSON, got a Date object",
      "value.sys_api.big: expected JSON, got a bigint",
      "value.sys_api.list[0]: expected JSON, got nothing",
    ]);
  });

  it("is refused when it refers to itself", () => {
    const loop: Record<string, unknown> = {};
    loop["again"] = loop;
    expect(issuesOf("Device", { path: "/dev/sda", sys_api: loop })[0]).toMatch(
      /: expected JSON, got something nested more than 100 deep$/,
    );
  });

  it("is nothing that JSON does carry", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        fc.pre(!JSON.stringify(value).match(/e\+|\d{16}/));
        expect(issuesOf("Device", { path: "/dev/sda", sys_api: { value } })).toEqual([]);
      }),
    );
  });
});

describe("validate", () => {
  it("takes no result for a method that gives none", () => {
    expect(validate("result:orchestrator/pause", undefined)).toEqual({ value: null, issues: [], unknown: [] });
    expect(issuesOf("result:orchestrator/get_hosts", undefined)).toEqual(["value: expected array, got nothing"]);
  });

  it("takes any further argument of a monitor command", () => {
    expect(issuesOf("params:mgr/command", { prefix: "osd tree", format: "json" })).toEqual([]);
    expect(issuesOf("params:mgr/option", { name: "backend", format: "json" })).toEqual(["value.format: unknown key"]);
  });

  it("takes the call's context beside the params", () => {
    const call = { id: "c1", deadline_ms: 10_000, partial: "p1" };
    expect(issuesOf("params:orchestrator/get_hosts", { _call: call })).toEqual([]);
    expect(issuesOf("params:orchestrator/get_hosts", { _call: { id: 1 } })).toHaveLength(2);
  });

  it("throws for a schema that does not exist", () => {
    expect(() => validate("Nothing", {})).toThrow("there is no schema named Nothing");
  });

  it("never throws, whatever it is given", () => {
    fc.assert(
      fc.property(
        fc.constantFrom("HostSpec", "GenericSpec", "ServiceDescription", "params:orchestrator/apply"),
        fc.anything(),
        (definition, value) => {
          expect(validate(definition, value, { unknown: "report" })).toHaveProperty("issues");
        },
      ),
    );
  });
});

describe("formatIssues", () => {
  it("says a backend's own options in the same voice", () => {
    const options = z.strictObject({
      hosts: z.array(z.strictObject({ hostname: z.string() })),
      mode: z.enum(["a", "b"]).default("a"),
    });
    const value = { hosts: [{ hostname: "a" }, { hostname: 7 }], mode: "c", more: 1 };
    expect(formatIssues(options.safeParse(value).error?.issues ?? [], "backend_options", value)).toEqual([
      "backend_options.hosts[1].hostname: expected string, got 7",
      'backend_options.mode: expected one of "a", "b", got "c"',
      "backend_options.more: unknown key",
    ]);
  });

  it("keeps the message of another Standard Schema library", () => {
    expect(formatIssues([{ message: "Must be odd", path: ["a", { key: 1 }] }], "options", { a: [1, 2] })).toEqual([
      "options.a[1]: must be odd",
    ]);
  });
});
