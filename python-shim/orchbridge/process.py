"""One Node process: started through the launcher, its stderr logged, its end explained."""

import fcntl
import logging
import os
import signal
import subprocess
import threading
import time
from typing import Callable, Dict, Mapping, Optional, Sequence, Tuple

from .log_lines import LineLog

LAUNCHER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "launcher.sh")
# Handed to the process besides ORCHBRIDGE_*.
INHERITED = ("PATH", "HOME", "LANG", "TZ")
# Holds `PID STARTTIME` of the child: the environment outlives execv, by which a manager replaces itself.
CHILD_VARIABLE = "ORCHBRIDGE_FORMER_CHILD"


def child_environment(environ: Mapping[str, str]) -> Dict[str, str]:
    """What of the manager's environment the Node process gets."""
    return {
        name: value
        for name, value in environ.items()
        if name in INHERITED or (name.startswith("ORCHBRIDGE_") and name != CHILD_VARIABLE)
    }


class NodeProcess:
    """A running Node process. `read_fd` and `write_fd` are the protocol's ends; whoever uses them closes them."""

    def __init__(self, command: Sequence[str], log: logging.Logger) -> None:
        self._lines = LineLog(log)
        self._kill_reason: Optional[str] = None
        self._reaping = threading.Lock()
        self._reaped = False
        self._exited = threading.Event()
        self.end = ""
        self._popen, self.read_fd, self.write_fd, self._lifeline = _start(command)
        _remember(self._popen.pid)
        self._stderr = threading.Thread(target=self._pump_stderr, name="orchbridge-stderr", daemon=True)
        self._stderr.start()

    def watch(self, on_exit: Callable[[str], None]) -> None:
        """Calls `on_exit` at the end, from a thread of its own, with the sentence that explains it. Call once."""
        threading.Thread(target=self._await_exit, args=(on_exit,), name="orchbridge-exit", daemon=True).start()

    @property
    def pid(self) -> int:
        """The launcher's pid, which is also the process group of Node and of what it started."""
        return self._popen.pid

    def wait(self, timeout: float) -> bool:
        """Whether the process has ended, after at most `timeout` seconds."""
        return self._exited.wait(timeout)

    def kill(self, reason: str) -> None:
        """Ends the whole process group at once; the first reason is the one told."""
        if self._kill_reason is None:
            self._kill_reason = reason
        with self._reaping:
            if not self._reaped:  # else the pid may be somebody else's by now
                self._kill_group()

    def _kill_group(self) -> None:
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except OSError:
            pass  # nobody is left in it

    def _pump_stderr(self) -> None:
        assert self._popen.stderr is not None
        with self._popen.stderr as stream:
            for line in iter(lambda: stream.readline(64 * 1024), b""):
                self._lines.take(line.decode("utf-8", "replace").rstrip("\r\n"))

    def _await_exit(self, on_exit: Callable[[str], None]) -> None:
        try:
            os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT)
        except ChildProcessError:
            pass  # reaped by somebody else; the status is lost
        with self._reaping:
            # While the pid is ours: children of Node would go on with work that nobody waits for, and hold stderr open.
            self._kill_group()
            status = self._popen.wait()
            self._reaped = True
        os.close(self._lifeline)
        self._stderr.join(0.3)
        self.end = self._explain(status)
        self._exited.set()
        on_exit(self.end)

    def _explain(self, status: int) -> str:
        if self._kill_reason is not None:
            how = f"the Node process was ended: {self._kill_reason}"
        elif status < 0 or 128 < status < 128 + signal.NSIG:
            how = f"the Node process was killed by {_signal_name(-status if status < 0 else status - 128)}"
        else:
            how = f"the Node process exited with code {status}"
        words = self._lines.last_words()
        return f"{how}; its last log line: {words}" if words else how


def _start(command: Sequence[str]) -> Tuple["subprocess.Popen[bytes]", int, int, int]:
    """The process, the ends of its stdout, stdin and life line."""
    stdin_read, stdin_write = os.pipe()
    stdout_read, stdout_write = os.pipe()
    life_read, life_write = os.pipe()
    # The launcher uses the low numbers itself.
    lifeline = fcntl.fcntl(life_read, fcntl.F_DUPFD_CLOEXEC, 10)
    try:
        process = subprocess.Popen(
            ["/bin/sh", LAUNCHER, str(lifeline), *command],
            stdin=stdin_read,
            stdout=stdout_write,
            stderr=subprocess.PIPE,
            pass_fds=(lifeline,),
            start_new_session=True,
            env=child_environment(os.environ),
            cwd="/",
        )
    except BaseException:
        for fd in (stdout_read, stdin_write, life_write):
            os.close(fd)
        raise
    finally:
        for fd in (stdin_read, stdout_write, life_read, lifeline):
            os.close(fd)
    return process, stdout_read, stdin_write, life_write


def _remember(pid: int) -> None:
    stat = _stat(pid)
    if stat is not None:
        os.environ[CHILD_VARIABLE] = f"{pid} {stat[1]}"


def reap_former(timeout: float = 5.0) -> Optional[int]:
    """Reaps the child that this process had before it replaced itself by execv, and gives its pid.

    Its life line ended with the execv, so it is dead or dying; nobody else knows that it is ours to reap.
    """
    try:
        pid, started = (int(word) for word in os.environ.get(CHILD_VARIABLE, "").split())
    except ValueError:
        return None
    if _stat(pid) != (os.getpid(), started):
        return None
    deadline = time.monotonic() + timeout
    try:
        while os.waitpid(pid, os.WNOHANG)[0] == 0:
            if time.monotonic() >= deadline:
                os.killpg(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
                break
            time.sleep(0.02)
    except OSError:
        return None
    return pid


def _stat(pid: int) -> Optional[Tuple[int, int]]:
    """The parent and the start time of a process, which together with its pid name it for ever."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as stat:
            fields = stat.read().rpartition(")")[2].split()
        return int(fields[1]), int(fields[19])
    except (OSError, ValueError, IndexError):
        return None


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
