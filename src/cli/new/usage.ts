/** What `orchbridge new --help` says. */

/** Apart from the command itself, which is loaded late. */
export const newUsage = `usage: orchbridge new NAME [--json]

Makes a folder NAME for a backend of that name: the backend in one file, its contract test, and what a repository
needs around them (package.json, tsconfig.json, a CI file, README.md). The test passes as it is.

  NAME      letters, digits and dashes; the folder must not exist
  --json    print what was made as JSON: {"folder", "files"}

exit status: 0 done, 1 refused, 2 wrong command line
`;
