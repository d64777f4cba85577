/** What `defineBackend` refuses by itself: Node strips types and checks none. */
import { describe, expect, it } from "vitest";
import { z } from "zod";

import { type Backend, defineBackend } from "../../src/index.ts";

const create = (): Backend => ({});

/** A declaration as JavaScript, or a careless cast, may make it. */
const declare = (declaration: object) => () => defineBackend(declaration as Parameters<typeof defineBackend>[0]);

describe("defineBackend", () => {
  it.each([
    [undefined, "nothing"],
    ["", '""'],
    ["a/b", '"a/b"'],
    [7, "7"],
    ["x".repeat(65), `"${"x".repeat(60)}…"`],
  ])("refuses the name %j", (name, shown) => {
    expect(declare({ name, create })).toThrow(
      `defineBackend({ name }): expected a name of up to 64 letters, digits, dots, underscores and dashes, got ${shown}`,
    );
  });

  it("refuses what it does not know, and says what was meant", () => {
    expect(declare({ name: "b", create, permisions: {} })).toThrow(
      "backend b: defineBackend knows no permisions; did you mean permissions?",
    );
    expect(declare({ name: "b", create, version: 1 })).toThrow(
      "backend b: defineBackend knows no version; what there is: name, options, permissions, create",
    );
  });

  it("refuses a backend that cannot be created", () => {
    expect(declare({ name: "b" })).toThrow("backend b: create: expected a function, got nothing");
  });
});

describe("an option marked as secret", () => {
  const pin = z.number().meta({ secret: true });
  const recursive: z.ZodType = z.lazy(() => z.strictObject({ code: pin.optional(), inner: recursive.optional() }));
  const options = z.strictObject({
    pin: pin.optional(),
    community: z.enum(["blue", "green"]).meta({ secret: true }).optional(),
    sites: z.array(z.strictObject({ bind: z.string().max(3).meta({ secret: true }) })).optional(),
    by_name: z.record(z.string(), z.union([pin, z.strictObject({ shown: z.number() })])).optional(),
    pair: z.tuple([z.string(), pin]).optional(),
    turned: z
      .string()
      .transform(Number)
      .refine((value) => value > 3, "must be more than 3, not 2")
      .meta({ secret: true })
      .optional(),
    tree: recursive.optional(),
    login: z.strictObject({ user: z.string() }).meta({ secret: true }).optional(),
    anything: z.custom((value) => value !== 1, "not 1").optional(),
  });
  const { parseOptions } = defineBackend({ name: "marked", options, create });

  it.each([
    [{ pin: "hunter2" }, "backend_options.pin: expected number, got a secret that is not shown"],
    [
      { community: "hunter2" },
      'backend_options.community: expected one of "blue", "green", got a secret that is not shown',
    ],
    [
      { sites: [{ bind: "hunter2" }] },
      "backend_options.sites[0].bind: expected at most 3 characters, got a secret that is not shown",
    ],
    [
      { by_name: { a: "hunter2" } },
      "backend_options.by_name.a: expected number or object, got a secret that is not shown",
    ],
    [{ pair: ["a", "hunter2"] }, "backend_options.pair[1]: expected number, got a secret that is not shown"],
    [{ turned: "2" }, "backend_options.turned: not accepted; the secret is not shown"],
    [
      { tree: { inner: { inner: { code: "hunter2" } } } },
      "backend_options.tree.inner.inner.code: expected number, got a secret that is not shown",
    ],
    [{ login: { user: 7 } }, "backend_options.login.user: expected string, got a secret that is not shown"],
  ])("is not printed: %j", async (value, sentence) => {
    await expect(parseOptions(value)).rejects.toThrow(sentence);
  });

  it("hides nothing else", async () => {
    await expect(parseOptions({ anything: 1 })).rejects.toThrow("backend_options.anything: not 1");
    await expect(parseOptions({ pair: [7, 1] })).rejects.toThrow("backend_options.pair[0]: expected string, got 7");
  });
});
