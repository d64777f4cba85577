/** Tells of operations' progress in its turn: a backend in a tight loop must not fill the pipe. */
import type { OperationRecord } from "./operation.ts";
import type { EventPort } from "./ports.ts";

/** Told this often at most, however often a backend reports. */
const EVERY_MS = 100;

/** Keeps the newest report, and tells it now or when its turn comes. */
export function reportProgress(
  record: OperationRecord,
  fraction: number,
  message: string,
  events: Pick<EventPort, "progress">,
): void {
  record.fraction = Math.min(1, Math.max(0, Number.isFinite(fraction) ? fraction : 0));
  record.message = message;
  if (record.report !== undefined) return;
  const tell = (): void => {
    record.report = undefined;
    record.toldAt = performance.now();
    events.progress(record.entry.id, record.fraction, record.message);
  };
  const wait = record.toldAt === 0 ? 0 : record.toldAt + EVERY_MS - performance.now();
  if (wait <= 0) tell();
  else record.report = setTimeout(tell, wait);
}

/** What was not told yet is of no interest any more. */
export function endReports(record: OperationRecord): void {
  clearTimeout(record.report);
  record.report = undefined;
}
