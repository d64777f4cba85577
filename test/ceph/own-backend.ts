/** Backends of the tests' own, in a real mgr. */
import { appendFileSync, chmodSync, copyFileSync, existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";

import type { ClusterWithModule } from "./cluster-with-module.ts";

const fixtures = join(import.meta.dirname, "../fixtures/backends");

/** Sets an option of the module. */
export async function setOption(at: ClusterWithModule, name: string, value: string): Promise<void> {
  const answer = await at.cluster
    .rados()
    .mon({ prefix: "config set", who: "mgr", name: `mgr/orchbridge/${name}`, value });
  expect(answer, `${name} = ${value}`).toMatchObject({ ret: 0 });
}

export async function unsetOption(at: ClusterWithModule, name: string): Promise<void> {
  const answer = await at.cluster.rados().mon({ prefix: "config rm", who: "mgr", name: `mgr/orchbridge/${name}` });
  expect(answer, name).toMatchObject({ ret: 0 });
}

/** Copies `NAME.ts` of the fixtures to where the mgr sees it; gives its path there. */
export function placeBackend(at: ClusterWithModule, name: string): string {
  const file = join(at.cluster.folder("backends"), `${name}.ts`);
  copyFileSync(join(fixtures, `${name}.ts`), file);
  chmodSync(file, 0o644);
  return at.cluster.pathInRoot(file);
}

/** Points the module at a backend of the fixtures, as an operator does at a file of their own, and waits until it is in use. */
export async function useBackend(at: ClusterWithModule, name: string, options: object = {}): Promise<void> {
  await setOption(at, "backend", placeBackend(at, name));
  await setOption(at, "backend_options", JSON.stringify(options));
  await at.readUntil(`${name} to be in use`, "orchbridge status", {}, (status) => inUse(status) === name);
}

function inUse(status: unknown): string | null {
  const { backend, bridge } = status as { backend: { available: boolean }; bridge: { backend: string | null } | null };
  return backend.available ? (bridge?.backend ?? null) : null;
}

/** The test's side of the backend `recorder`. */
export class Recorder {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** What it has written down since the last `forget`. */
  entries(): Record<string, unknown>[] {
    const journal = join(this.#folder, "journal");
    if (!existsSync(journal)) return [];
    const lines = readFileSync(journal, "utf8").split("\n").slice(0, -1);
    return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  }

  /** How often a method was run. */
  runs(method: string): number {
    return this.entries().filter(({ run }) => run === method).length;
  }

  forget(): void {
    rmSync(join(this.#folder, "journal"), { force: true });
    for (const what of ["reads", "writes", "effects"] as const) this.release(what);
  }

  hold(what: "reads" | "writes" | "effects"): void {
    appendFileSync(join(this.#folder, `hold-${what}`), "");
  }

  release(what: "reads" | "writes" | "effects"): void {
    rmSync(join(this.#folder, `hold-${what}`), { force: true });
  }
}

export async function useRecorder(at: ClusterWithModule): Promise<Recorder> {
  const folder = at.cluster.folder("recorder");
  await useBackend(at, "recorder", { folder: at.cluster.pathInRoot(folder) });
  return new Recorder(folder);
}

/** A file in the cluster's own folder; gives its path as the mgr sees it. */
export function placeFile(at: ClusterWithModule, name: string, text: string, mode = 0o644): string {
  const file = join(at.cluster.folder("backends"), name);
  writeFileSync(file, text);
  chmodSync(file, mode);
  return at.cluster.pathInRoot(file);
}
