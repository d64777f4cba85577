/** What reads the orchestrator all day, ten times as often: the dashboard's pages and `ceph orch`. */
import type { Cluster, Release } from "../../testbed/cluster.ts";
import type { Source } from "./load.ts";
import { TIMES } from "./subject.ts";
import type { Reply } from "./tally.ts";

/** The dashboard reloads what it shows every five seconds. */
const PAGE_MS = 5000 / TIMES;
/** Longer than the deadline of every call that may be ahead of it in Ceph's one thread. */
export const ANSWER_MS = 90_000;

/** A service that is always there. */
export const STEADY = "mds.steady";

/** Addresses with the version of the resource, which the dashboard insists on. */
const PAGES: Readonly<Record<Release, Readonly<Record<string, string>>>> = {
  nautilus: { "ui-api/iscsi/status": "1.0" },
  pacific: pages({ "api/host": "1.1", "api/service": "1.0" }),
  reef: pages({ "api/host?facts=true": "1.3", "api/service": "2.0", "api/cluster/upgrade/status": "1.0" }),
  tentacle: pages({ "api/host?facts=true": "1.3", "api/service": "2.0", "api/cluster/upgrade/status": "1.0" }),
};

function pages(own: Readonly<Record<string, string>>): Record<string, string> {
  return {
    ...own,
    "ui-api/orchestrator/status": "1.0",
    "ui-api/host/inventory": "1.0",
    [`api/service/${STEADY}/daemons`]: "1.0",
    "api/host/h1/daemons": "1.0",
  };
}

const COMMANDS: Readonly<Record<"classic" | "modern", readonly string[]>> = {
  classic: ["orchestrator status", "orchestrator host ls", "orchestrator service ls", "orchestrator device ls"],
  modern: [
    "orch status",
    "orch host ls",
    "orch ls",
    "orch ps",
    "orch device ls",
    "orch osd rm status",
    "orch upgrade status",
  ],
};

/** A person at each page of the dashboard, and a script for each command. */
export async function readers(cluster: Cluster): Promise<Source[]> {
  const { release } = cluster;
  const dashboard = await login(cluster);
  return [
    ...Object.entries(PAGES[release]).map(([path, version]) => ({
      name: `dashboard ${path}`,
      everyMs: PAGE_MS,
      ask: () => get(new URL(path, dashboard.url), { accept: accepted(version), authorization: dashboard.bearer }),
    })),
    ...COMMANDS[release === "nautilus" ? "classic" : "modern"].map((prefix) => ({
      name: `ceph ${prefix}`,
      everyMs: PAGE_MS,
      ask: () => command(cluster, { prefix, format: "json" }),
    })),
  ];
}

/** A command of the mgr as a reply. */
export async function command(
  cluster: Cluster,
  wanted: { readonly prefix: string; readonly [argument: string]: unknown },
  input = "",
): Promise<Reply> {
  try {
    const { ret, err } = await cluster.rados().mgr(wanted, { input, timeoutMs: ANSWER_MS });
    return ret === 0 ? { kind: "ok" } : { kind: "refused", said: `${err} (${ret})` };
  } catch (error) {
    return { kind: "unanswered", said: String(error) };
  }
}

async function get(url: URL, headers: Record<string, string>): Promise<Reply> {
  try {
    const answer = await fetch(url, { headers, signal: AbortSignal.timeout(ANSWER_MS) });
    const text = await answer.text();
    return answer.ok ? { kind: "ok" } : { kind: "refused", said: `${answer.status} ${text.slice(0, 300)}` };
  } catch (error) {
    return { kind: "unanswered", said: `${String(error)} ${String(error instanceof Error ? error.cause : "")}` };
  }
}

async function login(cluster: Cluster): Promise<{ url: string; bearer: string }> {
  const { dashboard } = cluster.state;
  if (dashboard === null) throw new Error("the cluster has no dashboard");
  const { url, user: username, password } = dashboard;
  const answer = await fetch(new URL("api/auth", url), {
    method: "POST",
    headers: { "content-type": "application/json", accept: accepted("1.0") },
    body: JSON.stringify({ username, password }),
  });
  const { token } = (await answer.json()) as { token?: string };
  if (token === undefined) throw new Error(`the dashboard of ${cluster.name} refused the login: ${answer.status}`);
  return { url, bearer: `Bearer ${token}` };
}

function accepted(version: string): string {
  return `application/vnd.ceph.api.v${version}+json`;
}
