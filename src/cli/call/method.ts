/** Which call of the interface a word names: a backend's own name of the method, or Ceph's. */

import { METHODS } from "../../orchestrator/generated/methods.ts";
import { nearestWord } from "../../orchestrator/nearest-word.ts";
import { validate } from "../../orchestrator/validate.ts";

/** A method that can be called. */
export interface NamedMethod {
  readonly wire: string;
  readonly dialect: "modern" | "classic";
  /** The params as the wire's method takes them, or what is wrong with them, a sentence each. */
  check(params: object): { readonly params: object } | { readonly issues: readonly string[] };
  /** The result as the word promises it. */
  answer(result: unknown): unknown;
}

const MODERN = "orchestrator/";
const CLASSIC = "classic/";

/** The names that `namedMethod` knows, a backend's own first. */
export function methodNames(): string[] {
  const entries = Object.entries(METHODS);
  const own = entries.flatMap(([, { backend }]) => (backend === null ? [] : [backend]));
  const named = entries.flatMap(([wire, { name, local }]) => (isInterface(wire) && !local ? [name] : []));
  return [...new Set([...own, ...named])];
}

/** The method of that name; else the name that may have been meant. */
export function namedMethod(word: string): NamedMethod | { readonly near: string | undefined } {
  if (word === "applyService") return applyService();
  if (word === "replaceOsds") return plain("replaceOsds", `${CLASSIC}replace_osds`);
  const wires = Object.keys(METHODS).filter((wire) => isInterface(wire) && !METHODS[wire]?.local);
  const found =
    wires.find((wire) => wire.startsWith(MODERN) && METHODS[wire]?.backend === word) ??
    wires.find((wire) => wire === MODERN + word) ??
    wires.find((wire) => wire === CLASSIC + word);
  return found === undefined ? { near: nearestWord(word, methodNames()) } : plain(word, found);
}

function isInterface(wire: string): boolean {
  return wire.startsWith(MODERN) || wire.startsWith(CLASSIC);
}

function plain(word: string, wire: string): NamedMethod {
  return {
    wire,
    dialect: wire.startsWith(CLASSIC) ? "classic" : "modern",
    check: (params) => checked(word, wire, params),
    answer: (result) => result,
  };
}

/** No caller in Ceph has that name: `apply` becomes it, a spec at a time. */
function applyService(): NamedMethod {
  return {
    ...plain("applyService", `${MODERN}apply`),
    check(params) {
      const given = checked("applyService", "backend/apply_service", params);
      if ("issues" in given) return given;
      const { spec, ...rest } = params as { spec: unknown };
      return { params: { specs: [spec], ...rest } };
    },
    answer: (result) => (Array.isArray(result) ? (result[0] as unknown) : result),
  };
}

/** Unlike a manager of another release, an author is told of a name that the method does not have. */
function checked(word: string, wire: string, params: object): { params: object } | { issues: readonly string[] } {
  const { issues } = validate(`params:${wire}`, params, { root: word });
  return issues.length === 0 ? { params } : { issues };
}
