"""One Node process with the connection to it, from its start to its end."""

import logging
import time
from typing import Any, Callable, Dict, Mapping, Protocol, Sequence

from .connection import Connection
from .failure import BridgeFailure, CallTimeout
from .permissions import Permissions
from .process import NOTHING, NodeProcess, resident_bytes

STOP_TIMEOUT = 5.0
# Silence after which Node is asked whether it lives, and how long it may take to answer, twice.
QUIET = 5.0
PING_TIMEOUT = 5.0


class Owner(Protocol):
    """Who hears of a link. `told` and `asked` run in whichever thread reads, and must return at once."""

    def told(self, link: "NodeLink", method: str, params: Any) -> None: ...

    def asked(self, link: "NodeLink", request_id: Any, method: str, params: Any) -> None: ...

    def exited(self, link: "NodeLink", end: str) -> None:
        """The process is gone and the connection closed; called once, from a thread of its own."""


class Process(Protocol):
    """The far side of a link: see NodeProcess, and AttachedProcess for one that is not ours."""

    read_fd: int
    write_fd: int
    end: str

    @property
    def end_was_asked(self) -> bool: ...

    def watch(self, on_exit: Callable[[str], None]) -> None: ...

    def wait(self, timeout: float) -> bool: ...

    def expect_end(self, reason: str) -> None: ...

    def kill(self, reason: str) -> None: ...


class NodeLink:
    """Starts a process. OSError when that is not possible."""

    def __init__(
        self,
        command: Sequence[str],
        owner: Owner,
        log: logging.Logger,
        variables: Sequence[str] = (),
        given: Mapping[str, str] = NOTHING,
    ) -> None:
        self._started_with = (list(command), list(variables))
        self._silent_pings = 0
        self._take(NodeProcess(command, log, variables, given), owner, log)

    def _take(self, process: Process, owner: Owner, log: logging.Logger) -> None:
        self._owner = owner
        self._log = log
        self.process = process
        self.connection = Connection(process.read_fd, process.write_fd, self)

    def start(self) -> None:
        """From now on the owner hears of it."""
        self.process.watch(self._exited)
        self.connection.start()

    def starts_like(self, command: Sequence[str], permissions: Permissions) -> bool:
        """Whether a process that is started so would be as this one."""
        return (list(command), list(permissions.environment)) == self._started_with

    @property
    def lives(self) -> bool:
        return self.connection.closed is None

    def end(self, reason: str) -> None:
        """Ends the process in good order, and by force when it takes too long."""
        self.process.expect_end(reason)
        self.connection.close(reason)
        if not self.process.wait(STOP_TIMEOUT):
            self.kill(reason)
            self.process.wait(STOP_TIMEOUT)

    def kill(self, reason: str) -> None:
        self.process.kill(reason)

    def watch_memory(self, pid: Any, limit_mb: int) -> None:
        """Ends a process that occupies more: V8 bounds its own heap only, not buffers and native memory."""
        resident = resident_bytes(pid)
        if resident is not None and resident > limit_mb * 1_000_000:
            self.kill(
                f"it occupies {resident // 1_000_000} MB of memory, and may {limit_mb}; look for what the backend "
                "keeps, or raise memory_limit: ceph config set mgr mgr/orchbridge/memory_limit MB"
            )

    def watch(self, stood_still: bool) -> None:
        """Ends a process whose event loop is blocked. `stood_still`: so did this machine, and silence means nothing."""
        connection = self.connection
        if stood_still or time.monotonic() - connection.last_received < QUIET:
            self._silent_pings = 0
            return
        asked_at = time.monotonic()
        try:
            connection.call("bridge/ping", {}, PING_TIMEOUT)
        except CallTimeout:
            if connection.last_received < asked_at:
                self._silent_pings += 1
        except BridgeFailure:
            return
        if self._silent_pings >= 2:
            silent = time.monotonic() - connection.last_received
            self.kill(f"its event loop was blocked, it said nothing for {silent:.0f} s")

    def _exited(self, end: str) -> None:
        self.connection.close(end)
        self._owner.exited(self, end)

    # What the connection tells (Handler)

    def notification(self, method: str, params: Any) -> None:
        try:
            self._owner.told(self, method, params)
        except Exception:
            # Not passed on: this may run in the thread of a caller, which has nothing to do with it.
            self._log.exception("cannot take the notification %s of the Node process", method)

    def request(self, request_id: Any, method: str, params: Any) -> None:
        try:
            self._owner.asked(self, request_id, method, params)
        except Exception:
            self._log.exception("cannot take the request %s of the Node process", method)

    def broken(self, reason: str) -> None:
        self.kill(reason)

    def ended(self) -> str:
        # It usually closed its output by dying; how it died is known in a moment.
        if not self.process.wait(1.0):
            self.kill("it closed the connection")
            self.process.wait(1.0)
        return self.process.end or "the Node process closed the connection"


def introduction(session: Dict[str, Any], settings: Any) -> Dict[str, Any]:
    """The params of `initialize`."""
    return {
        **session,
        "protocol": 1,
        "backend": settings.backend_choice,
        "call_timeout": settings.call_timeout,
        "record_path": settings.record_path,
    }
