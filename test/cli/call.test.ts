import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { methodNames, namedMethod } from "../../src/cli/call/method.ts";
import { BACKEND_METHODS } from "../../src/orchestrator/backend.ts";
import { authorsBackend, orchbridge, type Ran, root } from "./run.ts";

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "orchbridge-call-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

function call(...words: string[]): Promise<Ran> {
  return orchbridge(["call", authorsBackend, ...words]);
}

const TWO = ["--options", '{"hosts":["h1","h2"]}'];

describe("orchbridge call", { timeout: 120_000 }, () => {
  it("prints a result for people, by either name of the method", async () => {
    for (const name of ["getHosts", "get_hosts"]) {
      expect(await call(name, ...TWO)).toEqual({ status: 0, stdout: "- hostname: h1\n- hostname: h2\n", stderr: "" });
    }
  });

  it("prints one JSON document with --json", async () => {
    const { status, stdout, stderr } = await call("getHosts", "--json", ...TWO);
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(JSON.parse(stdout)).toEqual({ result: [{ hostname: "h1" }, { hostname: "h2" }], operations: [] });
  });

  it("reads params and options from files", async () => {
    const options = file("options.json", '{"hosts": ["h7"]}');
    const params = file("params.json", '{"host_spec": {"hostname": "h8"}}');
    expect((await call("get_hosts", "--options", `@${options}`)).stdout).toContain("h7");
    expect(await call("addHost", `@${params}`)).toMatchObject({ status: 0, stdout: "Added host 'h8'\n" });
    expect(await call("addHost", `@${folder}/none`)).toMatchObject({
      status: 2,
      stderr: expect.stringContaining("cannot be read") as string,
    });
  });

  it("waits until a write is effective and shows its progress", async () => {
    const { status, stdout, stderr } = await call("addHost", '{"host_spec":{"hostname":"h1"}}');
    expect({ status, stdout }).toEqual({ status: 0, stdout: "Added host 'h1'\n" });
    expect(stderr).toBe("Added host 'h1': 50 % half way\nAdded host 'h1': ended\n");
  });

  it("tells in JSON how each second stage ended", async () => {
    const { stdout } = await call("addHost", '{"host_spec":{"hostname":"h1"}}', "--json");
    expect(JSON.parse(stdout)).toEqual({
      result: "Added host 'h1'",
      operations: [{ call: "call-1", title: "Added host 'h1'", state: "effective" }],
    });
  });

  it("fails when the second stage does", async () => {
    const { status, stdout, stderr } = await call("addHost", '{"host_spec":{"hostname":"doomed"}}');
    expect({ status, stdout }).toEqual({ status: 1, stdout: "Added host 'doomed'\n" });
    expect(stderr).toContain("Error ENOENT: doomed has gone");
  });

  it("does not wait with --no-wait", async () => {
    const { status, stdout } = await call("addHost", '{"host_spec":{"hostname":"endless"}}', "--no-wait", "--json");
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ operations: [{ state: "running" }] });
  });

  it("says an expected error in one line, as ceph does", async () => {
    expect(await call("addHost", '{"host_spec":{"hostname":"bad name"}}')).toEqual({
      status: 1,
      stdout: "",
      stderr: "Error EINVAL: bad name is no host name\n",
    });
  });

  it("says a bug with its place in the author's file, and nothing of the bridge's own frames", async () => {
    const { status, stderr } = await call("removeHost", '{"host":"h1"}');
    expect(status).toBe(1);
    expect(stderr).toContain("warn: author: looking for h1\n");
    expect(stderr).toMatch(
      /^Error EIO: author\.removeHost failed unexpectedly: TypeError: Cannot read [^\n]*'hostname'\)$/m,
    );
    expect(stderr).toMatch(new RegExp(`at Object\\.removeHost \\(${authorsBackend}:\\d+:\\d+\\)`));
    expect(stderr).not.toMatch(/mgr log|src\/orchestrator|node:internal/);
  });

  it("makes a field that the schema does not know an error", async () => {
    expect(await call("describeService")).toMatchObject({
      status: 1,
      stderr: expect.stringMatching(
        /^Error EIO: author\.describeService answered nonsense: result\[0\]\.status\.colour: unknown key/,
      ) as string,
    });
  });

  it("gives a call up after --timeout", async () => {
    expect(await call("getInventory", "--timeout", "0.2")).toEqual({
      status: 1,
      stdout: "",
      stderr: "Error ETIMEDOUT: timed out after 0.2 s in author.getInventory\n",
    });
  });

  it("says to the backend that there is no cluster", async () => {
    const { stdout } = await call("hostOkToStop", '{"hostname":"h1"}');
    expect(stdout).toMatch(/^-107: no cluster here: .*"mon ok-to-stop"\n$/);
  });

  it("says that a method is missing", async () => {
    const { status, stderr } = await call("listDaemons");
    expect({ status, stderr }).toEqual({
      status: 1,
      stderr: "Error ENOTSUP: the author backend does not support listDaemons\n",
    });
  });

  it.each([
    [["getHost"], 'there is no method "getHost"; did you mean getHosts?'],
    [[], "METHOD is missing"],
    [["getHosts", "{"], "PARAMS: not JSON: "],
    [["getHosts", "[]"], "PARAMS: expected an object"],
    [["getHosts", "{}", "more"], 'there is one word too many: "more"'],
    [["getFacts", '{"hostnme":"h1"}'], "getFacts.hostnme: unknown key"],
    [["addHost", "{}"], "addHost.host_spec: expected object, got nothing"],
    [["getHosts", "--timeout", "soon"], "--timeout: expected a number of seconds, more than 0, got soon"],
    [["getHosts", "--timeout", "0"], "--timeout: expected a number of seconds, more than 0, got 0"],
  ])("refuses %j with status 2", async (words, message) => {
    const { status, stdout, stderr } = await call(...words);
    expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
    expect(stderr).toContain(`orchbridge: ${message}`);
  });

  it("ends with status 3 when there is no backend to call, with the place of what is wrong", async () => {
    const broken = file(
      "broken.ts",
      'import { defineBackend } from "orchbridge";\n\nexport default defineBackend({,});\n',
    );
    const creating = file(
      "creating.ts",
      'import { defineBackend } from "orchbridge";\nexport default defineBackend({ name: "c", create() {\n  return null!.x;\n} });\n',
    );
    const cases: [string[], RegExp][] = [
      [[join(folder, "none.ts"), "getHosts"], /^orchbridge: .*none\.ts: no such file\n$/],
      [[broken, "getHosts"], /^orchbridge: .*broken\.ts:3: syntax error: .*\n$/],
      [
        [authorsBackend, "getHosts", "--options", '{"hosts":7}'],
        /^orchbridge: backend_options\.hosts: expected array, got 7\n$/,
      ],
      [
        [creating, "getHosts"],
        /^orchbridge: c\.create failed unexpectedly: TypeError: [^]*at Object\.create \(.*creating\.ts:3:/,
      ],
      [["memry", "getHosts"], /^orchbridge: backend: there is no built-in backend "memry".*did you mean memory\?\n$/],
    ];
    for (const [words, message] of cases) {
      const { status, stdout, stderr } = await orchbridge(["call", ...words]);
      expect({ status, stdout }).toEqual({ status: 3, stdout: "" });
      expect(stderr).toMatch(message);
    }
    const { status, stdout } = await orchbridge(["call", broken, "getHosts", "--json"]);
    expect(status).toBe(3);
    expect(JSON.parse(stdout)).toMatchObject({ error: { type: "UnavailableError", errno: "EAGAIN" } });
  });

  it("calls applyService, which no caller in Ceph has under that name, and the classic methods", async () => {
    const spec = '{"spec":{"service_type":"mds","service_id":"fs1","placement":{"count":1}}}';
    const options = ["--options", '{"generate":{"hosts":2}}'];
    expect(await orchbridge(["call", "memory", "applyService", spec, ...options])).toMatchObject({
      status: 0,
      stdout: "Scheduled mds.fs1 update...\n",
    });
    const { stdout } = await orchbridge(["call", "memory", "update_mgrs", '{"num": 1}', ...options]);
    expect(stdout).toMatch(/mgr/);
  });
});

const HOST = '{"host_spec":{"hostname":"h1"}}';

/** A backend's file: what stands before its definition, the body of \`create\`. */
function backend(name: string, create: string, before = ""): string {
  return file(
    `${name}.ts`,
    `import { defineBackend } from "orchbridge";\n${before}\nexport default defineBackend({ name: "${name}", create({ log }) {\n${create}\n} });\n`,
  );
}

describe("orchbridge call, of a backend that ends or hangs the process", { timeout: 120_000 }, () => {
  const NEVER = "new Promise(() => undefined)";

  it.each([
    ["a top-level await that never settles", "return {};", `await ${NEVER};`, "never settles", 3],
    ["a create that never settles", `return ${NEVER};`, "", "never settles", 3],
    ["process.exit(0) at import", "return {};", "process.exit(0);", "ended the process, by process.exit(0)", 3],
    [
      "a second stage that never settles",
      `return { addHost: (_, call) => call.persisted("Added", () => ${NEVER}) };`,
      "",
      "never settles",
      1,
    ],
    [
      "process.exit(3) in a method",
      "return { addHost() { process.exit(3); } };",
      "",
      "ended the process, by process.exit(3)",
      1,
    ],
  ])("says so, and is no success: %s", async (_what, create, before, says, status) => {
    const path = backend("ends", create, before);
    const ran = await orchbridge(["call", path, "addHost", HOST, "--json"]);
    expect({ status: ran.status, stderr: ran.stderr }).toEqual({ status, stderr: "" });
    expect(JSON.parse(ran.stdout)).toEqual({
      error: { type: "InternalError", errno: "EIO", message: expect.stringContaining(says) as string },
    });
  });

  it("bounds the creation by --timeout", async () => {
    const path = backend("slow", "setInterval(() => undefined, 1000);\nreturn new Promise(() => undefined);");
    expect(await orchbridge(["call", path, "getHosts", "--timeout", "0.2"])).toEqual({
      status: 3,
      stdout: "",
      stderr: "orchbridge: the backend was not loaded and created within 0.2 s\n",
    });
  });

  it.each([
    [
      "setTimeout(() => { throw new Error('thrown'); }, 1); return new Promise(() => undefined);",
      "a timer's exception",
    ],
    ["void Promise.reject(new Error('thrown')); return [];", "a rejection that nobody handles"],
  ])("tells of an exception outside of the call: %s", async (body) => {
    const path = backend("stray", `return { async getHosts() { ${body} } };`);
    const { status, stdout, stderr } = await orchbridge(["call", path, "getHosts", "--json"]);
    expect({ status, stderr }).toEqual({ status: 1, stderr: "" });
    expect(JSON.parse(stdout)).toEqual({
      error: {
        type: "InternalError",
        errno: "EIO",
        message: expect.stringContaining("outside of any call; in a manager the process would end") as string,
        stack: expect.stringMatching(/^Error: thrown\n.*stray\.ts:/) as string,
      },
    });
  });
});

describe("orchbridge call, for a program that reads its output", { timeout: 120_000 }, () => {
  it("keeps what the backend prints off stdout", async () => {
    const path = backend(
      "prints",
      'return { getHosts() { console.log("two"); process.stdout.write("three\\n"); return []; } };',
      'console.log("one");',
    );
    const { status, stdout, stderr } = await orchbridge(["call", path, "getHosts", "--json"]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: "one\ntwo\nthree\n" });
    expect(JSON.parse(stdout)).toEqual({ result: [], operations: [] });
  });

  it("says in JSON which params do not fit", async () => {
    const { status, stdout, stderr } = await call("getFacts", '{"hostnme":"h1"}', "--json");
    expect({ status, stderr }).toEqual({ status: 2, stderr: "" });
    expect(JSON.parse(stdout)).toEqual({
      error: { type: "ValidationError", errno: "EINVAL", message: "getFacts.hostnme: unknown key" },
    });
  });

  it("reports an operation once that ends while the backend is closed", async () => {
    const path = backend(
      "closing",
      `let end; const ended = new Promise((resolve) => (end = resolve));
      return {
        addHost: (_, call) => call.persisted("Added", () => ended),
        async close() { end(); await ended; await new Promise((resolve) => setImmediate(resolve)); },
      };`,
    );
    const { status, stdout } = await orchbridge(["call", path, "addHost", HOST, "--no-wait", "--json"]);
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toEqual({
      result: "Added",
      operations: [{ call: "call-1", title: "Added", state: "running" }],
    });
  });
});

describe("orchbridge call, at Ctrl-C", { timeout: 120_000 }, () => {
  /** Interrupts the command as soon as the backend says "begun". */
  async function interrupted(...words: string[]): Promise<Ran> {
    const alive = "new Promise(() => setInterval(() => undefined, 60_000))";
    const path = backend(
      "waits",
      `return {
        getHosts() { log.warn("begun"); return ${alive}; },
        addHost: (_, call) => call.persisted("Added", () => { log.warn("begun"); return ${alive}; }),
      };`,
    );
    const child = spawn(process.execPath, [join(root, "src/cli/orchbridge.ts"), "call", path, ...words]);
    onTestFinished(() => void child.kill("SIGKILL"));
    const { promise, resolve } = Promise.withResolvers<number>();
    let [stdout, stderr] = ["", ""];
    child.stdout.on("data", (text: Buffer) => (stdout += text.toString()));
    child.stderr.on("data", (text: Buffer) => {
      const before = stderr.includes("begun");
      stderr += text.toString();
      if (!before && stderr.includes("begun")) child.kill("SIGINT");
    });
    child.on("close", (code) => resolve(code ?? -1));
    return { status: await promise, stdout, stderr: stderr.replace(/^warn: .*begun\n/, "") };
  }

  it("says no more than that about a read, with a status of its own", async () => {
    expect(await interrupted("getHosts")).toEqual({ status: 130, stdout: "", stderr: "interrupted\n" });
  });

  it("is no success while it waits for the second stage", async () => {
    expect(await interrupted("addHost", HOST)).toEqual({ status: 130, stdout: "Added\n", stderr: "interrupted\n" });
    const { status, stdout } = await interrupted("addHost", HOST, "--json");
    expect(status).toBe(130);
    expect(JSON.parse(stdout)).toMatchObject({ result: "Added", operations: [{ state: "running" }] });
  });
});

describe("the methods that call knows", () => {
  it("are all of a backend's, and all of Ceph's", () => {
    const names = methodNames();
    expect(names).toEqual(expect.arrayContaining([...BACKEND_METHODS, "apply", "apply_mds", "update_mons"]));
    for (const name of names) expect(namedMethod(name)).toHaveProperty("wire");
  });
});
