/** What `orchbridge dev --help` says. */

/** Apart from the command itself, which is loaded late. */
export const devUsage = `usage: orchbridge dev FILE [--options JSON|@FILE] [--trace] [--no-watch] [--json]

Loads a backend without a manager and gives a prompt with the commands of \`ceph orch\`: the same words, tables and
errors. Saving the file loads it again; what is under way is taken up by the new one. help lists the commands.
Without a terminal, commands are read from stdin, one a line.

  FILE          the backend's .ts, .mjs or .js file, or the name of a built-in one
  --options     the backend's options, a JSON object or @FILE
  --trace       show each call of the backend with its time (also: trace on, trace off)
  --no-watch    do not load the file again when it is saved
  --json        one JSON object a line, for commands and events

exit status: 0 done, 1 a command of the script failed, 2 wrong command line,
3 the backend could not be loaded or created (without a terminal)
`;
