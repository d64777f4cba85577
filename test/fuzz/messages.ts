/** JSON-RPC messages of every kind, sound and unsound, each with what the connection must do about it. */

import fc from "fast-check";
import { type JsonText, jsonTexts, object, objectTexts, reservedNames } from "./json-text.ts";

/** What a message must lead to. */
export type Outcome =
  /** The handler gets the params and the answer is its result. */
  | { readonly kind: "handled"; readonly id: string | number; readonly params: unknown }
  /** An error with that code is the answer, and no handler hears of it. */
  | { readonly kind: "refused"; readonly id: string | number; readonly code: number }
  /** The notification's handler gets the params, or what is wrong with them. */
  | { readonly kind: "told"; readonly params: unknown; readonly problem: boolean }
  /** The answer to one of our questions: its value, or an error. */
  | { readonly kind: "answer"; readonly question: number; readonly value: unknown; readonly failed: boolean }
  | { readonly kind: "nothing" }
  /** The connection ends. */
  | { readonly kind: "fatal" };

export interface MadeMessage {
  readonly text: string;
  readonly outcome: Outcome;
}

/** Makes the message; `id` is one that no other message of its session has. */
export type MakeMessage = (id: number, depth: number) => MadeMessage;

/** Methods that the sessions' connections serve, each by a handler that answers `true`. */
export const HANDLED = ["at once", "later", "space/any", "space/"] as const;
export const TOLD = "told";
/** Questions that a session's connection asks before it reads. */
export const QUESTIONS = 3;

const plain = (value: unknown): JsonText => ({ text: JSON.stringify(value), value, refused: false, height: 0 });
const version = ["jsonrpc", plain("2.0")] as const;
const invalidParams = -32602;
const methodNotFound = -32601;

const idOf = fc.constantFrom<(id: number) => string | number>(
  (id) => id,
  (id) => -id,
  (id) => Number.MAX_SAFE_INTEGER - id,
  (id) => String(id),
  (id) => `__proto__${id}`,
  (id) => `\ud800 \0 ${id}`,
  (id) => `${"i".repeat(2000)}${id}`,
);

/** Fields that JSON-RPC does not know: without effect, unless they must not cross. */
const extras = fc.oneof(
  { weight: 8, arbitrary: fc.constant([]) },
  {
    weight: 1,
    arbitrary: fc
      .tuple(
        fc.oneof(
          reservedNames.filter((name) => !["jsonrpc", "id", "method"].includes(name)),
          fc.constant("__proto__"),
        ),
        jsonTexts,
      )
      .map((entry) => [entry]),
  },
);

type Entries = readonly (readonly [string, JsonText])[];

/** Whether a message as a whole must be refused. */
function isRefused(message: JsonText, depth: number): boolean {
  return message.refused || message.height > depth;
}

const requests: fc.Arbitrary<MakeMessage> = fc
  .tuple(idOf, fc.constantFrom(...HANDLED), objectTexts, extras)
  .map(([toId, method, params, extra]) => (number, depth) => {
    const id = toId(number);
    const entries: Entries = [version, ["id", plain(id)], ["method", plain(method)], ["params", params], ...extra];
    const message = object(entries);
    return {
      text: message.text,
      outcome: isRefused(message, depth)
        ? { kind: "refused", id, code: invalidParams }
        : { kind: "handled", id, params: params.value },
    };
  });

const unknownMethods = fc
  .tuple(
    idOf,
    fc.oneof(fc.constantFrom("constructor", "__proto__", "$/anything", "at once/", "spac", ""), fc.string()),
    objectTexts,
  )
  .filter(([, method]) => !HANDLED.some((name) => name === method) && !method.startsWith("space/"))
  .map(
    ([toId, method, params]): MakeMessage =>
      (number, depth) => {
        const id = toId(number);
        const message = object([["params", params], ["method", plain(method)], ["id", plain(id)], version]);
        return {
          text: message.text,
          outcome: { kind: "refused", id, code: isRefused(message, depth) ? invalidParams : methodNotFound },
        };
      },
  );

/** Params that are no object. */
const strangeParams = fc
  .tuple(idOf, jsonTexts)
  .filter(([, { text }]) => !text.startsWith("{"))
  .map(
    ([toId, params]): MakeMessage =>
      (number) => {
        const id = toId(number);
        const { text } = object([version, ["id", plain(id)], ["method", plain("at once")], ["params", params]]);
        return { text, outcome: { kind: "refused", id, code: invalidParams } };
      },
  );

const notifications = fc.tuple(objectTexts, extras).map(
  ([params, extra]): MakeMessage =>
    (_number, depth) => {
      const message = object([version, ["method", plain(TOLD)], ["params", params], ...extra]);
      return {
        text: message.text,
        outcome: { kind: "told", params: params.value, problem: isRefused(message, depth) },
      };
    },
);

/** Among them those that vscode-jsonrpc knows itself. */
const ignored = fc
  .tuple(
    fc.constantFrom("$/progress", "$/setTrace", "$/logTrace", "$/none", "unknown", "__proto__"),
    fc.oneof(jsonTexts, fc.constant(plain({ value: "verbose" }))),
  )
  .map(
    ([method, params]): MakeMessage =>
      () => {
        const { text } = object([version, ["method", plain(method)], ["params", params]]);
        return { text, outcome: { kind: "nothing" } };
      },
  );

const cancellations = fc.oneof(fc.constantFrom(-1, "x", "__proto__", Number.MAX_SAFE_INTEGER), fc.string()).map(
  (id): MakeMessage =>
    () => {
      const { text } = object([version, ["method", plain("$/cancelRequest")], ["params", plain({ id })]]);
      return { text, outcome: { kind: "nothing" } };
    },
);

const answers = fc.tuple(fc.nat(QUESTIONS - 1), jsonTexts, extras).map(([question, result, extra]): MakeMessage => {
  return (_number, depth) => {
    const message = object([version, ["id", plain(question)], ["result", result], ...extra]);
    const failed = isRefused(message, depth);
    return { text: message.text, outcome: { kind: "answer", question, value: result.value, failed } };
  };
});

const failures = fc.tuple(fc.nat(QUESTIONS - 1), fc.integer(), fc.string(), jsonTexts).map(
  ([question, code, message, data]): MakeMessage =>
    () => {
      const error = object([
        ["code", plain(code)],
        ["message", plain(message)],
        ["data", data],
      ]);
      const { text } = object([version, ["id", plain(question)], ["error", error]]);
      return { text, outcome: { kind: "answer", question, value: undefined, failed: true } };
    },
);

/** Answers to what was never asked. An id as text is never one of ours, also when its digits are. */
const strayAnswers = fc
  .tuple(fc.constantFrom<string | number>(-1, 10_000_000, "0", "1", "", "__proto__"), jsonTexts)
  .map(
    ([id, result]): MakeMessage =>
      () => {
        const { text } = object([version, ["id", plain(id)], ["result", result]]);
        return { text, outcome: { kind: "nothing" } };
      },
  );

const error = '"error":{"code":1,"message":""}';
const brokenTexts = fc.oneof(
  jsonTexts.map(({ text }) => `[${text}]`),
  jsonTexts.map(({ text }) => `{"jsonrpc":"2.0","result":${text}}`),
  jsonTexts.map(({ text }) => text).filter((text) => !text.startsWith("{")),
  jsonTexts.map(({ text }) => `{"jsonrpc":"2.0","id":{"a":${text}},"method":"at once"}`),
  jsonTexts.map(({ text }) => `{"jsonrpc":"2.0","id":1,"method":[${text}]}`),
  fc.constantFrom(
    "",
    " ",
    "{",
    "nul",
    "NaN",
    '{"a":1,}',
    "{'a':1}",
    "[[[[",
    '\ufeff{"jsonrpc":"2.0","method":"told"}',
    '{"jsonrpc":"2.0","method":"told","params":{"a":"\0"}}',
    '{"jsonrpc":"2.0","method":"told","params":{"a":01}}',
    '{"jsonrpc":"2.0","method":"told","params":{"a":-Infinity}}',
    '{"jsonrpc":"2.0","method":"told"} {}',
    '[{"jsonrpc":"2.0","method":"told"}]',
    "{}",
    '{"jsonrpc":"1.0","id":1,"method":"at once"}',
    '{"jsonrpc":2.0,"id":1,"method":"at once"}',
    '{"id":1,"method":"at once"}',
    '{"jsonrpc":"2.0","id":null,"method":"at once"}',
    '{"jsonrpc":"2.0","id":true,"method":"at once"}',
    '{"jsonrpc":"2.0","id":1.5,"method":"at once"}',
    '{"jsonrpc":"2.0","id":9007199254740992,"method":"at once"}',
    '{"jsonrpc":"2.0","id":1e400,"method":"at once"}',
    '{"jsonrpc":"2.0","id":1,"method":null}',
    '{"jsonrpc":"2.0","id":1}',
    `{"jsonrpc":"2.0","id":1,"result":1,${error}}`,
    `{"jsonrpc":"2.0",${error}}`,
    '{"jsonrpc":"2.0","id":1,"error":"text"}',
    '{"jsonrpc":"2.0","id":1,"error":{}}',
    '{"jsonrpc":"2.0","id":1,"error":{"code":"1","message":""}}',
    '{"jsonrpc":"2.0","id":1,"error":{"code":1.5,"message":""}}',
    '{"jsonrpc":"2.0","method":"$/cancelRequest"}',
    '{"jsonrpc":"2.0","method":"$/cancelRequest","params":{"id":null}}',
  ),
);

export const brokenMessages: fc.Arbitrary<MadeMessage> = brokenTexts.map((text) => ({
  text,
  outcome: { kind: "fatal" },
}));

export const soundMessages: fc.Arbitrary<MakeMessage> = fc.oneof(
  { weight: 8, arbitrary: requests },
  { weight: 1, arbitrary: unknownMethods },
  { weight: 1, arbitrary: strangeParams },
  { weight: 3, arbitrary: notifications },
  { weight: 1, arbitrary: ignored },
  { weight: 1, arbitrary: cancellations },
  { weight: 2, arbitrary: answers },
  { weight: 1, arbitrary: failures },
  { weight: 1, arbitrary: strayAnswers },
);
