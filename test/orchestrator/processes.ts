/** A backend that takes its time, and Orchestrators around it on one Store: each stands for one Node process. */
import type { Backend, OptionsSchema } from "../../src/orchestrator/backend.ts";
import { orchestratorFor, type Settings, type Store } from "./harness.ts";

export const mds = (id: string): object => ({ service_type: "mds", service_id: id, service_name: `mds.${id}` });
/** A spec with a secret. */
export const iscsi = (id: string, password: string): object => ({
  service_type: "iscsi",
  service_id: id,
  service_name: `iscsi.${id}`,
  spec: { pool: "p", api_user: "me", api_password: password },
});
export const apply = { specs: [mds("a")] };

/** Text that does not shrink when it is packed. */
export function noise(bytes: number): string {
  let seed = 1;
  return Array.from({ length: bytes }, () => {
    seed = (seed * 48_271) % 2_147_483_647;
    return String.fromCharCode(33 + (seed % 90));
  }).join("");
}

/** Other options make another instance. */
const anyOptions: OptionsSchema<unknown> = {
  "~standard": { version: 1, vendor: "test", validate: (value) => ({ value }) },
};

interface Seen {
  readonly id: string;
  readonly name: string;
  readonly resumed: boolean;
}

/** A backend whose second stages end when the test says so. */
export function slow(): { backend: Backend; seen: Seen[]; end: Map<string, (error?: Error) => void> } {
  const seen: Seen[] = [];
  const end = new Map<string, (error?: Error) => void>();
  const backend: Backend = {
    getHosts: () => [],
    applyService({ spec }, call) {
      const name = spec.service_name ?? "";
      seen.push({ id: call.id, name, resumed: call.resumed });
      return call.persisted(
        `Scheduled ${name} update...`,
        () =>
          new Promise<void>((resolve, reject) => {
            end.set(name, (error) => (error === undefined ? resolve() : reject(error)));
          }),
      );
    },
    removeService: () => "removed",
  };
  return { backend, seen, end };
}

export async function processOn(
  store: Store,
  settings: Settings = {},
): Promise<ReturnType<typeof slow> & Awaited<ReturnType<typeof orchestratorFor>>> {
  const made = slow();
  return { ...made, ...(await orchestratorFor(made.backend, { store, options: anyOptions, ...settings })) };
}
