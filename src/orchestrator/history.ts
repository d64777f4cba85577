/** What happened to services and daemons, as Ceph's OrchestratorEvent lists it in `ceph orch ls` and `ps`. Kept in memory, as cephadm does. */
import type { BackendMethodName } from "./generated/methods.ts";
import { withoutSecrets } from "./secrets.ts";

const EVENTS_KEPT = 5;
const SUBJECTS_KEPT = 2_000;
const MESSAGE_CHARACTERS = 300;

type Level = "INFO" | "ERROR";

interface Noted {
  readonly level: Level;
  readonly text: string;
}

/** The rows that carry events, and the subject of each. */
const ROWS: Partial<Record<BackendMethodName, (row: Record<string, unknown>) => string | undefined>> = {
  describeService: ({ service_name }) => (typeof service_name === "string" ? `service:${service_name}` : undefined),
  listDaemons: ({ daemon_type, daemon_id, daemon_name }) =>
    `daemon:${typeof daemon_name === "string" ? daemon_name : `${String(daemon_type)}.${String(daemon_id)}`}`,
};

export class History {
  readonly #events = new Map<string, Noted[]>();

  /** Notes what became of a write for each service or daemon that its params name. */
  note(method: string, params: object, level: Level, message: string): void {
    const time = new Date().toISOString().replace("Z", "000Z");
    const line = withoutSecrets(message).replaceAll(/\s+/g, " ").slice(0, MESSAGE_CHARACTERS);
    for (const subject of subjectsOf(params)) {
      const events = this.#events.get(subject) ?? [];
      // Set anew, so that those which nothing happens to any more are the first to go.
      this.#events.delete(subject);
      const text = `${time} ${subject} [${level}] ${JSON.stringify(level === "INFO" ? line : `${method}: ${line}`)}`;
      this.#events.set(subject, [...events, { level, text }].slice(-EVENTS_KEPT));
    }
    for (const subject of this.#events.keys()) {
      if (this.#events.size <= SUBJECTS_KEPT) break;
      this.#events.delete(subject);
    }
  }

  /** The answer with its rows' events: failures always, successes where the backend tells no events of its own. */
  addTo(method: BackendMethodName, value: unknown): unknown {
    const subjectOf = ROWS[method];
    if (subjectOf === undefined || this.#events.size === 0 || !Array.isArray(value)) return value;
    return (value as Record<string, unknown>[]).map((row) => {
      const noted = this.#events.get(subjectOf(row) ?? "") ?? [];
      const own = Array.isArray(row["events"]) ? (row["events"] as string[]) : [];
      const more = noted.filter(({ level }) => level === "ERROR" || own.length === 0).map(({ text }) => text);
      return more.length === 0 ? row : { ...row, events: [...own, ...more].toSorted(byTime) };
    });
  }
}

/** Those of one moment stay as they are: what was scheduled may fail in the same millisecond. */
function byTime(a: string, b: string): number {
  const [first = "", second = ""] = [a, b].map((line) => line.split(" ", 1)[0]);
  return first.localeCompare(second);
}

function subjectsOf(params: object): string[] {
  const subjects: string[] = [];
  for (const [name, value] of Object.entries(params) as [string, unknown][]) {
    if (name === "service_name" && typeof value === "string") subjects.push(`service:${value}`);
    else if (name === "daemon_name" && typeof value === "string") subjects.push(`daemon:${value}`);
    else if (name === "names" && Array.isArray(value))
      subjects.push(...value.map((daemon) => `daemon:${String(daemon)}`));
    else if (isSpec(value)) subjects.push(`service:${value.service_name}`);
  }
  return subjects;
}

function isSpec(value: unknown): value is { service_name: string } {
  return (
    typeof value === "object" && value !== null && "service_name" in value && typeof value.service_name === "string"
  );
}
