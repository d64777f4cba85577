/** What `orchbridge call --help` says. */

/** Apart from the command itself, which is loaded late. */
export const callUsage = `usage: orchbridge call FILE METHOD [PARAMS] [--options JSON|@FILE] [--no-wait] [--timeout S] [--json]

Loads a backend, calls one of its methods as a manager would, and prints the result. There is no cluster: what the
backend asks of the manager's monitors and maps is refused, and what it keeps in \`state\` is gone afterwards.

  FILE            the backend's .ts, .mjs or .js file, or the name of a built-in one
  METHOD          the backend's name of the method (getHosts) or Ceph's (get_hosts)
  PARAMS          its parameters by name, a JSON object or @FILE; {} when left out
  --options       the backend's options, a JSON object or @FILE
  --no-wait       do not wait until a write is effective
  --timeout S     give the backend's creation up after so many seconds, and then the call; default 60
  --json          print one JSON document: {"result", "operations"} or {"error"}

exit status: 0 done, 1 the call or its second stage failed, 2 wrong command line or parameters,
3 the backend could not be loaded or created, 130 interrupted
`;
