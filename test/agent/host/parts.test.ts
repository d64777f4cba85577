import { describe, expect, it } from "vitest";

import { gapsBetween, parseTable } from "../../../src/agent/host/parts.ts";

const MIB = 1024 ** 2;

describe("the parts of a device", () => {
  it("are read from what parted printed, as recorded with 3.8", () => {
    const output = [
      "BYT;",
      "/dev/loop0:6442450944B:loopback:512:512:gpt:Loopback device:;",
      "1:17408B:1048575B:1031168B:free;",
      "1:1048576B:2147483647B:2146435072B::6b0e3f5a-0a5e-4b0a-8f1b-7b7c8d3f1a2b:;",
      "2:2147483648B:4294967295B:2147483648B::7b0e3f5a-0a5e-4b0a-8f1b-7b7c8d3f1a2b:;",
      "1:4294967296B:6442434047B:2147466752B:free;",
      "",
    ].join("\n");
    expect(parseTable(output)).toEqual({
      partitions: [
        { number: 1, name: "6b0e3f5a-0a5e-4b0a-8f1b-7b7c8d3f1a2b", start: MIB, end: 2048 * MIB },
        { number: 2, name: "7b0e3f5a-0a5e-4b0a-8f1b-7b7c8d3f1a2b", start: 2048 * MIB, end: 4096 * MIB },
      ],
      free: [
        { start: 17_408, end: MIB },
        { start: 4096 * MIB, end: 6_442_434_048 },
      ],
    });
  });

  it("leave gaps in whole MiB, with the table's place at both ends", () => {
    expect(gapsBetween(100 * MIB, [])).toEqual([98 * MIB]);
    const taken = [
      { start: 50 * MIB, end: 60 * MIB },
      { start: MIB, end: 20 * MIB },
    ];
    expect(gapsBetween(100 * MIB + 5, taken)).toEqual([30 * MIB, 39 * MIB]);
    expect(gapsBetween(21 * MIB, [{ start: MIB, end: 20 * MIB }])).toEqual([]);
  });
});
