/** The recorded sessions of test/fixtures/sessions, replayed against the memory backend: no Ceph is needed. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { RecordedManager } from "../../src/cli/replay/manager.ts";
import { type RecordedSession, readSessions } from "../../src/cli/replay/session-file.ts";
import { type ReplayReport, replaySession } from "../../src/cli/replay/session-replay.ts";
import { createLog } from "../../src/main/log.ts";
import { HIDDEN } from "../../src/orchestrator/secrets.ts";
import { root } from "./run.ts";

const RELEASES = ["nautilus", "pacific", "reef", "tentacle"] as const;

const log = createLog("error", { write: () => undefined });

function textOf(release: string): string {
  return readFileSync(join(root, "test/fixtures/sessions", `${release}.session`), "utf8");
}

const replayed = async (text: string): Promise<string[]> => {
  const found: string[] = [];
  for (const session of readSessions(text)) {
    const { differences, unavailable } = await replaySession(session, { log });
    if (unavailable !== undefined) found.push(unavailable);
    found.push(...differences.map(({ line, method, says }) => `line ${line} ${method}: ${says.join("; ")}`));
  }
  return found;
};

/** The methods of the installed interface that were called. */
function called(sessions: readonly RecordedSession[]): Set<string> {
  const methods = sessions.flatMap(({ messages }) =>
    messages.flatMap(({ message: { method, params } }) => {
      if (method === "bridge/submit") return [String((params as { method: string }).method).slice("classic/".length)];
      return String(method).startsWith("orchestrator/") ? [String(method).slice("orchestrator/".length)] : [];
    }),
  );
  return new Set(methods);
}

describe.each(RELEASES)("the sessions of %s", (release) => {
  const text = textOf(release);
  const sessions = readSessions(text);

  it.each(sessions.map((session, index) => ({ session, name: `${index + 1}, ${session.header.commands[0]} …` })))(
    "are answered as they were: $name",
    async ({ session }) => {
      const { requests, compared, ...rest } = await replaySession(session, { log, patienceMs: 30_000 });
      expect(rest).toEqual({ differences: [] });
      expect(compared).toBeGreaterThan(0);
      expect(compared).toBeGreaterThanOrEqual(requests);
    },
    120_000,
  );

  it("say what they are", () => {
    for (const { header } of sessions)
      expect(header).toMatchObject({ release, orchbridge: expect.any(String) as string });
    expect(sessions.flatMap(({ header }) => header.commands).length).toBeGreaterThan(30);
  });

  it("call the methods that Ceph's commands and modules call", () => {
    const names = called(sessions);
    const wanted =
      release === "nautilus"
        ? [
            "get_hosts",
            "get_inventory",
            "describe_service",
            "create_osds",
            "remove_osds",
            "add_stateless_service",
            "update_mons",
          ]
        : [
            "get_hosts",
            "get_inventory",
            "describe_service",
            "list_daemons",
            "apply",
            "plan",
            "create_osds",
            "remove_osds",
            "upgrade_start",
            "apply_nfs",
            "blink_device_light",
            ...(release === "tentacle" ? ["node_proxy_fullreport"] : []),
          ];
    expect(wanted.filter((name) => !names.has(name))).toEqual([]);
  });

  it("hold none of the secrets that the commands were given", () => {
    const messages = text
      .split("\n")
      .filter((line) => !line.startsWith("#"))
      .join("\n");
    for (const secret of ["sesame", "PRIVATE KEY", "me%"]) expect(messages).not.toContain(secret);
    if (release !== "nautilus") expect(messages).toContain(`"api_password":"${HIDDEN}"`);
  });

  it("are of a reasonable size", () => expect(text.length).toBeLessThan(1_500_000));
});

describe("a session in which an answer was", () => {
  const [first = ""] = textOf("nautilus").split(/\n(?=# \{)/);
  const lines = first.split("\n");
  const answer = lines.findLastIndex((line) => /^< \{"jsonrpc":"2.0","id":\d+,"result"/.test(line));

  it("left out is not the same", async () => {
    const found = await replayed(lines.toSpliced(answer, 1).join("\n"));
    expect(found).toEqual([expect.stringMatching(/^line \d+ \S+: the recording has no answer to it$/)]);
  });

  it("given twice is not the same", async () => {
    const found = await replayed(lines.toSpliced(answer, 0, lines[answer] ?? "").join("\n"));
    expect(found).toEqual([
      expect.stringMatching(/^line \d+ : an answer to \d+, which was not asked or answered before$/),
    ]);
  });

  it("another one is not the same, and its place is named", async () => {
    const changed = first.replace('"10.1.1.2"', '"10.9.9.9"');
    const at = changed.lastIndexOf('"h2"');
    const found = await replayed(`${changed.slice(0, at)}"h8"${changed.slice(at + 4)}`);
    expect(found.join("\n")).toContain('"h8" recorded, "h2" now');
  });
});

type Made = readonly [direction: ">" | "<", message: object];

/** A session in which the manager was asked, and answered; then whatever follows. */
function madeOf(...messages: readonly Made[]): RecordedSession[] {
  const header = { format: 1, release: "reef", ceph_version: "18.2.7", orchbridge: "0.1.0", commands: [] };
  const backend = { name: "memory", options: {}, options_error: null };
  const begin = { id: 0, method: "initialize", params: { dialect: "modern", backend } };
  const all: readonly Made[] = [[">", begin], ...messages];
  const lines = all.map(([direction, message]) => `${direction} ${JSON.stringify({ jsonrpc: "2.0", ...message })}`);
  return readSessions([`# ${JSON.stringify(header)}`, ...lines].join("\n"));
}

describe("the manager of a replay", () => {
  const asks = (id: number, method: string, params: object) => ["<", { id, method, params }] as const;
  const answers = (id: number, result: unknown) => [">", { id, result }] as const;

  it("keeps nothing where the recording hides what the manager kept", () => {
    const [session] = madeOf(
      asks(1, "mgr/store_get", { key: "state/one" }),
      answers(1, HIDDEN),
      asks(2, "mgr/store_list", { prefix: "op/" }),
      answers(2, { "op/x": HIDDEN }),
      asks(3, "mgr/command", { prefix: "config-key get", key: "k", inbuf: HIDDEN }),
      answers(3, { retval: 0, stdout: "told", stderr: "" }),
    );
    const manager = new RecordedManager(session?.messages ?? []);
    expect(manager.answer("mgr/store_get", { key: "state/one" })).toBeNull();
    expect(manager.answer("mgr/store_list", { prefix: "op/" })).toEqual({});
    const command = { prefix: "config-key get", key: "k", inbuf: "another one now" };
    expect(manager.answer("mgr/command", command)).toMatchObject({ stdout: "told" });
  });

  it("says of an answer that was too large that it is not there", () => {
    const [session] = madeOf(asks(1, "mgr/get", { name: "osd_map" }), [">", { id: 1, cut: 2_000_000 }]);
    const manager = new RecordedManager(session?.messages ?? []);
    expect(() => manager.answer("mgr/get", { name: "osd_map" })).toThrow("too large to be recorded");
  });
});

describe("a session in which", () => {
  const report = async (...messages: readonly Made[]): Promise<ReplayReport> => {
    const [session] = madeOf(...messages);
    if (session === undefined) throw new Error("no session");
    return replaySession(session, { log, patienceMs: 2000 });
  };

  it("a question was too large says so once, and not of its answer again", async () => {
    const { differences } = await report(
      [">", { id: 1, method: "orchestrator/apply", cut: 2_000_000 }],
      ["<", { id: 1, result: [] }],
    );
    expect(differences).toEqual([
      { line: 3, method: "orchestrator/apply", says: ["it was too large to be recorded: 2000000 bytes"] },
    ]);
  });

  it("an operation was resumed from what the manager kept does not wait for its end", async () => {
    const { differences } = await report(
      ["<", { method: "bridge/resumed", params: { call: "c9", title: "x", fraction: 0 } }],
      ["<", { method: "bridge/effective", params: { call: "c9" } }],
    );
    expect(differences).toEqual([]);
  });
});

describe("an old recording", () => {
  const [first = ""] = textOf("nautilus").split(/\n(?=# \{)/);

  it("works although the protocol has grown since: what introduces the process is that of now", async () => {
    const old = first
      .replaceAll(/"schema_hash":"[0-9a-f]+"/g, '"schema_hash":"0000000000000000"')
      .replace(/,"methods":\[[^\]]*\]/, "")
      .replace(/"protocol":1/g, '"protocol":0');
    expect(old).not.toBe(first);
    expect(await replayed(old)).toEqual([]);
  });

  it("of a format that is newer than this version is refused with the version that made it", () => {
    const newer = first.replace('"format":1', '"format":2').replace(/"orchbridge":"[^"]+"/, '"orchbridge":"9.1.0"');
    expect(() => readSessions(newer)).toThrow(
      "line 1: a recording of format 2, made by orchbridge 9.1.0; this version reads format 1",
    );
  });
});
