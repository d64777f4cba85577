/** Turns what is wrong with a value into sentences, in one voice: `backend_options.hosts[2].hostname: expected string, got 7`. */

import { isSecretName } from "./secrets.ts";

export type Path = readonly PropertyKey[];

/** An issue as zod makes it. */
export interface Issue {
  readonly code?: string;
  readonly message: string;
  readonly path: Path;
  readonly expected?: unknown;
  readonly values?: readonly unknown[];
  readonly keys?: readonly string[];
  readonly errors?: readonly (readonly unknown[])[];
  readonly format?: string;
  readonly pattern?: string;
  readonly minimum?: unknown;
  readonly maximum?: unknown;
  readonly origin?: string;
  readonly issues?: readonly unknown[];
}

/** An issue of any Standard Schema library, zod's included. */
export interface AnyIssue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

const LONGEST_TEXT = 60;

/** One sentence for each issue: the path from `root`, what was expected, what was there, unless that is a secret. */
export function formatIssues(
  issues: readonly AnyIssue[],
  root: string,
  value: unknown,
  isMarked: (path: Path) => boolean = () => false,
): string[] {
  const isSecret = (path: Path): boolean =>
    path.some((step) => typeof step === "string" && isSecretName(step)) || isMarked(path);
  const own = issues.map(toIssue);
  return resolveUnions(own, value).flatMap((issue) => sentencesFor(issue, root, value, isSecret(issue.path)));
}

function toIssue(issue: AnyIssue): Issue {
  return { ...issue, path: (issue.path ?? []).map((step) => (typeof step === "object" ? step.key : step)) };
}

/**
 * Replaces "none of the branches fits" by the issues of the branch that was meant: the one of the value's own JSON type,
 * or the one that went furthest.
 */
export function resolveUnions(issues: readonly Issue[], value: unknown): Issue[] {
  return issues.flatMap((issue) => {
    if (issue.code !== "invalid_union" || issue.errors === undefined || issue.errors.length === 0) return [issue];
    const branches = issue.errors.map((branch) => resolveUnions(branch as Issue[], valueAt(value, issue.path)));
    const meant = branches.filter(
      (branch) => !branch.some((inner) => inner.path.length === 0 && inner.code === "invalid_type"),
    );
    const [first] = meant;
    if (first === undefined) return [mergeTypes(issue, branches)];
    const choices = branches.flatMap((branch) =>
      branch.flatMap((inner) => (inner.code === "invalid_value" ? (inner.values ?? []) : [])),
    );
    if (choices.length === branches.length)
      return [{ ...first[0], code: "invalid_value", values: choices, path: issue.path, message: issue.message }];
    return first.map((inner) => ({ ...inner, path: [...issue.path, ...inner.path] }));
  });
}

/** No branch is of the value's type: say all types that would do. */
function mergeTypes(issue: Issue, branches: readonly Issue[][]): Issue {
  const expected = branches
    .flat()
    .filter((inner) => inner.code === "invalid_type")
    .map((inner) => String(inner.expected));
  return {
    code: "invalid_type",
    expected: [...new Set(expected)].join(" or "),
    path: issue.path,
    message: issue.message,
  };
}

function sentencesFor(issue: Issue, root: string, value: unknown, isSecret: boolean): string[] {
  if (issue.code === "unrecognized_keys") {
    return (issue.keys ?? []).map((key) => `${pathText(root, [...issue.path, key])}: unknown key`);
  }
  return [`${pathText(root, issue.path)}: ${complaint(issue, valueAt(value, issue.path), isSecret)}`];
}

function complaint(issue: Issue, found: unknown, isSecret: boolean): string {
  const hidden = isSecret && found !== undefined;
  const got = hidden ? "a secret that is not shown" : describeValue(found);
  const expected = expectation(issue);
  if (expected === null && hidden) return "not accepted; the secret is not shown";
  return expected === null ? lowerFirst(issue.message) : `expected ${expected}, got ${got}`;
}

/** What would have been right; null where only the issue's own message says it. */
function expectation(issue: Issue): string | null {
  switch (issue.code) {
    case "invalid_type":
      return expectedType(String(issue.expected));
    case "invalid_value":
      return oneOf(issue.values ?? []);
    case "invalid_format":
      return expectedFormat(issue);
    case "too_small":
      return limit(issue, "at least", issue.minimum);
    case "too_big":
      return limit(issue, "at most", issue.maximum);
    default:
      return null;
  }
}

function expectedType(type: string): string {
  const names: Record<string, string> = {
    int: "integer",
    safeint: "integer",
    record: "object",
    nonoptional: "a value",
  };
  return names[type] ?? type;
}

function oneOf(values: readonly unknown[]): string {
  const texts = values.map((value) => JSON.stringify(value));
  return texts.length === 1 ? (texts[0] ?? "") : `one of ${texts.join(", ")}`;
}

function expectedFormat(issue: Issue): string {
  if (issue.format === "datetime") return 'a date and time such as "2026-01-02T03:04:05.000678Z"';
  return issue.format === "regex" && issue.pattern !== undefined
    ? `text that matches ${issue.pattern}`
    : (issue.format ?? "another text");
}

function limit(issue: Issue, words: string, bound: unknown): string {
  if (issue.origin === "int" && (bound === Number.MAX_SAFE_INTEGER || bound === Number.MIN_SAFE_INTEGER)) {
    return "an integer between -(2^53-1) and 2^53-1";
  }
  const unit: Record<string, string> = { string: "characters", array: "items", set: "items", object: "fields" };
  const counted = unit[issue.origin ?? ""];
  return counted === undefined ? `${words} ${String(bound)}` : `${words} ${String(bound)} ${counted}`;
}

/** A value as a message shows it: scalars as JSON, cut short; of objects and arrays only that they are some. */
export function describeValue(value: unknown): string {
  if (value === undefined) return "nothing";
  if (value === null) return "null";
  if (typeof value === "string") return JSON.stringify(cut(value));
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  if (Array.isArray(value)) return "an array";
  if (typeof value === "object") return describeObject(value);
  return `a ${typeof value}`;
}

function cut(text: string): string {
  return text.length > LONGEST_TEXT ? `${text.slice(0, LONGEST_TEXT)}…` : text;
}

function describeObject(value: object): string {
  // Not `value.constructor`: that may be a field of the value.
  const prototype = Object.getPrototypeOf(value) as { constructor?: { name?: unknown } } | null;
  const name = prototype?.constructor?.name;
  return typeof name !== "string" || name === "Object" || name === "" ? "an object" : `a ${name} object`;
}

/** `root.hosts[2].hostname`; keys that are no names stand in brackets. */
export function pathText(root: string, path: Path): string {
  return path.reduce<string>((text, step) => {
    if (typeof step === "number") return `${text}[${step}]`;
    const key = cut(String(step));
    return /^[A-Za-z_$][\w$-]*$/.test(key) ? `${text}.${key}` : `${text}[${JSON.stringify(key)}]`;
  }, root);
}

function valueAt(value: unknown, path: Path): unknown {
  let inner = value;
  for (const step of path) {
    if (typeof inner !== "object" || inner === null) return undefined;
    inner = (inner as Record<PropertyKey, unknown>)[step];
  }
  return inner;
}

function lowerFirst(text: string): string {
  return /^[A-Z][a-z]/.test(text) ? text.charAt(0).toLowerCase() + text.slice(1) : text;
}
