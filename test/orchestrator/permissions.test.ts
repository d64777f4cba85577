import { describe, expect, it } from "vitest";
import { z } from "zod";
import { defineBackend, OrchestratorError } from "../../src/index.ts";
import { deniedAccess } from "../../src/orchestrator/denied-access.ts";
import { toWireError } from "../../src/orchestrator/errors.ts";
import { checkedPermissions, NO_PERMISSIONS } from "../../src/orchestrator/permissions.ts";
import type { Logger } from "../../src/orchestrator/ports.ts";

function denial(
  permission: string | undefined,
  resource: string,
  message = "Access to this API has been restricted",
): Error {
  return Object.assign(new Error(message), { code: "ERR_ACCESS_DENIED", permission, resource });
}

const quiet: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => quiet,
};

describe("permissions", () => {
  it("that are not declared are none", () => {
    expect(checkedPermissions("b", undefined)).toEqual(NO_PERMISSIONS);
    expect(checkedPermissions("b", { write: ["/a"], childProcess: true, read: undefined })).toEqual({
      ...NO_PERMISSIONS,
      write: ["/a"],
      childProcess: true,
    });
  });

  it("are sorted and named once, so that equal declarations are equal", () => {
    expect(checkedPermissions("b", { read: ["/b", "/a", "/b"] }).read).toEqual(["/a", "/b"]);
  });

  it.each([
    [{ read: ["a"] }, 'backend b: permissions.read[0]: expected an absolute path, got "a"'],
    [{ write: ["/a", "/b/../c"] }, 'backend b: permissions.write[1]: expected a path without . and .., got "/b/../c"'],
    [{ write: ["/a/*"] }, 'backend b: permissions.write[0]: expected a path without wildcards, got "/a/*"'],
    [{ write: "/a" }, 'backend b: permissions.write: expected a list, got "/a"'],
    [{ read: [7] }, "backend b: permissions.read[0]: expected a string, got 7"],
    [{ worker: 1 }, "backend b: permissions.worker: expected true or false, got 1"],
    [{ child_process: true }, "backend b: permissions.child_process: there is no such permission (there are: read, "],
    [{ constructor: true }, "backend b: permissions.constructor: there is no such permission"],
    [
      { environment: ["A=B"] },
      'backend b: permissions.environment[0]: expected the name of an environment variable, got "A=B"',
    ],
    [{ environment: ["NODE_OPTIONS"] }, "expected a variable that does not change Node itself"],
    [[], "backend b: permissions: expected an object, got []"],
  ])("refused: %j", (declared, says) => {
    expect(() => checkedPermissions("b", declared)).toThrow(says);
  });

  it("may depend on the parsed options, and a wrong one is found with them", async () => {
    const definition = defineBackend({
      name: "b",
      options: z.strictObject({ folder: z.string().default("/var/lib/b") }),
      permissions: ({ folder }) => ({ write: [folder] }),
      create: () => ({}),
    });
    expect(definition.permissionsFor(await definition.parseOptions({}))).toMatchObject({ write: ["/var/lib/b"] });
    await expect(definition.parseOptions({ folder: "here" })).rejects.toThrow(
      "permissions.write[0]: expected an absolute",
    );
  });
});

describe("what Node denied", () => {
  it.each([
    [denial("FileSystemWrite", "/etc/x"), "it may not write /etc/x; ", 'permissions: { write: ["/etc/x"] }'],
    [denial("FileSystemRead", "/etc/x"), "it may not read /etc/x; ", 'permissions: { read: ["/etc/x"] }'],
    [
      denial("ChildProcess", "/bin/sh"),
      "it may not start a process (/bin/sh); ",
      "permissions: { childProcess: true }",
    ],
    [denial("WorkerThreads", ""), "it may not start a worker thread; ", "permissions: { worker: true }"],
    [
      denial(undefined, "", "connect ERR_ACCESS_DENIED … Use --allow-net"),
      "it may not use the network; ",
      "network: true",
    ],
    [
      Object.assign(new Error("disabled"), { code: "ERR_DLOPEN_DISABLED" }),
      "it may not load a native addon; ",
      "addons: true",
    ],
    [denial("Inspector", "", "no inspector"), "Node's permission model denied it: ", "no inspector"],
  ])("is told with what to declare: %#", (error, what, declare) => {
    expect(deniedAccess(error)).toContain(what);
    expect(deniedAccess(error)).toContain(declare);
  });

  it("is found behind the error that a backend made of it", () => {
    const wrapped = new Error("cannot save", { cause: denial("FileSystemWrite", "/etc/x") });
    expect(deniedAccess(wrapped)).toContain("it may not write /etc/x");
    expect(deniedAccess(new Error("x"))).toBeUndefined();
    expect(deniedAccess("x")).toBeUndefined();
  });

  it("is no anonymous bug on the wire, and a backend's own words stay its own", () => {
    const denied = denial("FileSystemWrite", "/etc/x");
    const { message, data } = toWireError(denied, quiet, "b.addHost");
    expect(message).toMatch(/^b\.addHost was denied: it may not write \/etc\/x; .* \(log id \w+ in the mgr log\)$/);
    expect(data).toMatchObject({ type: "OrchestratorError", errno: 13 });
    const own = new OrchestratorError("the disk is away", { cause: denied });
    expect(toWireError(own, quiet, "b.addHost").message).toBe("the disk is away");
  });
});
