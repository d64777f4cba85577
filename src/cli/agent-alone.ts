/** The host agent of an installed module, where there is no `orchbridge` command: `node …/js/agent.mjs OPTION…`. */
import { nodeProblem } from "../main/node-version.ts";
import { agentCommand } from "./agent.ts";
import { CommandError, UsageError } from "./errors.ts";
import { ownStdout } from "./own-stdout.ts";

async function main(words: string[]): Promise<void> {
  const problem = nodeProblem();
  if (problem !== undefined) throw new CommandError(problem);
  if (words.includes("--help") || words.includes("-h")) ownStdout().write(agentCommand.usage);
  else await agentCommand.run(words);
}

main(process.argv.slice(2)).catch((error: unknown) => {
  if (!(error instanceof UsageError || error instanceof CommandError)) throw error;
  process.stderr.write(`orchbridge: ${error.message}\n${error instanceof UsageError ? error.usage : ""}`);
  process.exitCode = error instanceof UsageError ? 2 : error.status;
});
