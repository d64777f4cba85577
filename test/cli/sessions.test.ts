/** The recorded sessions of test/fixtures/sessions, replayed against the memory backend: no Ceph is needed. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { type RecordedSession, readSessions } from "../../src/cli/replay/session-file.ts";
import { replaySession } from "../../src/cli/replay/session-replay.ts";
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
