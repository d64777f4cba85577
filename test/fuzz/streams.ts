/** Streams of frames: messages under headers of every shape, with something broken at the end of some, cut into chunks anyhow. */

import fc from "fast-check";
import { anyUnicode } from "./json-text.ts";
import { brokenMessages, type MadeMessage, type MakeMessage, type Outcome, soundMessages } from "./messages.ts";

/** Small, so that each of them is often reached. */
export const LIMITS = { header: 160, body: 4_000_000, depth: 24, queue: 8 } as const;

/** Ids of a session's requests begin here, above those of the questions asked of us. */
const FIRST_ID = 100;

export interface Session {
  /** The stream's bytes, in the chunks in which they arrive. */
  readonly chunks: readonly Buffer[];
  /** What its messages lead to, in their order; those behind a fatal one are not there. Null where bytes were changed anywhere. */
  readonly outcomes: readonly Outcome[] | null;
  /** How many frames stand in it, sound or not. */
  readonly frames: number;
  /** How many requests may be open at once. */
  readonly open: number;
  /** How a failure shows it. */
  [fc.toStringMethod](): string;
}

const headers = fc.oneof(
  { weight: 10, arbitrary: fc.constant((length: string) => `Content-Length: ${length}`) },
  {
    weight: 4,
    arbitrary: fc.constantFrom(
      (length: string) => `content-length:${length}`,
      (length: string) => `CONTENT-LENGTH:   ${length}  `,
      (length: string) => `cOnTeNt-LeNgTh: 000${length}`,
      (length: string) => `Content-Length: ${length}\r\nContent-Type: application/vscode-jsonrpc; charset=utf-8`,
      (length: string) => `Content-Type: text/plain\r\nContent-Length: ${length}`,
      // Just as long as a header may be.
      (length: string) => `Content-Type: text/plain\r\nContent-Length: ${length}`.padEnd(LIMITS.header),
      (length: string) => `Content-Length: ${length}`.padEnd(LIMITS.header - 1),
    ),
  },
);

type Header = (length: string) => string;

function frame(header: Header, body: Buffer): Buffer {
  return Buffer.concat([Buffer.from(`${header(String(body.length))}\r\n\r\n`), body]);
}

const badHeaders = fc.constantFrom<Header>(
  (length) => `Content-Length: -${length}`,
  (length) => `Content-Length: +${length}`,
  (length) => `Content-Length: ${length}.0`,
  (length) => `Content-Length: ${length}e0`,
  (length) => `Content-Length: 0x${length}`,
  (length) => `Content-Length: ${length}, ${length}`,
  (length) => `Content-Length:\t${length}`,
  (length) => `Content-Length : ${length}`,
  (length) => `Content-Length ${length}`,
  (length) => `Content-Length: ${length}\r\nContent-Length: ${length}`,
  (length) => `Content-Length: ${length}\nContent-Type: x`,
  (length) => `Content-Length: ${length}\r\nX-Other: 1`,
  (length) => `\r\nContent-Length: ${length}`,
  (length) => `Content-Lengthé: ${length}`,
  (length) => `Content-Length: ${length}\0`,
  (length) => `Content-Length: ${length}\r\nContent-Type: text/plain; charset=latin1`,
  (length) => `Content-Length: ${length}`.padEnd(LIMITS.header + 1),
  (length) => `Content-Length: ${length}`.padEnd(LIMITS.header + 5000),
  () => "Content-Length: ",
  () => "Content-Length: 0",
  () => "Content-Length: 99999999999999999999",
  () => "Content-Length: 999999999999999",
  () => `Content-Length: ${LIMITS.body + 1}`,
  () => "Content-Type: text/plain",
  () => "",
);

/** Bytes between two frames. None begins as a header does, so none can be the start of a sound one. */
const garbage = fc.oneof(
  fc.constantFrom("\n", "\r\n", "\r\r\n", "starting up\n", "\0", "\ufeff", "{}", "\r\n\r\n", " "),
  anyUnicode(40).filter((text) => text !== "" && !/^c/i.test(text)),
);

interface Ending {
  readonly bytes: Buffer;
  readonly frames: number;
}

const sound = Buffer.from('{"jsonrpc":"2.0","method":"told","params":{}}');
const usual: Header = (length) => `Content-Length: ${length}`;

/** Something after which no connection can go on. */
const endings: fc.Arbitrary<Ending> = fc.oneof(
  fc
    .tuple(headers, brokenMessages)
    .map(([header, { text }]) => ({ bytes: frame(header, Buffer.from(text)), frames: 1 })),
  badHeaders.map((header) => ({ bytes: frame(header, sound), frames: 1 })),
  garbage.map((text) => ({ bytes: Buffer.concat([Buffer.from(text), frame(usual, sound)]), frames: 2 })),
  // A length that is not the body's.
  fc.integer({ min: 1, max: sound.length - 1 }).map((less) => ({
    bytes: Buffer.concat([frame(() => usual(String(sound.length - less)), sound), frame(usual, sound)]),
    frames: 2,
  })),
  fc.integer({ min: 1, max: 1000 }).map((more) => ({
    bytes: Buffer.concat([frame(() => usual(String(sound.length + more)), sound), frame(usual, sound)]),
    frames: 2,
  })),
  // The stream ends within a frame.
  fc.integer({ min: 1, max: frame(usual, sound).length - 1 }).map((end) => ({
    bytes: frame(usual, sound).subarray(0, end),
    frames: 1,
  })),
  // No UTF-8.
  fc
    .constantFrom([0xff], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0xc3])
    .map((bytes) => ({ bytes: frame(usual, Buffer.concat([Buffer.from('{"a":"'), Buffer.from(bytes)])), frames: 1 })),
);

export type Cutting =
  | { readonly how: "whole" }
  | { readonly how: "bytes" }
  | { readonly how: "at"; readonly places: readonly number[] };

/** One byte at a time up to here; the rest of a longer stream comes whole. */
const SINGLE_BYTES = 1500;

export const cuttings: fc.Arbitrary<Cutting> = fc.oneof(
  { weight: 3, arbitrary: fc.constant({ how: "whole" } as const) },
  { weight: 1, arbitrary: fc.constant({ how: "bytes" } as const) },
  {
    weight: 6,
    arbitrary: fc
      .array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 30 })
      .map((places) => ({ how: "at", places }) as const),
  },
);

export function cut(bytes: Buffer, cutting: Cutting): Buffer[] {
  const places = placesOf(bytes.length, cutting);
  return [...places, bytes.length].map((place, at) => bytes.subarray(places[at - 1] ?? 0, place));
}

function placesOf(length: number, cutting: Cutting): number[] {
  if (cutting.how === "whole") return [];
  if (cutting.how === "bytes") return Array.from({ length: Math.min(length, SINGLE_BYTES) }, (_, at) => at);
  return cutting.places.map((place) => Math.floor(place * length)).sort((a, b) => a - b);
}

const parts = fc.array(fc.tuple(headers, soundMessages), { minLength: 1, maxLength: 24 });

/** Some sessions say the same again and again: what a connection forgets to forget shows in a long life. */
const repeats = fc.oneof({ weight: 150, arbitrary: fc.constant(1) }, { weight: 1, arbitrary: fc.constant(150) });

/** A byte set, put in or taken out, at a place between the stream's start and its end. */
const blemishes = fc.array(
  fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.nat(255), fc.constantFrom(0, 1), fc.constantFrom(0, 1)),
  { minLength: 1, maxLength: 4 },
);

function blemished(bytes: Buffer, changes: readonly (readonly [number, number, number, number])[]): Buffer {
  return changes.reduce((stream, [place, byte, taken, put]) => {
    const at = Math.floor(place * stream.length);
    const between = Buffer.alloc(put, byte);
    return Buffer.concat([stream.subarray(0, at), between, stream.subarray(at + taken)]);
  }, bytes);
}

const blemishesOfSome = fc.oneof({ weight: 8, arbitrary: fc.constant(null) }, { weight: 1, arbitrary: blemishes });

export const sessions: fc.Arbitrary<Session> = fc
  .tuple(parts, repeats, fc.option(endings, { freq: 2 }), cuttings, fc.constantFrom(10_000, 10_000, 3), blemishesOfSome)
  .map(([messages, times, ending, cutting, open, changes]) => {
    const made = Array.from({ length: times }, (_, round) =>
      messages.map(([header, make], at) => place(header, make, FIRST_ID + round * messages.length + at)),
    ).flat();
    const clean = Buffer.concat([...made.map((each) => each.bytes), ending?.bytes ?? Buffer.alloc(0)]);
    const outcomes: Outcome[] = made.map(({ message }) => message.outcome);
    if (ending !== null) outcomes.push({ kind: "fatal" });
    const chunks = cut(changes === null ? clean : blemished(clean, changes), cutting);
    return {
      chunks,
      outcomes: changes === null ? outcomes : null,
      frames: messages.length + (ending?.frames ?? 0),
      open,
      [fc.toStringMethod]: () => `${open} at once: ${JSON.stringify(chunks.map((chunk) => chunk.toString("latin1")))}`,
    };
  });

function place(header: Header, make: MakeMessage, id: number): { message: MadeMessage; bytes: Buffer } {
  const message = make(id, LIMITS.depth);
  return { message, bytes: frame(header, Buffer.from(message.text)) };
}
