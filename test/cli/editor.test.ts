/** What an author's editor shows: asked of the compiler's language server, as editors do, in the project that `new` makes. */

import { type ChildProcessByStdio, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable, Writable } from "node:stream";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { makeRepository } from "../../src/cli/new.ts";
import { FrameParser, frame } from "../../src/rpc/frame.ts";
import { PackedPackage, tsc } from "./packed-package.ts";
import { root } from "./run.ts";
import { changedBackend, tutorial } from "./tutorial.ts";

const SOON_MS = 120_000;

const answerShape = z.object({ id: z.number(), result: z.unknown() });
const questionShape = z.object({ id: z.union([z.number(), z.string()]), method: z.string() });
const hoverShape = z.object({ contents: z.object({ value: z.string() }) });
const completionShape = z.object({ items: z.array(z.looseObject({ label: z.string() })) });
const resolvedShape = z.object({ documentation: z.object({ value: z.string() }) });

/** The language server, with one open file. */
class Editor {
  readonly #server: ChildProcessByStdio<Writable, Readable, null>;
  readonly #parser = new FrameParser({ header: 4096, body: 1 << 28 });
  readonly #waiting = new Map<number, (result: unknown) => void>();
  readonly #uri: string;
  readonly #text: string;
  #lastId = 0;

  constructor(file: string, text: string) {
    this.#uri = pathToFileURL(file).href;
    this.#text = text;
    const compiler = join(root, "node_modules/typescript/bin/tsc");
    this.#server = spawn(process.execPath, [compiler, "--lsp", "--stdio"], { stdio: ["pipe", "pipe", "ignore"] });
    this.#server.stdout.on("data", (chunk: Buffer) => {
      for (const body of this.#parser.push(chunk)) this.#take(JSON.parse(body.toString("utf8")));
    });
  }

  async open(folder: string): Promise<void> {
    const completion = { completionItem: { documentationFormat: ["markdown"], resolveSupport: { properties: [] } } };
    const capabilities = { textDocument: { hover: { contentFormat: ["markdown"] }, completion } };
    await this.#ask("initialize", { processId: process.pid, rootUri: pathToFileURL(folder).href, capabilities });
    this.#send({ method: "initialized", params: {} });
    const textDocument = { uri: this.#uri, languageId: "typescript", version: 1, text: this.#text };
    this.#send({ method: "textDocument/didOpen", params: { textDocument } });
  }

  /** What stands beside the first such word behind `after`. */
  async hover(word: string, after = ""): Promise<string> {
    return hoverShape.parse(await this.#ask("textDocument/hover", this.#at(word, after, 1))).contents.value;
  }

  /** The documentation of what is offered under that name where such a word ends. */
  async completion(word: string, offered: string): Promise<string> {
    const answer = await this.#ask("textDocument/completion", this.#at(word, "", word.length));
    const item = completionShape.parse(answer).items.find(({ label }) => label.replace(/\?$/, "") === offered);
    expect(item, `${offered} is offered`).toBeDefined();
    return resolvedShape.parse(await this.#ask("completionItem/resolve", item ?? {})).documentation.value;
  }

  close(): void {
    this.#server.kill("SIGKILL");
  }

  #at(word: string, after: string, by: number): object {
    const start = this.#text.indexOf(word, this.#text.indexOf(after));
    expect(start, word).toBeGreaterThanOrEqual(0);
    const before = this.#text.slice(0, start + by).split("\n");
    const position = { line: before.length - 1, character: before.at(-1)?.length };
    return { textDocument: { uri: this.#uri }, position };
  }

  #ask(method: string, params: object): Promise<unknown> {
    const id = ++this.#lastId;
    const { promise, resolve } = Promise.withResolvers<unknown>();
    this.#waiting.set(id, resolve);
    this.#send({ id, method, params });
    return promise;
  }

  #take(message: unknown): void {
    const question = questionShape.safeParse(message);
    if (question.success) return this.#send({ id: question.data.id, result: null });
    const answer = answerShape.safeParse(message);
    if (answer.success) this.#waiting.get(answer.data.id)?.(answer.data.result);
  }

  #send(message: object): void {
    const body = JSON.stringify({ jsonrpc: "2.0", ...message });
    this.#server.stdin.write(frame(body, Buffer.byteLength(body)));
  }
}

describe("an author's editor", { timeout: SOON_MS }, () => {
  const folder = mkdtempSync(join(tmpdir(), "orchbridge-editor-"));
  const project = join(folder, "racks");
  let packed: PackedPackage;
  let editor: Editor;

  beforeAll(async () => {
    packed = new PackedPackage();
    makeRepository("racks", project);
    packed.installInto(project);
    // As it is being typed.
    const text = changedBackend(tutorial).replace("async rescanHost(", "getFac\n      async rescanHost(");
    editor = new Editor(join(project, "racks.ts"), text);
    await editor.open(project);
  }, 300_000);
  afterAll(() => {
    editor.close();
    packed.remove();
    rmSync(folder, { recursive: true, force: true });
  });

  it("tells of a method what Ceph's interface says of it", async () => {
    expect(await editor.hover("getInventory")).toContain("Mirrors `Orchestrator.get_inventory`");
    expect(await editor.hover("removeHost")).toContain("Removes a host.");
  });

  it("tells of a field what the schema says of it", async () => {
    expect(await editor.hover("host_spec", "addHost")).toContain("HostSpec\n```\nThe host.");
    expect(await editor.hover("hostname", "host_spec.")).toMatch(/HostSpec\.hostname: string\n```\n\w+ \w+/);
    expect(await editor.hover("hostname", "rescanHost")).toMatch(/hostname: string\n```\n\w+ \w+/);
  });

  it("tells of the bridge's own words what they do", async () => {
    expect(await editor.hover("persisted")).toContain("The write has reached the orchestrator's durable state");
    expect(await editor.hover("progress", "operation.")).toContain("Shows in `ceph -s` as a progress event");
    expect(await editor.hover("defineBackend", "export default")).toMatch(/\n```\n\w+ \w+ \w+/);
  });

  it("offers the methods that can be added, with their descriptions", async () => {
    expect(await editor.completion("getFac", "getFacts")).toContain("Mirrors `Orchestrator.get_facts`");
  });

  it.each(["NodeNext", "bundler"])("resolves the types in a project with moduleResolution %s", (resolution) => {
    const module = resolution === "bundler" ? "ESNext" : resolution;
    const name = `tsconfig.${resolution}.json`;
    const compilerOptions = { module, moduleResolution: resolution, skipLibCheck: false, types: ["node"] };
    writeFileSync(join(project, name), JSON.stringify({ extends: "./tsconfig.json", compilerOptions }));
    tsc(project, "-p", name);
  });
});
