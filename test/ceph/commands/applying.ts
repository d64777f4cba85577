/** `ceph orch apply` of every service type, from the command line, from files, and as a dry run. */
import { describe, expect, it } from "vitest";

import { commandOf, everyType, madeByFile, type ServiceType, serviceTypes } from "./service-types.ts";
import { type At, beginningWith, itSince, type ModernRelease, START } from "./start.ts";

interface SpecRow {
  readonly service_name: string;
  readonly service_type: string;
}

const scheduled = (names: readonly string[]): string[] => names.map((name) => `Scheduled ${name} update...`);
/** Ceph joins the answers of a file's specs by newlines. */
const lines = (text: string): string[] =>
  text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "");

export function applyCommands(at: At, release: ModernRelease): void {
  const specs = (): Promise<SpecRow[]> => at().json("orch ls --export");
  const spec = async (name: string): Promise<SpecRow | undefined> => {
    const rows = await at().read<SpecRow[]>("orch ls", { export: true });
    return rows.find(({ service_name: candidate }) => candidate === name);
  };
  /** All that an apply could have changed, without the times. */
  const state = async (): Promise<unknown> => [
    await at().ok("orch ls --export"),
    await at().read("orch host ls"),
    (await at().read<{ daemon_name: string }[]>("orch ps")).map(({ daemon_name: name }) => name),
  ];

  describe("apply from the command line", () => {
    beginningWith(at, release, START);
    const types = serviceTypes(release).filter((type) => commandOf(type, release) !== undefined);

    it.each(types)("takes $type", async (type) => {
      const made = type.made ?? [commandName(type, release)];
      const options = type.input === undefined ? {} : { input: type.input };
      const said = await at().ok(`orch apply ${commandOf(type, release)}`, options);
      expect(lines(said).sort()).toEqual(scheduled(made).sort());
      for (const name of made) expect(await spec(name), name).toBeDefined();
      if (type.shows !== undefined) expect(await spec(made[0] ?? "")).toMatchObject(type.shows);
    });
  });

  describe("apply from a file", () => {
    const { types, yaml } = everyType(release);
    beginningWith(at, release, START);

    it("with a spec of every type changes nothing as a dry run, and says what it would do", async () => {
      const before = await state();
      const said = await at().ok("orch apply --dry-run", { input: yaml });
      expect(said).toMatch(/\|alertmanager +\|alertmanager +\|h1 /);
      expect(said).toMatch(/\|osd +\|flash +\|h2 +\|\/dev\/sde /);
      const rows = await at().json<SpecRow[]>("orch apply --dry-run", { input: yaml });
      expect(rows.find(({ service_type: type }) => type === "mds")).toEqual({
        service_type: "mds",
        service_name: "mds.fs1",
        add: ["h1"],
        remove: [],
      });
      expect(await state()).toEqual(before);
    });

    it("with a spec of every type applies them all", async () => {
      const said = await at().ok("orch apply", { input: yaml });
      expect(lines(said)).toEqual(scheduled(types.flatMap(madeByFile)));
      const rows = await specs();
      expect(rows.map(({ service_name: name }) => name).sort()).toEqual(types.flatMap(madeByFile).sort());
      for (const type of types) {
        const [name = ""] = madeByFile(type);
        const row = rows.find(({ service_name: candidate }) => candidate === name);
        expect(row, name).toMatchObject({ service_type: type.type, ...type.fileShows });
      }
    });

    it("that `orch ls --export` printed makes no difference", async () => {
      const exported = await at().ok("orch ls --export");
      const before = await state();
      const said = await at().ok("orch apply", { input: exported });
      expect(lines(said)).toHaveLength(types.length);
      expect(await state()).toEqual(before);
    });

    itSince("reef", release)("takes jaeger-tracing for the services that it stands for", async () => {
      const [type] = serviceTypes(release).filter((candidate) => candidate.type === "jaeger-tracing");
      const said = await at().ok("orch apply", { input: `service_type: jaeger-tracing\n${type?.yaml}` });
      expect(lines(said).sort()).toEqual(scheduled(type?.fileMakes ?? []).sort());
      expect(await spec("jaeger-query")).toMatchObject(type?.fileShows ?? {});
    });

    itSince("tentacle", release)("goes on after a spec that cannot be applied, when it is told to", async () => {
      const input = [
        "service_type: rgw\nservice_id: a\nplacement:\n  hosts:\n  - h9\n",
        "service_type: mds\nservice_id: fs8\nplacement:\n  hosts:\n  - h1\n",
      ].join("---\n");
      const said = await at().ok("orch apply --continue_on_error", { input });
      expect(lines(said)).toEqual([
        "Failed to apply rgw.a: cannot place rgw.a on h9: unknown hosts",
        "Scheduled mds.fs8 update...",
      ]);
      expect(await spec("rgw.a")).toBeUndefined();
      expect(await spec("mds.fs8")).toBeDefined();
    });

    it("takes hosts beside services, in the order of the file", async () => {
      const input = [
        "service_type: host\nhostname: h7\naddr: 10.1.1.7\nlabels:\n- new\n",
        "service_type: mds\nservice_id: fs7\nplacement:\n  hosts:\n  - h7\n",
      ].join("---\n");
      expect(lines(await at().ok("orch apply --dry-run", { input })).join("\n")).not.toContain("Added host");
      expect((await at().ok("orch host ls")).includes("h7")).toBe(false);
      const said = await at().ok("orch apply", { input });
      expect(lines(said)).toEqual(["Added host 'h7' with addr '10.1.1.7'", "Scheduled mds.fs7 update..."]);
      const daemons = (rows: { hostname: string }[]): boolean => rows.some(({ hostname }) => hostname === "h7");
      await at().readUntil("mds.fs7 to run on h7", "orch ps", { service_name: "mds.fs7" }, daemons);
    });
  });

  describe("apply as a dry run", () => {
    beginningWith(at, release, {
      ...START,
      services: [{ service_type: "mds", service_id: "fs1", placement: { hosts: ["h1"] } }],
    });

    it("of one service says which daemons come and go, as a table and in JSON, and changes nothing", async () => {
      const before = await state();
      const table = await at().ok("orch apply mds fs1 --placement=h2 --dry-run");
      expect(table).toMatch(/\|mds +\|mds\.fs1 +\|h2 +\|mds\.fs1\.h1\.\w+ /);
      expect(await at().json("orch apply mds fs1 --placement=h2 --dry-run")).toContainEqual({
        service_type: "mds",
        service_name: "mds.fs1",
        add: ["h2"],
        remove: [expect.stringMatching(/^mds\.fs1\.h1\./)],
      });
      await at().ok("orch apply prometheus --dry-run");
      expect(await state()).toEqual(before);
    });
  });
}

/** The service that a command for a type without names, or of one release, makes. */
function commandName({ type }: ServiceType, release: ModernRelease): string {
  if (type !== "nvmeof") return type;
  return release === "reef" ? "nvmeof.pool1" : "nvmeof.pool1.g1";
}
