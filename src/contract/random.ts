/** Numbers that look random and are the same in every run. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** From 0 up to and without `below`. */
  below(below: number): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  }

  pick<T>(from: readonly T[]): T {
    const picked = from[this.below(from.length)];
    if (picked === undefined) throw new Error("there is nothing to pick from");
    return picked;
  }

  /** A list cut into pieces of one or more. */
  split<T>(list: readonly T[]): T[][] {
    const pieces: T[][] = [];
    for (let from = 0; from < list.length; ) {
      const to = from + 1 + this.below(Math.min(4, list.length - from));
      pieces.push(list.slice(from, to));
      from = to;
    }
    return pieces;
  }
}
