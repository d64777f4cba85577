/** What `orchbridge attach --help` says. */

/** Where it listens unless told otherwise. */
export const DEFAULT_SOCKET = "/run/orchbridge/attach.sock";

/** Apart from the command itself, which is loaded late. */
export const attachUsage = `usage: orchbridge attach FILE [--socket PATH] [--user NAME] [--json]

Runs a backend in this process for a manager on this host, in place of the manager's own Node process: under a
debugger, with breakpoints, printing to this terminal. The manager connects when its option names the socket:

  ceph config set mgr mgr/orchbridge/attach ${DEFAULT_SOCKET}

and goes back to its own backend after: ceph config rm mgr mgr/orchbridge/attach. The backend's options are those of
the manager. At a breakpoint, calls end at their deadline and nothing is killed. It ends on SIGINT and SIGTERM.

  FILE           the backend's .ts, .mjs or .js file, or the name of a built-in one
  --socket PATH  where it listens (${DEFAULT_SOCKET}); only its user can connect
  --user NAME    as root: as whom the manager runs, whose the socket is to be (ceph where there is such a user)
  --json         one JSON object a line on stdout: listening, attached, detached

exit status: 0 ended by a signal, 1 it cannot listen, 2 wrong command line, 3 the backend cannot be loaded,
75 the manager may have lost its lead while it was attached
`;
