/** What `orchbridge doctor --help` says. */

/** Apart from the command itself, which is loaded late. */
export const doctorUsage = `usage: orchbridge doctor [--backend FILE] [--mgr-dir DIR] [--agent-socket PATH] [--json]

Looks for what is wrong with orchbridge on this machine, and says what to do about it. On a manager's host, run it as
root: it looks at the module, the module's options (through the ceph command, if there is one), the files they name
and the host agent. On a laptop it looks at Node and, with --backend, at a backend's file.

  --backend FILE        also look at this backend file, as if a manager were to load it
  --mgr-dir DIR         the manager's module folder; default /usr/share/ceph/mgr
  --agent-socket PATH   the host agent's socket; default /run/orchbridge/agent.sock
  --json                print {"ok", "findings": [{"about", "state", "says", "cure"}]}

exit status: 0 nothing is wrong, 1 something is, 2 wrong command line
`;
