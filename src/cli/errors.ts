/** What the command says instead of a stack trace. */

/** Something about the machine or the arguments' meaning; exit status 1, if the command has no other for it. */
export class CommandError extends Error {
  readonly status: number;

  constructor(message: string, { status = 1, ...options }: ErrorOptions & { status?: number } = {}) {
    super(message, options);
    this.status = status;
  }
}

/** A wrong command line, with the usage that is right; exit status 2. */
export class UsageError extends Error {
  readonly usage: string;

  constructor(message: string, usage: string) {
    super(message);
    this.usage = usage;
  }
}
