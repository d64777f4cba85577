#!/bin/sh
# Starts Node for the mgr module: launcher.sh LIFELINE NODE ARGUMENT...
#
# The module speaks over this script's stdin and stdout. Both move to descriptors 3 and 4 and stdout becomes stderr, so
# that nothing a backend prints (console.log, write(1), a child process) can land in the protocol.
#
# LIFELINE is the number of a pipe of which only the manager holds the other end. When the manager is killed, or replaces
# itself by execv, the pipe ends and the whole process group gets SIGKILL, out of a busy loop as well.
lifeline=$1
shift

# What a backend writes is nobody else's, and a dump of its memory would hold secrets.
umask 077
ulimit -c 0

# This shell's own, which it exports; bash does so with the last two all the same.
unset PWD OLDPWD SHLVL _

exec 3<&0 4>&1 </dev/null >&2
"$@" &
node=$!
exec 3<&- 4>&-

# dash takes descriptors of one digit only in a redirection, hence /proc.
{
  read -r _ <"/proc/self/fd/$lifeline"
  kill -KILL 0
} &
reader=$!

# The shell would report a killed job on stderr, where it would hide Node's own last words.
wait "$node" 2>/dev/null
status=$?
kill -KILL "$reader" 2>/dev/null
wait "$reader" 2>/dev/null
exit "$status"
