"""A backend in a process that is not ours: its author's, usually under a debugger, which listens on a Unix socket.

It is never ended and never killed, however long it stands at a breakpoint; only the connection to it ends.
"""

import fcntl
import os
import select
import socket
import stat
import threading
import time
from typing import Any, Callable, Optional, Sequence

from .connection import Connection
from .failure import BridgeFailure, CallTimeout
from .link import PING_TIMEOUT, QUIET, STOP_TIMEOUT, NodeLink, Owner
from .permissions import Permissions
from .settings import SettingsError, check_folders

CONNECT_TIMEOUT = 5.0
DETACH = "ceph config rm mgr mgr/orchbridge/attach"
STANDS_STILL = "the attached process does not answer: is it stopped at a breakpoint?"


class NotAttached(Exception):
    """There is nobody to connect to, or nobody to be trusted; the message says what to do."""


class AttachedProcess:
    """What NodeProcess is to a process of ours; NotAttached when there is no connection."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._socket = _connected(path)
        self._lock = threading.Lock()
        self._asked: Optional[str] = None
        self._reason: Optional[str] = None
        self._ended = threading.Event()
        self.end = ""
        self.read_fd = fcntl.fcntl(self._socket, fcntl.F_DUPFD_CLOEXEC, 0)
        self.write_fd = fcntl.fcntl(self._socket, fcntl.F_DUPFD_CLOEXEC, 0)

    def watch(self, on_exit: Callable[[str], None]) -> None:
        """Calls `on_exit` at the end of the connection, from a thread of its own. Call once."""
        threading.Thread(target=self._await_end, args=(on_exit,), name="orchbridge-attached", daemon=True).start()

    def wait(self, timeout: float) -> bool:
        """Whether the connection has ended, after at most `timeout` seconds."""
        return self._ended.wait(timeout)

    def expect_end(self, reason: str) -> None:
        """The end was asked for: it is no failure."""
        if self._asked is None:
            self._asked = reason

    @property
    def end_was_asked(self) -> bool:
        return self._asked is not None

    def kill(self, reason: str) -> None:
        """Ends the connection, and nothing else."""
        if self._reason is None:
            self._reason = reason
        with self._lock:
            try:
                self._socket.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # it has ended

    def _await_end(self, on_exit: Callable[[str], None]) -> None:
        poller = select.poll()
        poller.register(self._socket, select.POLLRDHUP)
        poller.poll()
        self.end = self._explain()
        with self._lock:
            self._socket.close()
        self._ended.set()
        on_exit(self.end)

    def _explain(self) -> str:
        if self._asked is not None:
            return f"the connection to the attached process was ended on request: {self._asked}"
        if self._reason is not None:
            return f"the connection to the attached process was ended: {self._reason}"
        return f"the attached process at {self._path} ended, or closed the connection"


class AttachedLink(NodeLink):
    """A connection to the author's process. NotAttached when there is none."""

    def __init__(self, path: str, owner: Owner, log: Any) -> None:
        self._asked_at: Optional[float] = None
        self._take(AttachedProcess(path), owner, log)

    def starts_like(self, command: Sequence[str], permissions: Permissions) -> bool:
        """It is not started from here at all."""
        return True

    @property
    def stands_still(self) -> bool:
        """Whether it was asked whether it lives and has said nothing since, for too long."""
        asked = self._asked_at
        return asked is not None and self.connection.last_received < asked and time.monotonic() - asked >= PING_TIMEOUT

    def end(self, reason: str) -> None:
        self.process.expect_end(reason)
        self.connection.close(reason)
        self.process.kill(reason)
        self.process.wait(STOP_TIMEOUT)

    def watch_memory(self, pid: Any, limit_mb: int) -> None:
        """How much it occupies is its author's business."""

    def watch(self, stood_still: bool) -> None:
        """Finds out whether it stands still. It is asked once and answers when it goes on: no questions pile up."""
        connection: Connection = self.connection
        if self._asked_at is not None and connection.last_received < self._asked_at:
            return
        self._asked_at = None
        if stood_still or time.monotonic() - connection.last_received < QUIET:
            return
        self._asked_at = time.monotonic()
        try:
            connection.call("bridge/ping", {}, PING_TIMEOUT)
        except CallTimeout:
            self._log.info(STANDS_STILL)
        except BridgeFailure:
            pass  # it ended; its owner is told


def _connected(path: str) -> socket.socket:
    real = os.path.realpath(path)
    _check(path, real)
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    made.settimeout(CONNECT_TIMEOUT)
    try:
        made.connect(real)
    except PermissionError as error:
        made.close()
        raise NotAttached(
            f"attach: the manager's user (uid {os.geteuid()}) may not use {path}: start orchbridge attach as this "
            "user, or as root with --user"
        ) from error
    except OSError as error:
        made.close()
        raise NotAttached(f"attach: nobody listens at {path} ({error}): {_cure(path)}") from error
    return made


def _check(path: str, real: str) -> None:
    """What comes over the socket is done with the manager's rights, so nobody else may have put it there."""
    try:
        entry = os.stat(real)
    except OSError as error:
        raise NotAttached(f"attach: nobody listens at {path} ({error.strerror}): {_cure(path)}") from error
    if not stat.S_ISSOCK(entry.st_mode):
        raise NotAttached(f"attach: {path} is not a socket: {_cure(path)}")
    if entry.st_uid not in (0, os.geteuid()):
        raise NotAttached(
            f"attach: {path} must be owned by root or the manager's user (uid {os.geteuid()}), not by uid "
            f"{entry.st_uid}: start orchbridge attach as this user, or as root with --user"
        )
    if entry.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise NotAttached(f"attach: {path} must be usable by its owner only; run chmod 600 {path}")
    try:
        check_folders("attach", real)
    except SettingsError as error:
        raise NotAttached(str(error)) from error


def _cure(path: str) -> str:
    return f"run orchbridge attach FILE --socket {path} on this host, or give it up: {DETACH}"
