/** Recognises secrets by the name of their field, and in running text. */
import { SECRET_FIELDS } from "./generated/methods.ts";

const known: ReadonlySet<string> = new Set(SECRET_FIELDS);
const secretName =
  /^(?:.*_)?(?:pass(?:word|wd|phrase)?|secrets?|tokens?|keyring|credentials?|auth|(?:api|private|access|secret|ssh|ssl|tls|encryption|client|server)_?key|key|cookie)$/i;
/** cephx keys, PEM private keys, and the password of a URL. */
const secretText =
  /\bA[Qg][A-Za-z0-9+/]{36,80}={0,2}|-----BEGIN [A-Z ]*PRIVATE KEY-----[^"]*|(?<=:\/\/[^\s/:@]{1,64}:)[^\s/@]{1,256}(?=@)/g;

export const HIDDEN = "[secret]";

/** Whether a field of that name holds a secret. */
export function isSecretName(name: string): boolean {
  return known.has(name) || secretName.test(name);
}

/** The text without what looks like a secret. */
export function withoutSecrets(text: string): string {
  return text.replace(secretText, HIDDEN);
}

/** A value as it may be shown: what stands in a field with a secret's name, and what looks like a secret, is hidden. */
export function shownParams(value: unknown): unknown {
  if (typeof value === "string") return withoutSecrets(value);
  if (Array.isArray(value)) return value.map(shownParams);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]: [string, unknown]) => [
      name,
      isSecretName(name) && inner !== null ? HIDDEN : shownParams(inner),
    ]),
  );
}

/** Shorter ones stand in any text by chance. */
const SHORTEST = 4;

/** The texts that stand in fields with a secret's name. */
export function secretsIn(value: unknown, isSecret = false): string[] {
  if (typeof value === "string") return isSecret && value.length >= SHORTEST ? [value] : [];
  if (typeof value !== "object" || value === null) return [];
  if (Array.isArray(value)) return value.flatMap((item) => secretsIn(item, isSecret));
  return Object.entries(value).flatMap(([name, inner]) => secretsIn(inner, isSecret || isSecretName(name)));
}

/** The text without the secrets that a call's params hold: a backend may have put them there. */
export function withoutSecretsOf(params: object, text: string): string {
  return secretsIn(params).reduce((left, secret) => left.replaceAll(secret, HIDDEN), withoutSecrets(text));
}

/** How far causes are followed: one may lead back to an error before it. */
export const CAUSES = 10;

/** The same for what a backend threw, its stack and its causes included; errors are changed in place, frozen ones copied. */
export function hideSecretsOf(params: object, thrown: unknown, depth = 0): unknown {
  if (typeof thrown === "string") return withoutSecretsOf(params, thrown);
  if (!(thrown instanceof Error) || depth > CAUSES) return thrown;
  const { message, stack, cause } = thrown;
  const shown = {
    message: withoutSecretsOf(params, message),
    stack: stack === undefined ? undefined : withoutSecretsOf(params, stack),
    cause: hideSecretsOf(params, cause, depth + 1),
  };
  const changes: PropertyDescriptorMap = {};
  if (shown.message !== message) changes["message"] = replacement(shown.message);
  if (shown.stack !== stack) changes["stack"] = replacement(shown.stack);
  if (shown.cause !== cause) changes["cause"] = replacement(shown.cause);
  const isChanged = Object.entries(changes).every(([name, change]) => Reflect.defineProperty(thrown, name, change));
  if (isChanged) return thrown;
  const properties = { ...Object.getOwnPropertyDescriptors(thrown), ...changes };
  return Object.create(Object.getPrototypeOf(thrown) as object, properties) as unknown;
}

function replacement(value: unknown): PropertyDescriptor {
  return { value, configurable: true, writable: true };
}
