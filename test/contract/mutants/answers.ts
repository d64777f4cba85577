/** Faults of what is answered: reads, errors, texts, dry runs. */
import { NotFoundError, type ServiceSpec, UnavailableError, type WriteCall } from "../../../src/index.ts";
import { type Mutant, replacing } from "./mutant.ts";

const READS: readonly Mutant[] = [
  {
    name: "an answer has the wrong shape",
    change: replacing(
      "getHosts",
      (get) => async (params, call) => (await get(params, call)).map(({ hostname }) => hostname) as never,
    ),
    caughtBy: ["getHosts answers what its schema allows"],
  },
  {
    name: "an answer has a field that the schema does not know",
    change: replacing(
      "getHosts",
      (get) => async (params, call) => (await get(params, call)).map((host) => ({ ...host, rack: "r1" })),
    ),
    caughtBy: ["getHosts answers what its schema allows"],
  },
  {
    name: "the first answer is given for good",
    change: replacing("listDaemons", (list) => {
      let kept: ReturnType<typeof list> | undefined;
      return (params, call) => (kept ??= list(params, call));
    }),
    caughtBy: ["applyService says what it did"],
  },
  {
    name: "a read lags behind what is effective",
    change: replacing("getHosts", (get) => {
      let before: ReturnType<typeof get> = [];
      return (params, call) => {
        const answer = before;
        before = get(params, call);
        return answer;
      };
    }),
    caughtBy: ["addHost says what it did"],
  },
  {
    name: "a filtered answer is kept for all",
    change: replacing("getInventory", (get) => {
      let kept: Awaited<ReturnType<typeof get>> | undefined;
      return async (params, call) => {
        const names = params.host_filter?.hosts;
        const hosts = await get(params, call);
        kept ??= names == null ? hosts : hosts.filter(({ name }) => names.includes(name));
        return kept;
      };
    }),
    caughtBy: ["a whole list is whole", "a change is seen by the filtered reads too"],
  },
  {
    name: "a filter by hosts gives the first one only",
    change: replacing("getInventory", (get) => async (params, call) => {
      const [first] = params.host_filter?.hosts ?? [];
      return (await get(params, call)).filter(({ name }) => first === undefined || name === first);
    }),
    caughtBy: ["getInventory filtered by hosts"],
  },
  {
    name: "a filter by labels wants all of them",
    change: replacing("getInventory", (get) => async (params, call) => {
      const labels = params.host_filter?.labels ?? [];
      return (await get(params, call)).filter((host) => labels.every((label) => host.labels?.includes(label)));
    }),
    caughtBy: ["getInventory filtered by labels"],
  },
  {
    name: "a filter by type compares the service's name",
    change: replacing(
      "describeService",
      (describe) => async (params, call) =>
        (await describe(params, call)).filter(
          ({ service_name: name }) => params.service_type === null || name === params.service_type,
        ),
    ),
    caughtBy: ["describeService filtered by type and name"],
  },
  {
    name: "facts of one host are those of the first",
    change: replacing("getFacts", (get) => async (_params, call) => (await get({ hostname: null }, call)).slice(1)),
    caughtBy: ["getFacts of one host"],
  },
  {
    name: "a daemon is listed twice",
    change: replacing("listDaemons", (list) => async (params, call) => {
      const daemons = await list(params, call);
      return [...daemons, ...daemons.slice(0, 1)];
    }),
    caughtBy: ["listDaemons lists every daemon once"],
  },
  {
    name: "a daemon is on a host that is not listed",
    change: replacing(
      "listDaemons",
      (list) => async (params, call) =>
        (await list(params, call)).map((daemon, index) =>
          index === 0 ? { ...daemon, hostname: `${daemon.hostname}.example` } : daemon,
        ),
    ),
    caughtBy: ["getHosts lists every host once"],
  },
  {
    name: "a daemon has no state",
    change: replacing(
      "listDaemons",
      (list) => async (params, call) => (await list(params, call)).map(({ status: _status, ...daemon }) => daemon),
    ),
    caughtBy: ["listDaemons lists every daemon once"],
  },
  {
    name: "a daemon's service is not described",
    change: replacing(
      "describeService",
      (describe) => async (params, call) =>
        (await describe(params, call)).filter(({ service_type: type }) => type !== "crash"),
    ),
    caughtBy: ["listDaemons names for each daemon"],
  },
  {
    name: "the running daemons of a service are miscounted",
    change: replacing(
      "describeService",
      (describe) => async (params, call) =>
        (await describe(params, call)).map((service) => ({ ...service, status: { ...service.status, running: 0 } })),
    ),
    caughtBy: ["describeService lists every service once"],
  },
  {
    name: "a read changes something",
    change: replacing("getInventory", (get, backend) => async (params, call) => {
      await backend.addHostLabel?.({ host: "h1", label: `seen-${Date.now()}-${Math.random()}` }, call as WriteCall);
      return get(params, call);
    }),
    caughtBy: ["the reads change nothing"],
  },
  {
    name: "refresh forgets what does not answer at once",
    change: replacing(
      "listDaemons",
      (list) => async (params, call) => (await list(params, call)).slice(params.refresh ? 1 : 0),
    ),
    caughtBy: ["the reads with refresh"],
  },
  {
    name: "a list ends after a hundred rows",
    change: replacing("getHosts", (get) => async (params, call) => (await get(params, call)).slice(0, 100)),
    caughtBy: ["a thousand hosts"],
  },
];

const ERRORS: readonly Mutant[] = [
  {
    name: "an unknown host is a bug",
    change: replacing("addHostLabel", (add) => async (params, call) => {
      try {
        return await add(params, call);
      } catch {
        throw new TypeError("Cannot read properties of undefined (reading 'labels')");
      }
    }),
    caughtBy: ["addHostLabel of an unknown host"],
  },
  {
    name: "an error does not name what is not there",
    change: replacing("removeService", (remove) => (params, call) => {
      try {
        return remove(params, call);
      } catch {
        throw new NotFoundError("not found");
      }
    }),
    caughtBy: ["removeService of an unknown service"],
  },
  {
    name: "an error is of the wrong class",
    change: replacing("serviceAction", (act) => (params, call) => {
      try {
        return act(params, call);
      } catch {
        throw new UnavailableError(`service ${params.service_name} cannot be reached for ${params.action}`);
      }
    }),
    caughtBy: ["serviceAction of an unknown service"],
  },
  {
    name: "an error is swallowed",
    change: replacing("removeHost", (remove) => (params, call) => {
      try {
        return remove(params, call);
      } catch {
        return `Removed host '${params.host}'`;
      }
    }),
    caughtBy: ["removeHost of an unknown host", "removeHost of a host that runs daemons"],
  },
  {
    name: "a refused write is visible",
    change: replacing("applyService", (apply) => async (params, call) => {
      const hosts = params.spec.placement?.hosts;
      if (hosts?.[0]?.startsWith("contract-no-such") === true) {
        await apply({ ...params, spec: { ...params.spec, placement: { host_pattern: "*" } } }, call);
      }
      return apply(params, call);
    }),
    caughtBy: ["applyService of a placement on an unknown host"],
  },
  {
    name: "a refused write has done its first half",
    change: replacing("removeDaemons", (remove) => async (params, call) => {
      const lines: string[] = [];
      for (const name of params.names) lines.push(...((await remove({ names: [name] }, call)) as string[]));
      return lines;
    }),
    caughtBy: ["removeDaemons of an unknown daemon behind a known one"],
  },
  {
    name: "a device that carries an OSD is erased",
    change: replacing("zapDevice", (zap, backend) => async (params, call) => {
      const daemons =
        (await backend.listDaemons?.(
          { service_name: null, daemon_type: null, daemon_id: null, host: null, refresh: false },
          call,
        )) ?? [];
      const osds = daemons.filter(({ daemon_type, hostname }) => daemon_type === "osd" && hostname === params.host);
      await backend.removeDaemons?.({ names: osds.map(({ daemon_id }) => `osd.${daemon_id}`) }, call);
      return zap(params, call);
    }),
    caughtBy: ["zapDevice of a device that carries an OSD"],
  },
  {
    name: "a device is replaced without confirmation",
    change: replacing(
      "replaceDevice",
      (replace) => (params, call) => replace({ ...params, yes_i_really_mean_it: true }, call),
    ),
    caughtBy: ["replaceDevice of a device, without"],
  },
  {
    name: "a host that runs daemons is removed without force",
    change: replacing("removeHost", (remove) => (params, call) => remove({ ...params, force: true }, call)),
    caughtBy: ["removeHost of a host that runs daemons"],
  },
];

const ANSWERS: readonly Mutant[] = [
  {
    name: "an answer is empty",
    change: replacing("updateHostAddr", (update) => async (params, call) => (await update(params, call), "")),
    caughtBy: ["updateHostAddr says what it did"],
  },
  {
    name: "an answer does not name the host",
    change: replacing("addHost", (add) => async (params, call) => {
      await add(params, {
        ...call,
        persisted: (_result, effective) => call.persisted("Added the host", effective) as never,
      });
      return "Added the host";
    }),
    caughtBy: ["addHost says what it did"],
  },
  {
    name: "plan applies",
    change: replacing("plan", (plan, backend) => async (params, call) => {
      const rows = await plan(params, call);
      for (const spec of params.spec as ServiceSpec[]) {
        await backend.applyService?.(
          { spec, no_overwrite: false },
          { ...call, resumed: false, persisted: () => "" as never },
        );
      }
      return rows;
    }),
    caughtBy: ["plan changes nothing", "plan and preview of a drive group"],
  },
  {
    name: "plan names other hosts",
    change: replacing(
      "plan",
      (plan) => async (params, call) =>
        (await plan(params, call)).map((row) =>
          row.add === undefined ? row : { ...row, add: row.add.map(() => "h1") },
        ),
    ),
    caughtBy: ["plan changes nothing and tells what apply then does"],
  },
  {
    name: "no_overwrite is ignored",
    change: replacing("applyService", (apply) => (params, call) => apply({ ...params, no_overwrite: false }, call)),
    caughtBy: ["applyService with no_overwrite"],
  },
];

export const ANSWER_MUTANTS: readonly Mutant[] = [...READS, ...ERRORS, ...ANSWERS];
