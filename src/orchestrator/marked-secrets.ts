/** Which options their schema marks as secret: in zod, `z.string().meta({ secret: true })`. */
import type { Path } from "./issues.ts";

/** The part of Standard JSON Schema (standardschema.dev) that is asked for; zod has it. */
export interface DescribesItself {
  readonly jsonSchema?:
    | { readonly input: (options: { target: string; libraryOptions?: Record<string, unknown> }) => object }
    | undefined;
}

interface JsonSchema {
  readonly secret?: unknown;
  readonly $ref?: unknown;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly additionalProperties?: JsonSchema | boolean;
  readonly items?: JsonSchema | boolean;
  readonly prefixItems?: readonly JsonSchema[];
  readonly anyOf?: readonly JsonSchema[];
  readonly oneOf?: readonly JsonSchema[];
  readonly allOf?: readonly JsonSchema[];
  readonly $defs?: Readonly<Record<string, JsonSchema>>;
}

/** Whether a value stands at or below a place that is marked. Of a schema that cannot describe itself, nothing is. */
export function markedSecrets(schema: DescribesItself): (path: Path) => boolean {
  let root: JsonSchema;
  try {
    // What JSON Schema cannot say is left open instead of refused.
    root = schema.jsonSchema?.input({ target: "draft-2020-12", libraryOptions: { unrepresentable: "any" } }) ?? {};
  } catch {
    return () => false;
  }
  return (path) => {
    let reached = alternatives(root, root);
    for (const step of path) {
      if (reached.some(isMarked)) return true;
      reached = reached.flatMap((inner) => below(inner, step)).flatMap((inner) => alternatives(inner, root));
    }
    return reached.some(isMarked);
  };
}

function isMarked({ secret }: JsonSchema): boolean {
  return secret === true;
}

/** A schema with all that it refers to or combines. */
function alternatives(schema: JsonSchema, root: JsonSchema, seen = new Set<JsonSchema>()): JsonSchema[] {
  if (seen.has(schema)) return [];
  seen.add(schema);
  const { $ref, anyOf = [], oneOf = [], allOf = [] } = schema;
  const name = typeof $ref === "string" ? $ref.replace(/^#\/\$defs\//, "") : undefined;
  const referred = name === "#" ? root : root.$defs?.[name ?? ""];
  const inner = [...anyOf, ...oneOf, ...allOf, ...(referred === undefined ? [] : [referred])];
  return [schema, ...inner.flatMap((one) => alternatives(one, root, seen))];
}

function below(schema: JsonSchema, step: PropertyKey): JsonSchema[] {
  const { properties = {}, additionalProperties, items, prefixItems = [] } = schema;
  const own = typeof step === "number" ? (prefixItems[step] ?? items) : undefined;
  const field = Object.hasOwn(properties, step) ? properties[String(step)] : additionalProperties;
  const found = own ?? field;
  return typeof found === "object" ? [found] : [];
}
