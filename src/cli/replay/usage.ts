/** What `orchbridge replay --help` says. */

/** Apart from the command itself, which is loaded late. */
export const replayUsage = `usage: orchbridge replay FILE [--backend NAME|FILE] [--options JSON|@FILE] [--timeout S] [--log] [--json]

Makes the requests of a recorded session again, against a backend that runs here, and compares what it answers with what
was recorded. Nothing reaches a cluster: what the backend asks of the manager is answered as it was then. What differs
from run to run (times, log ids, progress) is not compared.

  FILE            a recording: made by the module's option record_path, or by orchbridge record
  --backend       the backend to ask: a built-in name, or a .ts, .mjs or .js file; default: the one of the recording
  --options       its options, a JSON object or @FILE; no recording holds them
  --timeout S     how long each recorded answer is waited for; default 60
  --log           print what the backend logs
  --json          print one JSON document: {"sessions", "same"}

exit status: 0 the same answers, 1 others, or the recording cannot be read, 2 wrong command line,
3 the backend could not be loaded or created
`;
