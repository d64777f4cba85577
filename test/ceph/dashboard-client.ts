/** The dashboard's REST interface, as its own page uses it. */
import { until } from "../../testbed/cluster.ts";
import type { ClusterWithModule } from "./cluster-with-module.ts";

export interface DashboardAnswer {
  readonly status: number;
  readonly body: unknown;
}

const START_MS = 60_000;

export class Dashboard {
  readonly #url: string;
  readonly #token: string;

  private constructor(url: string, token: string) {
    this.#url = url;
    this.#token = token;
  }

  /** Logs in, as soon as the mgr serves it. */
  static async of(at: ClusterWithModule): Promise<Dashboard> {
    const { dashboard } = at.cluster.state;
    if (dashboard === null) throw new Error("the cluster has no dashboard");
    const { url, user: username, password } = dashboard;
    let last = "";
    const token = await until(
      () => `a login; the dashboard says ${last}`,
      START_MS,
      async () => {
        try {
          const answer = await fetch(new URL("api/auth", url), {
            method: "POST",
            headers: { "content-type": "application/json", accept: accepted("1.0") },
            body: JSON.stringify({ username, password }),
          });
          last = await answer.text();
          const said = JSON.parse(last) as { token?: string };
          return said.token;
        } catch (error) {
          last = String(error); // not listening yet
          return undefined;
        }
      },
    );
    return new Dashboard(url, token);
  }

  /** `version` is that of the resource, which the dashboard insists on. */
  async get(path: string, version = "1.0"): Promise<DashboardAnswer> {
    const headers = { accept: accepted(version), authorization: `Bearer ${this.#token}` };
    const answer = await fetch(new URL(path, this.#url), { headers });
    const text = await answer.text();
    return { status: answer.status, body: text === "" ? null : (JSON.parse(text) as unknown) };
  }
}

function accepted(version: string): string {
  return `application/vnd.ceph.api.v${version}+json`;
}
