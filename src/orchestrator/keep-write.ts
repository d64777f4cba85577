/** What becomes of an attempted call: a read's answer gets its events, a write is kept before it counts as persistent. */
import { type Attempt, type BackendRequest, type BatchTarget } from "./attempt.ts";
import { errorText } from "./errors.ts";
import type { History } from "./history.ts";
import type { PendingOperation } from "./operation.ts";
import type { Written } from "./operations.ts";
import { withoutSecretsOf } from "./secrets.ts";

export type Outcome =
  | { readonly ok: true; readonly value: unknown; readonly operation: PendingOperation | undefined }
  | { readonly ok: false; readonly error: unknown };

/** Where writes are kept from persistent to effective. */
export interface WriteBook {
  /** An unfinished operation that an equal write joins. */
  join(request: BackendRequest): { value: unknown; operation: PendingOperation } | undefined;
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

/** The answer of the unfinished operation that the write joins, or why none may start; undefined when it is to be made now. */
export async function joinedOrReady(request: BackendRequest, book: WriteBook): Promise<Outcome | undefined> {
  let joined = book.join(request);
  if (joined === undefined) {
    try {
      await book.ready(request.signal);
    } catch (error) {
      return { ok: false, error };
    }
    joined = book.join(request);
  }
  return joined === undefined ? undefined : { ok: true, ...joined };
}

/** Makes a write and keeps it: it counts as persistent when it stands in the journal. */
export async function keepWrite(
  request: BackendRequest,
  target: BatchTarget,
  book: WriteBook,
  make: () => Promise<Attempt>,
): Promise<Outcome> {
  const { method, params } = request;
  try {
    const turn = book.begin(request);
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
