/** What `orchbridge record --help` says. */

/** Apart from the command itself, which is loaded late. */
export const recordUsage = `usage: orchbridge record FILE [--for S] [--json] [-- COMMAND…]

Records what the active manager of this cluster and its backend say to each other: sets the module's option record_path,
which starts the Node process anew, and resets it afterwards. Secrets are not written. Run it where the ceph command works.

  FILE            an absolute path on the active manager's host, in a folder that the manager's user may write to
  --for S         record for so many seconds; without it and without a command, until Ctrl-C
  --json          print one JSON document: {"file", "command", "status"}
  -- COMMAND…     record while this command runs, such as: -- ceph orch host ls

exit status: 0 recorded, 1 not recorded, or the command failed, 2 wrong command line
`;
