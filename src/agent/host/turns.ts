/** Work on devices, one at a time: ceph-volume opens a device for itself alone while it looks at it or writes to it. */
export class Turns {
  #last: Promise<unknown> = Promise.resolve();

  /** Runs `work` when everything asked for before has ended. */
  take<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(work);
    this.#last = turn.catch(() => undefined);
    return turn;
  }
}
