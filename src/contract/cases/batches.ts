/** Many calls at once: order, each its own answer, and the same result however they are cut into batches. */
import { deepEqual, equal, ok } from "node:assert/strict";
import { type GenericSpec, type HostSpec, type InventoryHost, serviceName } from "../../index.ts";
import type { Bench } from "../bench.ts";
import { Refused } from "../bench.ts";
import { type Case, Skip } from "../case.ts";
import { type ClassicCall, classicOutline, type Outcome, wait } from "../classic.ts";
import { Random } from "../random.ts";
import { described, NOBODY, newHost, newService } from "../sample.ts";
import { outlineOf } from "../state.ts";

const SEED = 20_261_122;
const SEQUENCES = 6;
const LONGEST = 8;
/** Where every write takes seconds, so many more of them find nothing more. */
const SLOW_MS = 15_000;

function sampleHost(bench: Bench, nth: number): HostSpec {
  const host = newHost(bench, nth);
  if (host === undefined) throw new Skip(`samples.newHosts has fewer than ${nth + 1} hosts`);
  return host;
}

async function hostNames(bench: Bench): Promise<string[]> {
  return (await bench.read<HostSpec[]>("getHosts")).map(({ hostname }) => hostname);
}

async function apply(bench: Bench, specs: readonly GenericSpec[], how: object = {}): Promise<string[]> {
  const answered = await bench.call("orchestrator/apply", { specs, ...how }, { writes: specs.length });
  answered.leave();
  await bench.settled(answered.operations);
  return answered.value as string[];
}

function asHost(host: HostSpec): GenericSpec {
  return { ...host, service_type: "host" };
}

function valueOf(outcome: Outcome | undefined): unknown {
  if (outcome !== undefined && "value" in outcome) return outcome.value;
  throw new Error(`a call of the batch failed: ${outcome?.error.message ?? "it was not answered"}`);
}

/** The same calls in one batch, one by one, and cut at random, each in a world of its own; then compares. */
async function sameHoweverCut<Call, Result>(
  bench: Bench,
  sequences: (random: Random) => readonly Call[],
  run: (world: Bench, batches: readonly (readonly Call[])[]) => Promise<Result>,
  dialect: "modern" | "classic",
): Promise<void> {
  const count = bench.facts.settlesWithin > SLOW_MS ? 1 : SEQUENCES;
  for (let nth = 0; nth < count; nth++) {
    const random = new Random(SEED + nth);
    const calls = sequences(random);
    const ways = [[calls], calls.map((call) => [call]), random.split(calls)];
    const results: Result[] = [];
    for (const batches of ways) {
      const world = await bench.another(dialect);
      try {
        results.push(await run(world, batches));
      } finally {
        await world.end();
      }
    }
    for (const [way, result] of results.entries()) {
      deepEqual(
        result,
        results[0],
        `${JSON.stringify(ways[way])} came to something else than ${JSON.stringify(ways[0])}`,
      );
    }
  }
}

function sequence<Call>(random: Random, make: () => Call): Call[] {
  return Array.from({ length: 2 + random.below(LONGEST - 1) }, make);
}

const ORDER: readonly Case[] = [
  {
    name: "a host that is added and removed in one batch is gone, and one added behind it is there",
    source: "wait([…]): a write starts when the one before it is persistent",
    needs: ["addHost", "removeHost", "getHosts"],
    dialect: "classic",
    async run(bench) {
      const [first, second] = [sampleHost(bench, 0).hostname, sampleHost(bench, 1).hostname];
      const outcomes = await wait(bench, [
        { method: "add_host", params: { host: first } },
        { method: "remove_host", params: { host: first } },
        { method: "add_host", params: { host: second } },
      ]);
      outcomes.filter((_, index) => index !== 1).forEach(valueOf);
      const removed = outcomes[1];
      // Where daemons are there at once, the host may not go; not because it was not there yet.
      if (removed !== undefined && "error" in removed)
        return ok(removed.error.data.type !== "NotFoundError", removed.error.message);
      const [hosts] = await wait(bench, [{ method: "get_hosts", params: {} }]);
      const names = (valueOf(hosts) as { name: string }[]).map(({ name }) => name);
      ok(!names.includes(first), `${first} was removed last and is still listed`);
      ok(names.includes(second), `${second} was added last and is not listed`);
    },
  },
  {
    name: "each call of a batch gets its own answer",
    source: "wait([…]): every completion gets its result, whatever the others come to",
    needs: ["addHost", "removeHost", "getHosts", "getInventory"],
    dialect: "classic",
    async run(bench) {
      const hosts = [0, 1, 2].map((nth) => sampleHost(bench, nth).hostname);
      const outcomes = await wait(bench, [
        { method: "get_hosts", params: {} },
        ...hosts.map((host) => ({ method: "add_host", params: { host } })),
        { method: "remove_host", params: { host: NOBODY } },
        { method: "get_inventory", params: {} },
        { method: "get_hosts", params: {} },
      ]);
      equal(outcomes.length, 7);
      const names = (valueOf(outcomes[0]) as { name: string }[]).map(({ name }) => name);
      for (const [index, host] of hosts.entries()) {
        ok(
          String(valueOf(outcomes[index + 1])).includes(host),
          `the answer to add_host ${host} is about something else`,
        );
        ok(!names.includes(host) || names.length > 0);
      }
      const refused = outcomes[4];
      ok(refused !== undefined && "error" in refused, `remove_host ${NOBODY} succeeded`);
      ok(refused.error.message.includes(NOBODY), refused.error.message);
      const inventory = valueOf(outcomes[5]) as InventoryHost[];
      ok(
        inventory.every(({ devices }) => Array.isArray(devices)),
        "the answer to get_inventory is about something else",
      );
      ok(Array.isArray(valueOf(outcomes[6])));
    },
  },
  {
    name: "a hundred calls in one batch are all answered",
    source: "the dashboard and scripts wait for many completions at once; one that is left is an error at its deadline",
    needs: ["getHosts", "addHost"],
    dialect: "classic",
    async run(bench) {
      const calls = Array.from({ length: 100 }, (_, nth) => {
        const host = newHost(bench, nth)?.hostname;
        return host === undefined ? { method: "get_hosts", params: {} } : { method: "add_host", params: { host } };
      });
      (await wait(bench, calls)).forEach(valueOf);
    },
  },
  {
    name: "the last of two specs of one service is the one that counts",
    source: "Orchestrator.apply: specs are applied in their order",
    needs: ["applyService", "describeService"],
    async run(bench) {
      const spec = await newService(bench);
      await apply(bench, [{ ...spec, unmanaged: true }, spec]);
      equal((await described(bench, serviceName(spec)))?.unmanaged ?? false, false, "the first spec counts");
      await apply(bench, [spec, { ...spec, unmanaged: true }]);
      equal((await described(bench, serviceName(spec)))?.unmanaged, true, "the first spec counts");
    },
  },
  {
    name: "a service can be applied together with the host it goes to",
    source: "`ceph orch apply -i FILE`: hosts and services in one file, in their order",
    needs: ["applyService", "addHost", "listDaemons"],
    async run(bench) {
      const host = sampleHost(bench, 0);
      const spec = { ...(await newService(bench)), placement: { hosts: [host.hostname] } };
      const texts = await apply(bench, [asHost(host), spec]);
      ok(texts[0]?.includes(host.hostname) && texts[1]?.includes(serviceName(spec)), `answers: ${texts.join("; ")}`);
      const daemons = await bench.read<{ hostname?: string }[]>("listDaemons", { service_name: serviceName(spec) });
      deepEqual([...new Set(daemons.map(({ hostname }) => hostname))], [host.hostname]);
    },
  },
  {
    name: "an apply stops at the first spec that is refused, and what stood before it is done",
    source: "Orchestrator.apply: raises at the first error; with continue_on_error (20.2) it tells each",
    needs: ["applyService", "addHost", "getHosts"],
    async run(bench) {
      const [first, second] = [sampleHost(bench, 0), sampleHost(bench, 1)];
      const wrong = { ...(await newService(bench)), placement: { hosts: [NOBODY] } };
      const specs = [asHost(first), wrong, asHost(second)];
      const error = await apply(bench, specs).catch((reason: unknown) => reason);
      ok(error instanceof Refused && error.message.includes(NOBODY), `apply came to ${String(error)}`);
      ok((await hostNames(bench)).includes(first.hostname), "the spec before the refused one was not applied");
      ok(!(await hostNames(bench)).includes(second.hostname), "the spec behind the refused one was applied");
      const texts = await apply(bench, specs, { continue_on_error: true });
      equal(texts.length, 3);
      ok(texts[1]?.includes(NOBODY), `the refused spec is told as ${texts[1]}`);
      ok((await hostNames(bench)).includes(second.hostname), "continue_on_error stopped at the error");
    },
  },
];

const CUTS: readonly Case[] = [
  {
    name: "specs applied in calls of any size come to the same",
    source: "Orchestrator.apply(specs): one file or many",
    needs: ["applyService", "addHost", "getHosts"],
    async run(bench) {
      const service = await newService(bench);
      const services = ["a", "b"].map((id) => ({
        ...service,
        service_id: id,
        service_name: `${service.service_type}.${id}`,
      }));
      const own = bench.facts.samples.service !== undefined;
      const hosts = [0, 1, 2].map((nth) => asHost(sampleHost(bench, nth)));
      const placements = (await hostNames(bench)).map((host) => ({ hosts: [host] }));
      const specs = (random: Random): GenericSpec[] =>
        sequence(random, (): GenericSpec => {
          if (random.below(2) === 0) return random.pick(hosts);
          if (own || placements.length === 0) return service;
          // The world that they come to has to depend on the last spec of each service alone.
          return { ...random.pick(services), placement: random.pick(placements) };
        });
      await sameHoweverCut(
        bench,
        specs,
        async (world, batches) => {
          const texts: string[] = [];
          for (const batch of batches) texts.push(...(await apply(world, batch)));
          return { texts, world: await outlineOf(world) };
        },
        "modern",
      );
    },
  },
  {
    name: "completions about hosts, waited for in batches of any size, come to the same",
    source: "Orchestrator.wait: one completion or many",
    needs: ["addHost", "removeHost", "getHosts"],
    async run(bench) {
      const hosts = [...[0, 1].map((nth) => sampleHost(bench, nth).hostname), NOBODY];
      await bench.write("addHost", { host_spec: sampleHost(bench, 0) });
      const daemons = bench.has("listDaemons") ? await bench.read<object[]>("listDaemons", { host: hosts[0] }) : [];
      // A host that daemons come to by themselves can be removed or not, depending on how far they are.
      const removable = daemons.length === 0 ? hosts : [NOBODY];
      const calls = (random: Random): ClassicCall[] =>
        sequence(random, (): ClassicCall => {
          const kind = random.below(5);
          if (kind === 0) return { method: "get_hosts", params: {} };
          if (kind <= 2) return { method: "add_host", params: { host: random.pick(hosts.slice(0, 2)) } };
          return { method: "remove_host", params: { host: random.pick(removable) } };
        });
      const run = async (world: Bench, batches: readonly (readonly ClassicCall[])[]): Promise<unknown> => {
        const told: unknown[] = [];
        for (const batch of batches) {
          const outcomes = await wait(world, batch);
          // Reads start at once, before or behind the writes beside them.
          told.push(...outcomes.filter((_, index) => batch[index]?.method !== "get_hosts"));
        }
        return { told, world: await classicOutline(world) };
      };
      await sameHoweverCut(bench, calls, run, "classic");
    },
  },
  {
    name: "completions about services, waited for in batches of any size, come to the same",
    source: "Orchestrator.add_stateless_service, update_stateless_service, remove_stateless_service",
    needs: ["applyService", "removeService", "listDaemons"],
    async run(bench) {
      const { service_type: type, service_id: id = "contract" } = await newService(bench);
      if (!["mds", "rgw", "nfs", "iscsi"].includes(type)) throw new Skip(`${type} is no stateless service`);
      const calls = (random: Random): ClassicCall[] =>
        sequence(random, (): ClassicCall => {
          const name = bench.facts.samples.service === undefined ? `${id}-${random.below(2)}` : id;
          const spec = { name, count: 1 };
          const kind = random.below(5);
          if (kind === 0) return { method: "remove_stateless_service", params: { service_type: type, id_: name } };
          if (kind === 1) return { method: "update_stateless_service", params: { service_type: type, spec } };
          if (kind === 2) return { method: "describe_service", params: { service_type: type } };
          return { method: "add_stateless_service", params: { service_type: type, spec } };
        });
      const run = async (world: Bench, batches: readonly (readonly ClassicCall[])[]): Promise<unknown> => {
        const told: unknown[] = [];
        for (const batch of batches) {
          const outcomes = await wait(world, batch);
          // A service that is just going may be removed once more, or be told to be gone.
          told.push(...outcomes.filter((_, index) => /^(add|update)/.test(batch[index]?.method ?? "")));
        }
        return { told, world: await classicOutline(world) };
      };
      await sameHoweverCut(bench, calls, run, "classic");
    },
  },
];

export const BATCH_CASES: readonly Case[] = [...ORDER, ...CUTS];
