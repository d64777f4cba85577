/** One request of the other side, from its arrival to its answer. */

import { type AbstractCancellationTokenSource, type CancellationToken, type Disposable } from "vscode-jsonrpc";
import { RefusedRequest, WireCode } from "./errors.ts";

/** Both halves of vscode-jsonrpc's cancellation, in terms of an AbortSignal. */
export class Exchange implements AbstractCancellationTokenSource, CancellationToken {
  readonly #controller = new AbortController();
  /** What is to follow the answer. */
  answered: (() => void) | undefined;

  get token(): CancellationToken {
    return this;
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  get isCancellationRequested(): boolean {
    return this.signal.aborted;
  }

  readonly onCancellationRequested = (listener: (event: unknown) => unknown): Disposable => {
    this.signal.addEventListener("abort", listener, { once: true });
    return { dispose: () => this.signal.removeEventListener("abort", listener) };
  };

  abort(reason: Error): void {
    this.#controller.abort(reason);
  }

  cancel(): void {
    this.abort(new RefusedRequest(WireCode.cancelled, "RequestCancelled", "the call was cancelled"));
  }

  dispose(): void {
    this.answered = undefined;
  }
}
