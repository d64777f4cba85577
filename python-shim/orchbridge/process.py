"""One Node process: started through the launcher, its stderr logged, its end explained."""

import fcntl
import logging
import os
import signal
import subprocess
import threading
import time
from typing import Any, Callable, Dict, Mapping, Optional, Sequence, Tuple

from .log_lines import LineLog

LAUNCHER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "launcher.sh")
# Handed to the process besides ORCHBRIDGE_*.
INHERITED = ("PATH", "HOME", "LANG", "TZ")
NOTHING: Mapping[str, str] = {}
_MEMORY_FLAG = "--max-old-space-size="
# V8's last words.
_OUT_OF_MEMORY = "JavaScript heap out of memory"
# Holds `PID STARTTIME` of each child, two while a backend is looked at: the environment outlives execv, by which a
# manager replaces itself.
CHILD_VARIABLE = "ORCHBRIDGE_FORMER_CHILD"


def child_environment(
    environ: Mapping[str, str], declared: Sequence[str] = (), given: Mapping[str, str] = NOTHING
) -> Dict[str, str]:
    """What of the manager's environment the Node process gets; `declared`: more names, which its backend needs.

    `given`: what it gets where that does not have it.
    """
    inherited = {
        name: value
        for name, value in environ.items()
        if name in INHERITED or name in declared or (name.startswith("ORCHBRIDGE_") and name != CHILD_VARIABLE)
    }
    return {**given, **inherited}


class NodeProcess:
    """A running Node process. `read_fd` and `write_fd` are the protocol's ends; whoever uses them closes them."""

    def __init__(
        self,
        command: Sequence[str],
        log: logging.Logger,
        variables: Sequence[str] = (),
        given: Mapping[str, str] = NOTHING,
    ) -> None:
        self._lines = LineLog(log)
        self._memory_flag = next((word for word in command if word.startswith(_MEMORY_FLAG)), "")
        self._asked: Optional[str] = None
        self._kill_reason: Optional[str] = None
        self._reaping = threading.Lock()
        self._reaped = False
        self._exited = threading.Event()
        self.end = ""
        environment = child_environment(os.environ, variables, given)
        self._popen, self.read_fd, self.write_fd, self._lifeline = _start(command, environment)
        _remember(self._popen.pid)
        self._stderr = threading.Thread(target=self._pump_stderr, name="orchbridge-stderr", daemon=True)
        try:
            self._stderr.start()
        except RuntimeError as error:  # no more threads
            self._kill_group()
            self._popen.communicate()
            _forget(self.pid)
            for fd in (self.read_fd, self.write_fd, self._lifeline):
                os.close(fd)
            raise OSError(str(error)) from error

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

    def expect_end(self, reason: str) -> None:
        """Its end was asked for: that it ends is no failure."""
        if self._asked is None:
            self._asked = reason

    @property
    def end_was_asked(self) -> bool:
        return self._asked is not None

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
                try:
                    self._lines.take(line.decode("utf-8", "replace").rstrip("\r\n"))
                except Exception:
                    pass  # a log that refuses a line must not end the reading: Node would block on a full pipe

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
        _forget(self.pid)
        os.close(self._lifeline)
        self._stderr.join(0.3)
        self.end = self._explain(status)
        self._exited.set()
        on_exit(self.end)

    def _explain(self, status: int) -> str:
        if self._asked is not None:
            forced = "" if self._kill_reason is None else ", by force"
            return f"the Node process was ended on request{forced}: {self._asked}"
        aborted = status in (-signal.SIGABRT, 128 + signal.SIGABRT)
        if self._kill_reason is None and aborted and self._lines.said(_OUT_OF_MEMORY):
            limit = f" {self._memory_flag[len(_MEMORY_FLAG) :]} MB of" if self._memory_flag else ""
            return (
                f"the Node process ran out of memory: its JavaScript objects need more than the{limit} memory_limit; "
                "look for what the backend keeps, or raise it: ceph config set mgr mgr/orchbridge/memory_limit MB"
            )
        if self._kill_reason is not None:
            how = f"the Node process was ended: {self._kill_reason}"
        elif status < 0 or 128 < status < 128 + signal.NSIG:
            how = f"the Node process was killed by {_signal_name(-status if status < 0 else status - 128)}"
        else:
            how = f"the Node process exited with code {status}"
        words = self._lines.last_words()
        return f"{how}; its last log line: {words}" if words else how


def _start(command: Sequence[str], environment: Dict[str, str]) -> Tuple["subprocess.Popen[bytes]", int, int, int]:
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
            env=environment,
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


_children: Dict[int, int] = {}
_children_lock = threading.Lock()


def _remember(pid: int) -> None:
    stat = _stat(pid)
    with _children_lock:
        if stat is not None:
            _children[pid] = stat[1]
        _write_children()


def _forget(pid: int) -> None:
    with _children_lock:
        _children.pop(pid, None)
        _write_children()


def _write_children() -> None:
    os.environ[CHILD_VARIABLE] = " ".join(f"{pid} {started}" for pid, started in _children.items())


def reap_former(timeout: float = 5.0) -> Optional[int]:
    """Reaps the children that this process had before it replaced itself by execv, and gives the first one's pid.

    Their life lines ended with the execv, so they are dead or dying; nobody else knows that they are ours to reap.
    """
    try:
        words = [int(word) for word in os.environ.get(CHILD_VARIABLE, "").split()]
    except ValueError:
        return None
    reaped = [pid for pid, started in zip(words[::2], words[1::2]) if _reap(pid, started, timeout)]
    return reaped[0] if reaped else None


def _reap(pid: int, started: int, timeout: float) -> bool:
    # A child of this run of the program has a thread that waits for it.
    if _stat(pid) != (os.getpid(), started) or pid in _children:
        return False
    deadline = time.monotonic() + timeout
    try:
        while os.waitpid(pid, os.WNOHANG)[0] == 0:
            if time.monotonic() >= deadline:
                os.killpg(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
                break
            time.sleep(0.02)
    except OSError:
        return False
    return True


def _stat(pid: int) -> Optional[Tuple[int, int]]:
    """The parent and the start time of a process, which together with its pid name it for ever."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as stat:
            fields = stat.read().rpartition(")")[2].split()
        return int(fields[1]), int(fields[19])
    except (OSError, ValueError, IndexError):
        return None


def resident_bytes(pid: Any) -> Optional[int]:
    """Memory that a process occupies; None when it is gone."""
    try:
        with open(f"/proc/{pid}/statm", encoding="ascii") as statm:
            return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return None


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
