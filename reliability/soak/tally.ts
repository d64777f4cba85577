/** What became of the calls. */

/** How a call ended: answered well, answered with an error, or not answered at all. */
export type Reply =
  | { readonly kind: "ok" }
  | { readonly kind: "refused"; readonly said: string }
  | { readonly kind: "unanswered"; readonly said: string };

export interface Counts {
  ok: number;
  refused: number;
  unanswered: number;
  slowestMs: number;
}

/** Counts by source, and keeps the first sentences of what must not happen. */
export class Tally {
  readonly #counts = new Map<string, Counts>();
  readonly #complaints: string[] = [];
  #omitted = 0;

  /** `calm`: nothing was wrong from the call's begin to its end, so that it had to succeed. */
  add(source: string, reply: Reply, ms: number, calm: boolean): void {
    const counts = this.of(source);
    counts[reply.kind] += 1;
    counts.slowestMs = Math.max(counts.slowestMs, ms);
    if (reply.kind === "unanswered") this.#complain(`${source} was not answered: ${reply.said}`);
    if (reply.kind === "refused" && calm) this.#complain(`${source} failed while nothing was wrong: ${reply.said}`);
  }

  of(source: string): Counts {
    const known = this.#counts.get(source) ?? { ok: 0, refused: 0, unanswered: 0, slowestMs: 0 };
    this.#counts.set(source, known);
    return known;
  }

  bySource(): ReadonlyMap<string, Readonly<Counts>> {
    return this.#counts;
  }

  total(): Readonly<Counts> {
    const all = [...this.#counts.values()];
    const sum = (of: (counts: Counts) => number): number => all.reduce((total, counts) => total + of(counts), 0);
    return {
      ok: sum(({ ok }) => ok),
      refused: sum(({ refused }) => refused),
      unanswered: sum(({ unanswered }) => unanswered),
      slowestMs: Math.max(0, ...all.map(({ slowestMs }) => slowestMs)),
    };
  }

  complaints(): string[] {
    return this.#omitted === 0 ? this.#complaints : [...this.#complaints, `and ${this.#omitted} more like these`];
  }

  #complain(sentence: string): void {
    if (this.#complaints.length < 20) this.#complaints.push(sentence);
    else this.#omitted += 1;
  }
}
