/** `orchbridge dev`: a prompt with the commands of `ceph orch` over a backend that is loaded again at every save. */

import { createInterface, type Interface } from "node:readline";
import { AuthorLog, strayException } from "./dev/author-log.ts";
import { readJson } from "./dev/given-options.ts";
import { OperationsInFlight } from "./dev/in-flight.ts";
import { jsonOutput, type Output, plainOutput, terminalOutput } from "./dev/output.ts";
import { ownWords } from "./dev/own-words.ts";
import { filesOf, reload } from "./dev/reload.ts";
import { Screen } from "./dev/screen.ts";
import { AuthorSession } from "./dev/session.ts";
import { Interruption, Shell } from "./dev/shell.ts";
import { type Trace, traced } from "./dev/trace.ts";
import { devUsage } from "./dev/usage.ts";
import { FileWatch } from "./dev/watch.ts";
import { watchEnding } from "./ending.ts";
import { CommandError } from "./errors.ts";
import { readWords } from "./options.ts";
import { divertPrints, end, ownStdout } from "./own-stdout.ts";

const EXIT_FAILED = 1;
const EXIT_NO_BACKEND = 3;
const PROMPT = "orch> ";

/** Runs the command until its input ends; then the process ends. */
export async function dev(args: string[]): Promise<void> {
  const { options, words } = readWords(
    args,
    {
      options: { type: "string" },
      trace: { type: "boolean" },
      "no-watch": { type: "boolean" },
      json: { type: "boolean" },
    },
    devUsage,
    { words: ["FILE"] },
  );
  divertPrints();
  const prompt = new DevPrompt({
    file: words[0] ?? "",
    options: readJson(options.get("options"), "--options", devUsage) ?? null,
    trace: options.has("trace"),
    watch: !options.has("no-watch"),
    json: options.has("json"),
  });
  end(await prompt.run());
}

interface DevSetup {
  readonly file: string;
  readonly options: NonNullable<ReturnType<typeof readJson>> | null;
  readonly trace: boolean;
  readonly watch: boolean;
  readonly json: boolean;
}

class DevPrompt {
  readonly #setup: DevSetup;
  readonly #interactive: boolean;
  readonly #output: Output;
  readonly #screen: Screen;
  readonly #session: AuthorSession;
  readonly #inFlight: OperationsInFlight;
  readonly #shell: Shell;
  readonly #watch = new FileWatch(() => void this.#reloadAtSave());
  #features: readonly string[] = [];
  /** Reloads, one after another. */
  #reloading: Promise<unknown> = Promise.resolve();
  #readline: Interface | undefined;
  #failed = false;

  constructor(setup: DevSetup) {
    this.#setup = setup;
    this.#interactive = process.stdin.isTTY && ownStdout().isTTY && !setup.json;
    this.#screen = new Screen(ownStdout(), () => this.#inFlight.all);
    this.#output = setup.json ? jsonOutput() : this.#interactive ? terminalOutput(this.#screen) : plainOutput();
    const trace: Trace = { on: setup.trace, tell: (line) => this.#output.event("trace", line) };
    const log = new AuthorLog((line, level) => this.#output.event("log", line, level === "error"), "info");
    this.#inFlight = new OperationsInFlight({
      state: (state) => (this.#features = state.features),
      moved: (operation) => this.#output.moved(operation),
      ended: (operation, error) =>
        this.#output.ended(operation, error === undefined ? undefined : this.#session.failureOf(error).message),
    });
    this.#session = new AuthorSession({
      ...setup,
      dialect: "modern",
      log,
      inFlight: this.#inFlight,
      tell: (line) => this.#output.event("log", line),
      observe: (definition) => traced(definition, trace),
    });
    this.#shell = new Shell({
      session: this.#session,
      features: () => this.#features,
      own: ownWords({
        session: this.#session,
        inFlight: this.#inFlight,
        trace,
        reload: () => this.#reload(),
        quit: () => this.#readline?.close(),
      }),
    });
  }

  /** The exit status, once the input has ended and the backend is closed. */
  async run(): Promise<number> {
    process.on("uncaughtException", (error) => this.#tellBug(error));
    watchEnding(EXIT_NO_BACKEND);
    const reason = await this.#session.start();
    watchEnding(EXIT_FAILED);
    if (reason !== undefined) {
      if (!this.#interactive) throw new CommandError(this.#session.explained(reason), { status: EXIT_NO_BACKEND });
      this.#output.event("reload", this.#session.explained(reason), true);
    } else if (this.#interactive) {
      this.#output.event("reload", `${this.#session.name} is loaded; help lists the commands, Ctrl-D ends`);
    }
    if (this.#setup.watch) this.#watch.follow(filesOf(this.#session));
    await (this.#interactive ? this.#prompt() : this.#script());
    this.#watch.close();
    await this.#reloading;
    const left = this.#inFlight.all.length;
    if (left > 0 && !this.#setup.json)
      process.stderr.write(`${left} ${left === 1 ? "operation was" : "operations were"} still under way\n`);
    await this.#session.close();
    return this.#failed && !this.#interactive ? EXIT_FAILED : 0;
  }

  /** Commands of a script, one after another. */
  async #script(): Promise<void> {
    const lines = createInterface({ input: process.stdin });
    this.#readline = lines;
    for await (const line of lines) await this.#line(line, new AbortController().signal);
  }

  async #prompt(): Promise<void> {
    const { promise: ended, resolve: end } = Promise.withResolvers<void>();
    const readline = createInterface({
      input: process.stdin,
      output: ownStdout(),
      prompt: PROMPT,
      completer: (line: string) => this.#shell.complete(line),
    });
    this.#readline = readline;
    let running: AbortController | undefined;
    readline.on("SIGINT", () => {
      if (running === undefined) readline.close();
      else running.abort(new Interruption());
    });
    readline.on("line", (line) => {
      if (running !== undefined) return; // typed ahead: there is no telling what it was meant for
      running = new AbortController();
      this.#screen.entered(PROMPT + line);
      void this.#line(line, running.signal).then(() => {
        running = undefined;
        if (!closed) this.#screen.ask(readline);
      });
    });
    let closed = false;
    readline.on("close", () => {
      closed = true;
      this.#screen.end();
      end();
    });
    this.#screen.ask(readline);
    await ended;
  }

  async #line(line: string, signal: AbortSignal): Promise<void> {
    const began = performance.now();
    const result = await this.#shell.run(line, signal);
    if (result.status !== "0") this.#failed = true;
    if (line.trim() !== "") this.#output.result(line, result, performance.now() - began);
  }

  /** For the word `reload`: what is wrong fails it. */
  async #reload(): Promise<string> {
    const { ok, text } = await this.#reloadInTurn();
    if (ok) return text;
    this.#output.event("reload", text, true);
    return "";
  }

  async #reloadAtSave(): Promise<void> {
    const { ok, text } = await this.#reloadInTurn();
    this.#output.event("reload", text, !ok);
  }

  #reloadInTurn(): ReturnType<typeof reload> {
    const work = this.#reloading.then(async () => {
      const reloaded = await reload(this.#session, this.#setup.options, () => this.#features);
      if (this.#setup.watch) this.#watch.follow(filesOf(this.#session));
      return reloaded;
    });
    this.#reloading = work;
    return work;
  }

  /** In a manager it would end the process. */
  #tellBug(error: Error): void {
    const { message, stack } = strayException(error);
    this.#output.event("log", `${message}\n${stack}`, true);
  }
}
