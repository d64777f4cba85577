/** What goes wrong during a soak: chosen by the seed, let be for a while, put right again. */
import { type Cluster, until } from "../../testbed/cluster.ts";
import { signal as send } from "../../testbed/namespace.ts";
import type { Random } from "./random.ts";
import { nodePids } from "./samples.ts";
import { data, LIMIT_MB, setModuleOption } from "./subject.ts";

export interface Trouble {
  readonly name: string;
  begin(): Promise<void>;
}

const METHODS = ["listDaemons", "describeService", "getHosts", "getInventory", "applyService", "serviceAction"];
/** Those that the process of the backend survives. */
const GENTLE = ["throw", "hang", "nonsense", "print", "fail"];
const ROUGH = [...GENTLE, "exit", "exit", "block"];
/** Node is looked at after ten seconds of a blocked event loop, and may be started a quarter of a minute later. */
const RECOVERY_MS = 90_000;

/** `gentle`: only troubles that the Node process survives, so that its memory can be followed. */
export function troubleOf(cluster: Cluster, random: Random, gentle: boolean): Trouble {
  const fault = (kinds: readonly string[]): Trouble => {
    const [method, kind] = [random.pick(METHODS), random.pick(kinds)];
    return { name: `${method} ${kind}`, begin: () => setData(cluster, { faults: { [method]: kind } }) };
  };
  const options: Trouble = {
    name: "other options",
    begin: () => setData(cluster, { delays: { read_ms: random.whole(1, 50), effective_ms: random.whole(0, 900) } }),
  };
  const refused: Trouble = {
    name: "options that are refused",
    begin: () => setModuleOption(cluster, "backend_options", random.pick(["{", '{"hosts":7}', "[]"])),
  };
  if (gentle) return random.pick([() => fault(GENTLE), () => fault(GENTLE), () => options, () => refused])();
  const ends = ["SIGKILL", "SIGKILL", "SIGKILL", "SIGTERM", "SIGSTOP"] as const;
  const choices = [
    () => fault(ROUGH),
    () => fault(ROUGH),
    () => fault(ROUGH),
    () => signal(cluster, random.pick(ends)),
    () => signal(cluster, random.pick(ends)),
    () => options,
    () => refused,
    () => restart(cluster),
    () => otherLimit(cluster, random),
  ];
  return random.pick(choices)();
}

/** Puts everything right; returns when the orchestrator answers with what it was given now. */
export async function heal(cluster: Cluster, round: number): Promise<void> {
  // The options arrive in the order in which they were set, so the host that is new in this round shows that all did.
  const host = `round-${round}`;
  await setModuleOption(cluster, "memory_limit", String(LIMIT_MB));
  await setData(cluster, { hosts: [{ hostname: host, addr: "10.9.9.9" }] });
  const list = cluster.release === "nautilus" ? "orchestrator host ls" : "orch host ls";
  let last = "";
  await until(
    () => `the orchestrator to work again; it says ${last}`,
    RECOVERY_MS,
    async () => {
      const { ret, err, out } = await cluster.rados().mgr({ prefix: list }, { timeoutMs: RECOVERY_MS });
      last = `${out}${err} (${ret})`;
      return (ret === 0 && out.includes(host)) || undefined;
    },
    250,
  );
}

function signal(cluster: Cluster, name: NodeJS.Signals): Trouble {
  return {
    name: `${name} to Node`,
    async begin() {
      for (const pid of nodePids(cluster)) send(pid, name);
    },
  };
}

function restart(cluster: Cluster): Trouble {
  return {
    name: "orchbridge restart",
    async begin() {
      const { ret, err } = await cluster.rados().mgr({ prefix: "orchbridge restart" });
      if (ret !== 0) throw new Error(`orchbridge restart: ${err} (${ret})`);
    },
  };
}

/** Another memory limit takes another process. */
function otherLimit(cluster: Cluster, random: Random): Trouble {
  return {
    name: "another memory limit",
    begin: () => setModuleOption(cluster, "memory_limit", String(LIMIT_MB + random.whole(1, 100))),
  };
}

function setData(cluster: Cluster, more: object): Promise<void> {
  return setModuleOption(cluster, "backend_options", JSON.stringify({ ...data(cluster.release), ...more }));
}
