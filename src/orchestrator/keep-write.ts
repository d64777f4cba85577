/** What becomes of an attempted call: a read's answer gets its events, a write is kept before it counts as persistent. */
import { type Attempt, type BackendRequest, type BatchTarget, notStarted } from "./attempt.ts";
import { errorText } from "./errors.ts";
import type { History } from "./history.ts";
import type { PendingOperation } from "./operation.ts";
import type { Joined, Written } from "./operations.ts";
import { withoutSecretsOf } from "./secrets.ts";

export type Outcome =
  | { readonly ok: true; readonly value: unknown; readonly operation: PendingOperation | undefined }
  | { readonly ok: false; readonly error: unknown };

/** Where writes are kept from persistent to effective. */
export interface WriteBook {
  /** An unfinished operation that an equal write joins. */
  join(request: BackendRequest, backend: string): Promise<Joined> | undefined;
  /** Resolves when writes may start. */
  ready(signal: AbortSignal): Promise<void>;
  /** A write starts now; gives its turn. */
  begin(request: BackendRequest): number;
  keep(request: BackendRequest, written: Written, turn: number): Promise<PendingOperation | undefined>;
  readonly history: History;
}

export async function readOutcome(
  request: BackendRequest,
  book: WriteBook,
  attempting: Promise<Attempt>,
): Promise<Outcome> {
  const attempted = await attempting;
  if (!attempted.ok) return attempted;
  return { ok: true, value: book.history.addTo(request.method, attempted.value), operation: undefined };
}

/** The turn of a write that is to be made now; else its outcome: it joins an unfinished operation, or must not start. */
export async function beginWrite(
  request: BackendRequest,
  target: BatchTarget,
  book: WriteBook,
): Promise<{ readonly turn: number } | { readonly outcome: Outcome }> {
  const { group, method } = request;
  try {
    if (group.stopsAtFailure && group.failed) throw notStarted(method);
    let joined = book.join(request, target.name);
    if (joined === undefined) {
      await book.ready(request.signal);
      joined = book.join(request, target.name);
    }
    return joined === undefined ? { turn: book.begin(request) } : { outcome: { ok: true, ...(await joined) } };
  } catch (error) {
    group.failed = true;
    return { outcome: { ok: false, error } };
  }
}

/** Makes a write that has begun and keeps it: it counts as persistent when it stands in the journal. */
export async function keepWrite(
  request: BackendRequest,
  target: BatchTarget,
  book: WriteBook,
  turn: number,
  make: () => Promise<Attempt>,
): Promise<Outcome> {
  const { method, params } = request;
  try {
    const attempted = await make();
    if (!attempted.ok) {
      book.history.note(method, params, "ERROR", errorText(attempted.error));
      return attempted;
    }
    const { value, effective } = attempted;
    const title = withoutSecretsOf(params, typeof value === "string" && value !== "" ? value : method);
    const written = { backend: target.name, backendSignal: target.signal, value, title, effective };
    return { ok: true, value, operation: await book.keep(request, written, turn) };
  } catch (error) {
    return { ok: false, error };
  }
}
