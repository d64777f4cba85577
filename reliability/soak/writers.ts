/** Writes of both stages, one after another: services come, change, restart and go. */
import type { Cluster, RadosCommand } from "../../testbed/cluster.ts";
import type { Source } from "./load.ts";
import { ANSWER_MS, command, STEADY } from "./pages.ts";
import type { Random } from "./random.ts";

const EVERY_MS = 1000;
const SERVICES = 6;

interface Write {
  readonly wanted: RadosCommand;
  readonly input?: string;
}

type Choice = (random: Random, daemons: readonly string[]) => Write;

/** A service's name and how many daemons it has change, so that writes meet new ones, equal ones and missing ones. */
const MODERN: readonly Choice[] = [
  (random) => ({
    wanted: { prefix: "orch apply mds", fs_name: nameOf(random), placement: String(random.whole(1, 3)) },
  }),
  (random) => ({ wanted: { prefix: "orch apply" }, input: specs(random) }),
  (random) => ({ wanted: { prefix: "orch rm", service_name: `mds.${nameOf(random)}` } }),
  () => ({ wanted: { prefix: "orch", action: "restart", service_name: STEADY } }),
  (random, daemons) => ({ wanted: { prefix: "orch daemon", action: "restart", name: random.pick(daemons) } }),
  (random) => ({ wanted: { prefix: "orch host label add", hostname: "h1", label: nameOf(random) } }),
  (random) => ({ wanted: { prefix: "orch host label rm", hostname: "h1", label: nameOf(random) } }),
];

const CLASSIC: readonly Choice[] = [
  (random) => ({ wanted: { prefix: "orchestrator mds add", svc_arg: nameOf(random) } }),
  (random) => ({ wanted: { prefix: "orchestrator mds rm", svc_id: nameOf(random) } }),
  () => ({ wanted: { prefix: "orchestrator service", action: "reload", svc_type: "mds", svc_name: "steady" } }),
  (random) => ({ wanted: { prefix: "orchestrator host add", host: nameOf(random) } }),
  (random) => ({ wanted: { prefix: "orchestrator host rm", host: nameOf(random) } }),
];

export function writer(cluster: Cluster, random: Random): Source {
  const classic = cluster.release === "nautilus";
  let daemons: string[] = [];
  return {
    name: "writes",
    everyMs: EVERY_MS,
    mayBeRefused: true,
    async ask() {
      if (!classic && daemons.length === 0) daemons = await daemonsOf(cluster);
      const choices = classic || daemons.length > 0 ? MODERN : MODERN.slice(0, 1);
      const { wanted, input } = random.pick(classic ? CLASSIC : choices)(random, daemons);
      const reply = await command(cluster, wanted, input);
      if (reply.kind === "refused") daemons = [];
      return reply;
    },
  };
}

async function daemonsOf(cluster: Cluster): Promise<string[]> {
  const wanted = { prefix: "orch ps", service_name: STEADY, format: "json" };
  const { ret, out } = await cluster.rados().mgr(wanted, { timeoutMs: ANSWER_MS });
  if (ret !== 0 || !out.startsWith("[")) return [];
  return (JSON.parse(out) as { daemon_name: string }[]).map(({ daemon_name: name }) => name);
}

function nameOf(random: Random): string {
  return `soak${random.whole(1, SERVICES)}`;
}

/** A file of several services, which becomes one batch. */
function specs(random: Random): string {
  const services = Array.from({ length: 3 }, () => nameOf(random));
  return services
    .map((id) => `service_type: mds\nservice_id: ${id}\nplacement:\n  count: ${random.whole(1, 3)}\n`)
    .join("---\n");
}
