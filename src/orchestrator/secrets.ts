/** Recognises secrets by the name of their field, and in running text. */
import { SECRET_FIELDS } from "./generated/methods.ts";

const known: ReadonlySet<string> = new Set(SECRET_FIELDS);
const secretName =
  /^(?:.*_)?(?:pass(?:word|wd|phrase)?|secrets?|tokens?|keyring|credentials?|auth|(?:api|private|access|secret|ssh|ssl|tls|encryption|client|server)_?key|key|cookie)$/i;
/** cephx keys, PEM private keys, and the password of a URL. */
const secretText =
  /\bAQ[A-Za-z0-9+/]{36,40}={0,2}|-----BEGIN [A-Z ]*PRIVATE KEY-----[^"]*|(?<=:\/\/[^\s/:@]{1,64}:)[^\s/@]{1,256}(?=@)/g;

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
