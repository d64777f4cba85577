/** The operations that are under way: writes that are persistent and not effective yet. */

import type { BridgeState, EventPort, WireError } from "../../orchestrator/ports.ts";

/** One of them, as a progress bar shows it. */
export interface InFlight {
  readonly call: string;
  readonly title: string;
  fraction: number;
  message: string;
}

/** Told of each change. */
export interface InFlightListener {
  state(state: BridgeState): void;
  /** An operation began, made progress or was taken up again. */
  moved(operation: InFlight): void;
  /** It is effective, or failed with the error. */
  ended(operation: InFlight, error: WireError | undefined): void;
}

/** Gathers the events of the orchestrator layer. */
export class OperationsInFlight implements EventPort {
  readonly #operations = new Map<string, InFlight>();
  readonly #listener: InFlightListener;
  #idle = Promise.withResolvers<void>();

  constructor(listener: InFlightListener) {
    this.#listener = listener;
    this.#idle.resolve();
  }

  /** In the order in which they began. */
  get all(): readonly InFlight[] {
    return [...this.#operations.values()];
  }

  /** Resolves when nothing is under way. */
  get idle(): Promise<void> {
    return this.#idle.promise;
  }

  state(state: BridgeState): void {
    this.#listener.state(state);
  }

  /** A write was answered; its second stage starts now. One that was joined runs already. */
  operation(call: string, title: string, fraction = 0): void {
    const known = this.#operations.get(call);
    if (known !== undefined) return;
    if (this.#operations.size === 0) this.#idle = Promise.withResolvers();
    const operation = { call, title, fraction, message: "" };
    this.#operations.set(call, operation);
    this.#listener.moved(operation);
  }

  progress(call: string, fraction: number, message: string): void {
    const operation = this.#operations.get(call);
    if (operation === undefined) return;
    Object.assign(operation, { fraction, message });
    this.#listener.moved(operation);
  }

  effective(call: string): void {
    this.#end(call, undefined);
  }

  failed(call: string, error: WireError): void {
    this.#end(call, error);
  }

  /** An operation that the operator gave up has no other end. */
  forgotten(call: string): void {
    if (this.#operations.delete(call)) this.#tellIdle();
  }

  #end(call: string, error: WireError | undefined): void {
    const operation = this.#operations.get(call);
    if (operation === undefined) return;
    this.#operations.delete(call);
    this.#listener.ended(operation, error);
    this.#tellIdle();
  }

  #tellIdle(): void {
    if (this.#operations.size === 0) this.#idle.resolve();
  }
}
