/** Checks data against the schemas where it enters: params from Ceph, answers from backends. */

import { z } from "zod";
import { bundle, type Definition, type Place, places, tagged } from "./generated/bundle.ts";
import { describeValue, formatIssues, type Issue, type Path, pathText, resolveUnions } from "./issues.ts";
import { checkJson } from "./json-value.ts";

export { formatIssues } from "./issues.ts";

export interface ValidateOptions {
  /** What the messages' paths begin with. Default `value`. */
  root?: string;
  /** A key the schema does not know: an issue, or taken out and listed. Default `error`. */
  unknown?: "error" | "report";
}

export interface Validated {
  /** The value, checked; unknown keys are gone with `unknown: "report"`. Only to be used without issues. */
  value: unknown;
  /** What is wrong, one sentence each: `params.host_spec.hostname: expected string, got 7`. */
  issues: string[];
  /** Paths of the keys that were taken out. */
  unknown: string[];
}

/** Issues beyond this number are counted, not said. */
const MOST_ISSUES = 20;

/** What checking one definition takes, made at its first use. */
interface Checker {
  schema: z.ZodType;
  /** Where tagged unions sit: looked up by tag, since trying 20 members in turn is slow and says only "Invalid input". */
  places: readonly Place[];
  /** Null and nothing else: no result. */
  nothing: boolean;
  /** Somewhere anything is allowed, which may hide numbers and objects that are no JSON. */
  open: boolean;
}

/** Gathers what one run finds. */
interface Run {
  issues: Issue[];
  unknown: Path[];
  report: boolean;
}

const checkers = new Map<string, Checker>();

/** Checks a value against a definition of the bundle: a class name, `params:METHOD` or `result:METHOD`. */
export function validate(definition: string, value: unknown, options: ValidateOptions = {}): Validated {
  const root = options.root ?? "value";
  const run: Run = { issues: [], unknown: [], report: options.unknown === "report" };
  const checked = check(definition, value, [], run);
  return {
    value: checked,
    issues: sentences(run.issues, root, value),
    unknown: run.unknown.map((path) => pathText(root, path)),
  };
}

function sentences(issues: readonly Issue[], root: string, value: unknown): string[] {
  const said = formatIssues(issues.slice(0, MOST_ISSUES), root, value);
  return issues.length > MOST_ISSUES ? [...said, `and ${issues.length - MOST_ISSUES} more`] : said;
}

function check(definition: string, value: unknown, path: Path, run: Run): unknown {
  if (tagged[definition] !== undefined) return checkUnion(definition, value, path, run);
  const checker = checkers.get(definition) ?? makeChecker(definition);
  const checked = checkShape(checker, value, path, run);
  if (checker.open) checkJson(checked, path, run.issues);
  for (const place of checker.places) checkPlace(checked, place, 0, path, run);
  return checked;
}

/** The value as zod copies it, so that unions can be put in place; the value itself where it is wrong anyway. */
function checkShape(checker: Checker, value: unknown, path: Path, run: Run): unknown {
  // A method without a result gives back nothing.
  const given = value === undefined && checker.nothing ? null : value;
  const result = checker.schema.safeParse(given);
  if (result.success) return result.data;
  const strangers = unknownKeys(resolveUnions(result.error.issues, given), path, run);
  if (strangers.length === 0) return given;
  const again = checker.schema.safeParse(without(given, omission(strangers)));
  return again.success ? again.data : given;
}

function makeChecker(definition: string): Checker {
  const own = bundle.$defs[definition];
  if (own === undefined) throw new Error(`there is no schema named ${definition}`);
  const $defs: Record<string, Definition> = {};
  let open = false;
  const gather = (schema: unknown): void => {
    const text = JSON.stringify(schema);
    open ||= text.includes("{}");
    for (const [, name] of text.matchAll(/"#\/\$defs\/([^"]+)"/g)) {
      if (name === undefined || name in $defs) continue;
      // Anything, for zod: checkPlace looks at it.
      $defs[name] = tagged[name] === undefined ? (bundle.$defs[name] ?? {}) : {};
      if (tagged[name] === undefined) gather(bundle.$defs[name]);
    }
  };
  gather(own);
  const schema = z.fromJSONSchema({ $schema: bundle.$schema, ...own, $defs }, { registry: z.registry() });
  const checker = { schema, places: places[definition] ?? [], nothing: own.type === "null", open };
  checkers.set(definition, checker);
  return checker;
}

/** Sorts the issues: unknown keys that are only to be reported are given back, everything else is wrong. */
function unknownKeys(issues: readonly Issue[], path: Path, run: Run): Path[] {
  const strangers: Path[] = [];
  for (const issue of issues) {
    if (run.report && issue.code === "unrecognized_keys")
      strangers.push(...(issue.keys ?? []).map((key) => [...issue.path, key]));
    else run.issues.push({ ...issue, path: [...path, ...issue.path] });
  }
  run.unknown.push(...strangers.map((stranger) => [...path, ...stranger]));
  return strangers;
}

/** Keys to leave out, as a tree along the value. */
interface Omission {
  keys: Set<PropertyKey>;
  inside: Map<PropertyKey, Omission>;
}

function omission(strangers: readonly Path[]): Omission {
  const root: Omission = { keys: new Set(), inside: new Map() };
  for (const stranger of strangers) {
    let node = root;
    for (const step of stranger.slice(0, -1)) {
      const next = node.inside.get(step) ?? { keys: new Set(), inside: new Map() };
      node.inside.set(step, next);
      node = next;
    }
    for (const key of stranger.slice(-1)) node.keys.add(key);
  }
  return root;
}

/** A copy along the tree; what holds nothing to leave out stays as it is. */
function without(value: unknown, node: Omission | undefined): unknown {
  if (node === undefined || typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map((item: unknown, index) => without(item, node.inside.get(index)));
  const kept = Object.entries(value).filter(([key]) => !node.keys.has(key));
  return Object.fromEntries(kept.map(([key, field]) => [key, without(field, node.inside.get(key))]));
}

/** Follows a place's path through the value and checks each union it leads to, in place of what zod let through. */
function checkPlace(value: unknown, place: Place, depth: number, path: Path, run: Run): void {
  if (typeof value !== "object" || value === null) return;
  const step = place.path[depth];
  if (step === undefined) return;
  const holder = value as Record<PropertyKey, unknown>;
  const keys: PropertyKey[] = step === "*" ? (Array.isArray(value) ? [...value.keys()] : Object.keys(value)) : [step];
  for (const key of keys) {
    const inner = holder[key];
    if (depth + 1 < place.path.length) checkPlace(inner, place, depth + 1, [...path, key], run);
    // A place that must be filled and is not, zod has found already.
    else if (inner === undefined || (inner === null && place.nullable)) continue;
    else putUnion(holder, key, place, path, run);
  }
}

function putUnion(holder: Record<PropertyKey, unknown>, key: PropertyKey, place: Place, path: Path, run: Run): void {
  const checked = check(place.union, holder[key], [...path, key], run);
  // With issues the holder may be the caller's own object.
  if (run.issues.length === 0) holder[key] = checked;
}

function checkUnion(name: string, value: unknown, path: Path, run: Run): unknown {
  const union = tagged[name];
  if (union === undefined || typeof value !== "object" || value === null || Array.isArray(value)) {
    run.issues.push({ code: "invalid_type", expected: "object", path, message: "" });
    return value;
  }
  const tag: unknown = (value as Record<string, unknown>)[union.tag];
  const member = typeof tag === "string" && Object.hasOwn(union.members, tag) ? union.members[tag] : undefined;
  if (member !== undefined) return check(member, value, path, run);
  const known = Object.keys(union.members).join(", ");
  run.issues.push({
    code: "custom",
    path: [...path, union.tag],
    message: `expected one of ${known}, got ${describeValue(tag)}`,
  });
  return value;
}
