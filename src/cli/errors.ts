/** What the command says instead of a stack trace. */

/** Something about the machine or the arguments' meaning; exit status 1. */
export class CommandError extends Error {}

/** A wrong command line, with the usage that is right; exit status 2. */
export class UsageError extends Error {
  readonly usage: string;

  constructor(message: string, usage: string) {
    super(message);
    this.usage = usage;
  }
}
