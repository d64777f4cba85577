/** One thing that was looked at. */

/** `absent`: there is nothing of that kind here, which is no fault. */
export interface Finding {
  readonly about: string;
  readonly state: "good" | "wrong" | "absent";
  readonly says: string;
  /** What to do, where something is wrong. */
  readonly cure?: string;
}

export function good(about: string, says: string): Finding {
  return { about, state: "good", says };
}

export function wrong(about: string, says: string, cure: string): Finding {
  return { about, state: "wrong", says, cure };
}

export function absent(about: string, says: string): Finding {
  return { about, state: "absent", says };
}
