/** Streams of frames into a real connection: what is sound is decoded as it was meant and answered once, what is not ends it. */

import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import { Connection, type Params } from "../../src/rpc/connection.ts";
import { RpcError, WireCode } from "../../src/rpc/errors.ts";
import { FrameParser } from "../../src/rpc/frame.ts";
import { checkPrototypes, endOf, eventually, FarSide, type Said } from "./far-side.ts";
import { HANDLED, type Outcome, QUESTIONS, TOLD } from "./messages.ts";
import { type Rounds, runRounds, type Summary } from "./rounds.ts";
import { LIMITS, type Session, sessions } from "./streams.ts";

type Kind<K extends Outcome["kind"]> = Extract<Outcome, { kind: K }>;

/** Puts at least so many generated frames through connections. */
export function fuzzFrames(rounds: Rounds): Promise<Summary> {
  return runRounds("frames", rounds, (count) =>
    fc.asyncProperty(sessions, async (session) => {
      const { outcomes } = session;
      if (outcomes === null) await runBlemished(session);
      else await runSession(session, outcomes);
      count(session.frames);
    }),
  );
}

/** What one connection made of a session. */
class Witness {
  readonly handled: Params[] = [];
  readonly told: { params: Params; problem: RpcError | undefined }[] = [];
  readonly settled: ({ value: unknown } | { error: unknown } | undefined)[] = [];
  readonly far = new FarSide();
  readonly connection: Connection;

  constructor(open: number) {
    this.connection = new Connection({
      input: this.far.input,
      output: this.far.output,
      limits: { ...LIMITS, open },
      warn: () => undefined,
      toWireError: (error) => ({ code: WireCode.internal, message: String(error), data: { type: "Unexpected" } }),
    });
    for (const [at, method] of HANDLED.entries())
      this.connection.onRequest(method, async (params) => {
        if (at % 2 === 1) await new Promise(setImmediate);
        this.handled.push(params);
        return { result: true };
      });
    this.connection.onNotification(TOLD, (params, problem) => this.told.push({ params, problem }));
    this.connection.listen();
  }

  ask(question: number): void {
    this.connection.request("mgr/get", { question }).then(
      (value) => (this.settled[question] = { value }),
      (error: unknown) => (this.settled[question] = { error }),
    );
  }
}

/** Of bytes that were changed anywhere only that much is known: they come to an end, the same however they are cut. */
async function runBlemished({ chunks, open }: Session): Promise<void> {
  const [cut, whole] = [bodiesIn(chunks), bodiesIn([Buffer.concat(chunks)])];
  if (!isDeepStrictEqual(cut, whole))
    throw new Error(`in pieces ${JSON.stringify(cut)}, whole ${JSON.stringify(whole)}`);
  const { connection, far } = new Witness(open);
  for (const chunk of chunks) far.input.write(chunk);
  far.input.end();
  await endOf(connection);
  checkPrototypes();
}

function bodiesIn(chunks: readonly Buffer[]): { bodies: string[]; broken: boolean } {
  const parser = new FrameParser(LIMITS);
  const bodies: string[] = [];
  try {
    for (const chunk of chunks) for (const body of parser.push(chunk)) bodies.push(body.toString("latin1"));
  } catch {
    return { bodies, broken: true };
  }
  return { bodies, broken: false };
}

async function runSession(session: Session, outcomes: readonly Outcome[]): Promise<void> {
  const witness = new Witness(session.open);
  const { connection, far } = witness;
  for (let question = 0; question < QUESTIONS; question++) witness.ask(question);
  await eventually(
    () => far.asked.length === QUESTIONS,
    () => "our questions",
  );
  for (const chunk of session.chunks) far.input.write(chunk);
  const fatal = outcomes.at(-1)?.kind === "fatal";
  if (!fatal) await waitForAll(outcomes, witness);
  far.input.end();
  const reason = await endOf(connection);
  if (fatal !== reason instanceof RpcError) throw new Error(`the connection ended with ${String(reason)}`);
  await eventually(
    () => Array.from({ length: QUESTIONS }, (_, at) => at).every((at) => witness.settled[at] !== undefined),
    () => "our questions to settle",
  );
  checkAnswers(outcomes, session.open, witness, fatal);
  if (!fatal) {
    checkHandled(outcomes, witness);
    checkSettled(outcomes, witness);
  }
  checkPrototypes();
}

function of<K extends Outcome["kind"]>(outcomes: readonly Outcome[], kind: K): Kind<K>[] {
  return outcomes.filter((outcome): outcome is Kind<K> => outcome.kind === kind);
}

/** Until every request is answered, every notification told, and every answered question settled. */
async function waitForAll(outcomes: readonly Outcome[], witness: Witness): Promise<void> {
  const requests = of(outcomes, "handled").length + of(outcomes, "refused").length;
  const told = of(outcomes, "told").length;
  const questions = new Set(of(outcomes, "answer").map(({ question }) => question));
  await eventually(
    () =>
      witness.far.answers.size >= requests &&
      witness.told.length >= told &&
      [...questions].every((question) => witness.settled[question] !== undefined),
    () =>
      `${requests} answers and ${told} notifications; there are ${witness.far.answers.size} and ${witness.told.length}`,
  );
}

function checkAnswers(outcomes: readonly Outcome[], open: number, { far }: Witness, fatal: boolean): void {
  const requests = new Map(
    [...of(outcomes, "handled"), ...of(outcomes, "refused")].map((outcome) => [String(outcome.id), outcome]),
  );
  for (const [id, answers] of far.answers) {
    const outcome = requests.get(id);
    const [answer] = answers;
    if (outcome === undefined || answer === undefined) throw new Error(`an answer to ${id}, which was not asked`);
    if (answers.length > 1) throw new Error(`${answers.length} answers to ${id}`);
    if (!isExpected(answer, outcome) && !(open < requests.size && isTooMany(answer)))
      throw new Error(`expected request ${id} to be ${outcome.kind}, got ${JSON.stringify(answer)}`);
  }
  if (!fatal && far.answers.size !== requests.size) throw new Error("a request has no answer");
}

function isExpected(answer: Said, outcome: Kind<"handled"> | Kind<"refused">): boolean {
  return outcome.kind === "handled" ? answer.result === true : answer.error?.code === outcome.code;
}

function isTooMany({ error }: Said): boolean {
  return error?.data.type === "TooManyRequests";
}

/** Handlers that wait get their params in another order, so each of the expected must be there. */
function checkHandled(outcomes: readonly Outcome[], { handled, told, far }: Witness): void {
  const expected = of(outcomes, "handled").filter(({ id }) => far.answers.get(String(id))?.[0]?.result === true);
  if (handled.length !== expected.length) throw new Error(`${handled.length} of ${expected.length} were handled`);
  const left = [...handled];
  for (const { params } of expected) {
    const at = left.findIndex((given) => isDeepStrictEqual(given, params));
    if (at < 0) throw new Error(`no handler got ${JSON.stringify(params)}, but ${JSON.stringify(left)}`);
    left.splice(at, 1);
  }
  checkTold(of(outcomes, "told"), told);
}

function checkTold(expected: Kind<"told">[], told: Witness["told"]): void {
  if (told.length !== expected.length) throw new Error(`${told.length} of ${expected.length} notifications were told`);
  // One with a problem is told at once, the others in their turn.
  for (const problem of [false, true]) {
    const given = told.filter((each) => (each.problem !== undefined) === problem);
    const wanted = expected.filter((each) => each.problem === problem);
    if (given.length !== wanted.length)
      throw new Error(`${given.length} of ${wanted.length} came with problem ${problem}`);
    if (problem) continue;
    for (const [at, { params }] of wanted.entries())
      if (!isDeepStrictEqual(given[at]?.params, params)) throw new Error(`not told ${JSON.stringify(params)}`);
  }
}

/** The first answer to a question counts; one without an answer fails with the connection. */
function checkSettled(outcomes: readonly Outcome[], { settled }: Witness): void {
  const answers = of(outcomes, "answer");
  for (const [question, end] of settled.entries()) {
    const answer = answers.find((each) => each.question === question);
    if (end === undefined) throw new Error(`question ${question} did not settle`);
    const failed = answer === undefined || answer.failed;
    if (failed !== "error" in end) throw new Error(`question ${question} settled with ${JSON.stringify(end)}`);
    if (!failed && "value" in end && !isDeepStrictEqual(end.value, answer.value))
      throw new Error(`question ${question} got ${JSON.stringify(end.value)}`);
  }
}
