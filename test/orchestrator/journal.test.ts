import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodeEntries, type Entry, encodeEntry } from "../../src/orchestrator/journal/entry.ts";
import { Journal, type JournalStore, passingStore } from "../../src/orchestrator/journal/journal.ts";
import { logger, nothingHeard } from "./harness.ts";
import { noise } from "./processes.ts";

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

describe("the journal", () => {
  const journalOn = (store: JournalStore): Journal =>
    new Journal(store, logger(nothingHeard()), new AbortController().signal);

  test("looks through the keys of the store a few times, however many entries there are", async () => {
    const all = stored(...Array.from({ length: 500 }, (_, n) => entry({ id: `call-${n}`, n })));
    let looks = 0;
    const watched = new Proxy(all, {
      ownKeys(target) {
        looks += 1;
        return Reflect.ownKeys(target);
      },
    });
    const journal = journalOn({ ...passingStore(), storeList: () => Promise.resolve(watched) });
    expect((await journal.load()).entries).toHaveLength(500);
    expect(looks).toBeLessThan(10);
  });

  test("removes all keys of an entry that it has read", async () => {
    const store = passingStore();
    const long = entry({ id: "a/b 1", params: { text: noise(200_000) } });
    for (const [key, value] of encodeEntry(long)) await store.storeSet(key, value);
    const journal = journalOn(store);
    expect((await journal.load()).entries).toEqual([long]);
    await journal.remove(long.id);
    expect(await store.storeList("")).toEqual({});
  });

  test("tells an entry once: not one that it knows, nor one that is being removed", async () => {
    const store = passingStore();
    const journal = journalOn(store);
    for (const [key, value] of encodeEntry(entry())) await store.storeSet(key, value);
    expect((await journal.load()).entries).toHaveLength(1);
    expect((await journal.load()).entries).toEqual([]);
  });
});
