import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FrameParser, frame } from "../../src/rpc/frame.ts";

const limits = { header: 4096, body: 1 << 20 };

function framed(text: string): Buffer {
  return Buffer.from(frame(text, Buffer.byteLength(text)));
}

/** Feeds bytes cut at the given places; gives the bodies, and the error that ended it. */
function parse(
  bytes: Buffer,
  cuts: number[],
  bounds = limits,
): { bodies: string[]; error: string | undefined; idle: boolean } {
  const parser = new FrameParser(bounds);
  const bodies: string[] = [];
  const places = [0, ...cuts.filter((cut) => cut < bytes.length).sort((a, b) => a - b), bytes.length];
  try {
    for (let i = 1; i < places.length; i++) {
      for (const body of parser.push(bytes.subarray(places[i - 1], places[i]))) bodies.push(body.toString("utf8"));
    }
  } catch (error) {
    return { bodies, error: String(error), idle: parser.idle };
  }
  return { bodies, error: undefined, idle: parser.idle };
}

const cuts = fc.array(fc.nat(4000), { maxLength: 40 });

describe("a frame parser", () => {
  it("gives the same bodies however the bytes are split", () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: "binary", maxLength: 200 }), { maxLength: 8 }), cuts, (texts, places) => {
        const bytes = Buffer.concat(texts.map(framed));
        expect(parse(bytes, places)).toEqual({
          bodies: texts.map((text) => Buffer.from(text).toString("utf8")),
          error: undefined,
          idle: true,
        });
      }),
    );
  });

  it("gives the bodies before a broken frame and the same error however the bytes are split", () => {
    fc.assert(
      fc.property(
        fc.array(fc.string({ maxLength: 50 }), { maxLength: 4 }),
        fc.uint8Array({ maxLength: 100 }),
        cuts,
        (texts, garbage, places) => {
          const bytes = Buffer.concat([...texts.map(framed), Buffer.from(garbage), framed("last")]);
          const [whole, split] = [parse(bytes, []), parse(bytes, places)];
          expect(split.bodies).toEqual(whole.bodies);
          expect(split.error === undefined).toBe(whole.error === undefined);
          expect(split.bodies.slice(0, texts.length)).toEqual(texts.map((text) => Buffer.from(text).toString("utf8")));
        },
      ),
    );
  });

  it("refuses a line that somebody printed as soon as its end is there", () => {
    expect(parse(Buffer.from("starting up\n"), []).error).toContain(
      'expected a Content-Length header, got "starting up\\n"',
    );
  });

  it.each([
    ["a negative length", "Content-Length: -1\r\n\r\n"],
    ["a length that is no number", "Content-Length: 1e3\r\n\r\n"],
    ["an empty length", "Content-Length:\r\n\r\n"],
    ["two lengths", "Content-Length: 2\r\nContent-Length: 3\r\n\r\n"],
    ["no length", "Content-Type: application/json\r\n\r\n"],
    ["another charset", "Content-Length: 2\r\nContent-Type: application/json; charset=latin1\r\n\r\n"],
    ["an unknown header", "Content-Length: 2\r\nX-Other: 1\r\n\r\n"],
    ["an empty header", "\r\n\r\n"],
  ])("refuses %s", (_what, header) => {
    expect(parse(Buffer.from(header), []).error).toContain("Content-Length");
  });

  it("takes a Content-Type in any order and case", () => {
    const bytes = Buffer.from(
      "content-type: application/vscode-jsonrpc; charset=utf-8\r\nCONTENT-LENGTH:2  \r\n\r\n{}",
    );
    expect(parse(bytes, [])).toEqual({ bodies: ["{}"], error: undefined, idle: true });
  });

  it("refuses a header over the limit before its end has come", () => {
    expect(parse(Buffer.from("Content-Type: ".padEnd(5000, "x")), [1000, 2000]).error).toContain(
      "longer than 4096 bytes",
    );
  });

  it("takes a header of just the limit, also in pieces", () => {
    const bytes = Buffer.from(`${"Content-Length: 2".padEnd(limits.header)}\r\n\r\n{}`);
    const inPieces = Array.from({ length: 8 }, (_, at) => limits.header - 2 + at);
    expect(parse(bytes, inPieces)).toEqual({ bodies: ["{}"], error: undefined, idle: true });
  });

  it("refuses a body over the limit without reading it", () => {
    expect(parse(Buffer.from("Content-Length: 999999999\r\n\r\n"), []).error).toContain(
      "a frame of 999999999 bytes is over the limit of 1048576 bytes",
    );
  });

  it("knows that it is inside a frame", () => {
    expect(parse(framed("abc").subarray(0, -1), []).idle).toBe(false);
    expect(parse(Buffer.from("Cont"), []).idle).toBe(false);
  });
});
