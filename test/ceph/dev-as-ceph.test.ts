/** `orchbridge dev` beside a real `ceph orch` of Tentacle: the same backend, the same commands, the same words. */
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";

import { root } from "../cli/run.ts";
import { clusterWithModule } from "./cluster-with-module.ts";
import { placeFile } from "./own-backend.ts";

const OPTIONS = { generate: { hosts: 3, devices_per_host: 2, daemons_per_host: 2 }, delays: { effective_ms: 10 } };

interface Said {
  readonly status: number | string;
  readonly stdout: string;
  readonly stderr: string;
}

/** The prompt, driven by JSON lines. */
class Dev {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #lines: AsyncIterator<string>;

  constructor(file: string, options: object) {
    const words = ["dev", file, "--options", JSON.stringify(options), "--json", "--no-watch"];
    this.#child = spawn(process.execPath, [join(root, "src/cli/orchbridge.ts"), ...words]);
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
    onTestFinished(() => void this.#child.kill("SIGKILL"));
  }

  async run(command: string): Promise<Said> {
    this.#child.stdin.write(`${command}\n`);
    for (;;) {
      const { value, done } = await this.#lines.next();
      if (done === true) throw new Error(`dev ended in ${command}`);
      const said = JSON.parse(value) as Partial<Said> & { command?: string };
      if (said.command === command)
        return { status: said.status ?? "?", stdout: said.stdout ?? "", stderr: said.stderr ?? "" };
    }
  }
}

/** The same but for times, the cluster's id, and for the spaces that stand for their length. */
function steady(text: string): string {
  return (
    text
      .trim()
      .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z?/g, "TIME")
      .replaceAll(/\b\d+s\b/g, "0s")
      .replaceAll(/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, "FSID")
      // What the class of that release fills in.
      .replaceAll(/^ +rgw_exit_timeout_secs: .*\n/gm, "")
      .replaceAll(/ +$/gm, "")
      .replaceAll(/ {2,}/g, "  ")
  );
}

const SPECS = `service_type: rgw
service_id: photos
placement:
  hosts: [h1, h2]
spec:
  rgw_frontend_port: 8080
---
service_type: prometheus
placement:
  label: db
`;

const DRIVES = `service_type: osd
service_id: drives
placement:
  host_pattern: 'h[23]'
spec:
  data_devices:
    paths: [/dev/sdb]
`;

/** Commands behind `ceph orch`; a file is what `-i` names. */
const SESSION: readonly (string | { readonly words: string; readonly file: string })[] = [
  "status",
  "status --detail",
  "host ls",
  "host ls --format json",
  "host ls --format yaml",
  "host add db1 10.1.1.9 --labels db,fast",
  "host ls --label db",
  "host ls --host_pattern h[12]",
  "host label add h1 ssd",
  "host label rm h1 ssd",
  "host set-addr h2 10.1.1.22",
  "host ok-to-stop h3",
  "host rescan h1",
  "host rm nosuch",
  "device ls",
  "device ls h1 h2 --wide --summary",
  "device zap h1 /dev/sdb",
  "ls",
  "ps",
  "ps h1 --sort_by status",
  "ps --daemon_type nosuch",
  "ls nosuch",
  "apply mds home --placement=2",
  "apply nfs share 1 --port 2050",
  "apply rgw web --realm r",
  { words: "apply --dry-run", file: SPECS },
  { words: "apply", file: SPECS },
  { words: "apply osd --dry-run", file: DRIVES },
  { words: "apply", file: DRIVES },
  "ls",
  "ls --service_name rgw.photos --export",
  "ps --service_name rgw.photos",
  "daemon add osd h1:/dev/sdb",
  "daemon stop mds",
  "daemon rm osd.0",
  "restart rgw.photos",
  "set-unmanaged rgw.photos",
  "ls rgw",
  "osd rm status",
  "osd rm 0 --force",
  "upgrade status",
  "upgrade ls",
  "upgrade start 20.2.4",
  "rm mon",
  "rm nosuch",
  "rm rgw.photos",
  "tuned-profile ls",
  "pause",
  "status",
  "resume",
  "host maintenance enter h3 --force",
  "host ls --host_status maintenance",
  "host maintenance exit h3",
];

describe("orchbridge dev, beside ceph orch of tentacle", { timeout: 600_000 }, () => {
  const at = clusterWithModule({ release: "tentacle", name: "authors", options: OPTIONS });
  let folder = "";
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "orchbridge-dev-as-ceph-"));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it("says the same, command by command", async () => {
    const dev = new Dev("memory", OPTIONS);
    const different: object[] = [];
    for (const command of SESSION) {
      const { words, file } = typeof command === "string" ? { words: command, file: undefined } : command;
      const input = join(folder, "input.yaml");
      if (file !== undefined) writeFileSync(input, file);
      const ours = await dev.run(file === undefined ? words : `${words} -i ${input}`);
      const theirs = await at().ceph(`orch ${words}`, file === undefined ? {} : { input: file });
      const [mine, real] = [ours.stdout + ours.stderr, theirs.stdout + theirs.stderr].map(steady);
      if (mine !== real || (ours.status === 0) !== (theirs.code === 0)) different.push({ words, mine, real });
      await dev.run("wait");
      await at().readUntil(
        "no operation to be under way",
        "orchbridge op ls",
        {},
        (rows) => (rows as unknown[]).length === 0,
      );
    }
    expect(different).toEqual([]);
  });

  it("shows what a lone file will answer in the manager: the tutorial's, as it is", async () => {
    const page = readFileSync(join(root, "docs/write-a-backend.md"), "utf8");
    const text = /<!-- file: racks\/racks\.ts -->\n```ts\n(.*?)```/s.exec(page)?.[1] ?? "";
    const file = join(folder, "racks.ts");
    writeFileSync(file, text);
    const options = { hosts: ["r1"] };
    await at().reset(options, placeFile(at(), "racks.ts", text));
    const dev = new Dev(file, options);
    for (const words of [
      "host ls",
      "host add r2 10.0.0.2 --labels ssd",
      "host ls",
      "device ls r1",
      "host rescan r1",
      "host rm r1",
      "ps",
    ]) {
      const ours = await dev.run(words);
      const { stdout, stderr } = await at().ceph(`orch ${words}`);
      expect(steady(ours.stdout + ours.stderr), words).toBe(steady(stdout + stderr));
    }
  });
});
