/** What a mgr's log must never hold. */

/** The entries that tell of an exception that passed through our code into Ceph's. */
export function harmIn(log: string): string[] {
  const entries = log.split(/^(?=\d{4}-\d\d-\d\d[T ]\d\d:)/m);
  return entries.filter(
    (entry) => /Remote method threw|Traceback \(most recent call last\)/.test(entry) && entry.includes("orchbridge"),
  );
}
