import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodeEntries, type Entry, encodeEntry } from "../../src/orchestrator/journal/entry.ts";

const entry = (change: Partial<Entry> = {}): Entry => ({
  id: "3f0c-1.2",
  n: 7,
  at: "2026-01-02T03:04:05.678Z",
  owner: "me",
  backend: "memory",
  method: "applyService",
  params: { spec: { service_type: "mds", service_id: "a" } },
  result: "Scheduled mds.a update...",
  title: "Scheduled mds.a update...",
  error: null,
  ...change,
});

const stored = (...entries: Entry[]): Record<string, string> => Object.fromEntries(entries.flatMap(encodeEntry));

/** Text that does not shrink when it is packed. */
function noise(bytes: number): string {
  let seed = 1;
  return Array.from({ length: bytes }, () => {
    seed = (seed * 48_271) % 2_147_483_647;
    return String.fromCharCode(33 + (seed % 90));
  }).join("");
}

describe("a journal entry", () => {
  test("comes back as it was written, whatever its id and params", () => {
    const entries = fc.record({
      id: fc.string({ minLength: 1 }).filter((id) => id.isWellFormed()),
      params: fc.dictionary(fc.string(), fc.jsonValue()),
      result: fc.jsonValue(),
    });
    fc.assert(
      fc.property(entries, (change) => {
        const written = JSON.parse(JSON.stringify(entry(change))) as Entry;
        expect(decodeEntries(stored(written))).toEqual({ entries: [written], unreadable: [], orphans: [] });
      }),
    );
  });

  test("longer than a value of the monitors may be is split, its head last", () => {
    const long = entry({ params: { text: noise(200_000) } });
    const keys = encodeEntry(long);
    expect(keys.length).toBeGreaterThan(3);
    expect(keys.at(-1)?.[0]).toBe("op/3f0c-1.2");
    for (const [, value] of keys) expect(Buffer.byteLength(value)).toBeLessThanOrEqual(65_536);
    expect(decodeEntries(Object.fromEntries(keys)).entries).toEqual([long]);
  });

  test("of more than the journal takes is refused with both sizes", () => {
    expect(() => encodeEntry(entry({ params: { text: noise(5_000_000) } }))).toThrow(
      /applyService: its parameters take \d+ bytes in the journal, where 3840000 have room/,
    );
  });

  test("comes in the order in which it was written", () => {
    const ids = (all: Record<string, string>): string[] => decodeEntries(all).entries.map(({ id }) => id);
    expect(ids(stored(entry({ id: "b", n: 2 }), entry({ id: "c", n: 10 }), entry({ id: "a", n: 3 })))).toEqual([
      "b",
      "a",
      "c",
    ]);
  });

  test("shows no value of its params in the store", () => {
    const secret = entry({
      params: { spec: { password: "marked-secret" } },
      title: "key AQDk1ghoAAAAABAAMhXzcbYVjKLmS6GFq0r6Bw==",
    });
    expect(JSON.stringify(stored(secret))).not.toMatch(/marked-secret|AQDk1/);
  });

  test.each([
    ["that is no JSON", () => ({ "op/x": "{" }), /JSON/],
    [
      "of a newer version",
      () => ({ "op/x": JSON.stringify({ v: 2 }) }),
      /it is of version 2, and this orchbridge reads 1/,
    ],
    ["without its parameters", () => ({ "op/x": JSON.stringify({ v: 1 }) }), /parts: expected 1 to 64/],
    [
      "with a damaged parameter",
      () => {
        const [[key, value]] = encodeEntry(entry({ id: "x" })) as [[string, string]];
        return { [key]: value.replace(/("data":")./, "$1-") };
      },
      /the checksum differs/,
    ],
    [
      "whose part is missing",
      () => {
        const all = stored(entry({ id: "x", params: { text: noise(100_000) } }));
        delete all["op/x/2"];
        return all;
      },
      /its part 2 of \d is missing/,
    ],
  ])("%s is told with the reason, and the others are read", (_what, broken, reason) => {
    const good = entry({ id: "good" });
    const { entries, unreadable } = decodeEntries({ ...(broken() as Record<string, string>), ...stored(good) });
    expect(entries).toEqual([good]);
    expect(unreadable).toEqual([{ id: "x", problem: expect.stringMatching(reason) as string }]);
  });

  test("that was never finished is found by its parts", () => {
    const all = stored(entry({ id: "x", params: { text: noise(100_000) } }));
    delete all["op/x"];
    expect(decodeEntries(all)).toMatchObject({ entries: [], unreadable: [], orphans: ["op/x/1", "op/x/2"] });
  });

  test("of any nonsense never throws", () => {
    fc.assert(
      fc.property(
        fc.dictionary(
          fc.string().map((key) => `op/${key}`),
          fc.oneof(fc.string(), fc.json()),
        ),
        (all) => {
          decodeEntries(all);
        },
      ),
    );
  });
});
