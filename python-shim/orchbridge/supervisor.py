"""Keeps one Node process running: start, handshake, watchdog, restart, and what is known about it from memory."""

import logging
import threading
import time
from dataclasses import dataclass, field
from typing import Any, Callable, Dict, List, Optional, Protocol

from .connection import Connection
from .failure import BridgeFailure, CallTimeout, Unavailable, WireError
from .node import NodeMissing
from .process import NodeProcess
from .restarts import Restarts
from .settings import UNSET_BACKEND, Settings, SettingsError

PROTOCOL = 1
START_TIMEOUT = 20.0
STOP_TIMEOUT = 5.0
# How long a call waits for a start that is under way or about to come.
PATIENCE = 5.0
# Silence after which Node is asked whether it lives, and how long it may take to answer, twice.
QUIET = 5.0
PING_TIMEOUT = 5.0
# Node may be installed or replaced at any time.
MISSING_RETRY = 10.0
TICK = 1.0


class Peer(Protocol):
    """Who hears of a connection. All methods must return at once and must not raise."""

    def lost(self, reason: str) -> None: ...

    def notification(self, method: str, params: Dict[str, Any]) -> None: ...

    def request(self, connection: Connection, request_id: Any, method: str, params: Any) -> None: ...


@dataclass(frozen=True)
class BackendState:
    """What Node last said about its backend."""

    available: bool = False
    reason: str = ""
    details: Dict[str, Any] = field(default_factory=dict)
    backend: Optional[str] = None
    features: List[str] = field(default_factory=list)


class _Handler:
    """Connects one process and its connection with the supervisor."""

    def __init__(self, supervisor: "Supervisor", peer: Peer, log: logging.Logger) -> None:
        self._supervisor = supervisor
        self._peer = peer
        self._log = log
        self.process: Optional[NodeProcess] = None
        self.connection: Optional[Connection] = None

    def notification(self, method: str, params: Any) -> None:
        try:
            if method == "bridge/state":
                self._supervisor.take_state(self.connection, params)
            else:
                self._peer.notification(method, params)
        except Exception:
            # This runs in whichever thread reads: a caller's, which has nothing to do with it.
            self._log.exception("cannot take the notification %s of the Node process", method)

    def request(self, request_id: Any, method: str, params: Any) -> None:
        assert self.connection is not None
        self._peer.request(self.connection, request_id, method, params)

    def broken(self, reason: str) -> None:
        if self.process is not None:
            self.process.kill(reason)

    def ended(self) -> str:
        # It usually closed its output by dying; how it died is known in a moment.
        if self.process is None:
            return "the Node process closed the connection"
        if not self.process.wait(1.0):
            self.process.kill("it closed the connection")
            self.process.wait(1.0)
        return self.process.end or "the Node process closed the connection"


class Supervisor:
    """Runs in the thread that calls `run`; everything else may be called from any thread."""

    def __init__(
        self,
        *,
        settings: Callable[[], Settings],
        command: Callable[[Settings], List[str]],
        session: Callable[[], Dict[str, Any]],
        peer: Peer,
        look: Callable[[], None],
        log: logging.Logger,
    ) -> None:
        self._read_settings = settings
        self._command = command
        self._session = session
        self._peer = peer
        self._look = look
        self._log = log
        self._changed = threading.Condition()
        # One process at a time: the next starts when the former has ended.
        self._lifecycle = threading.Lock()
        self._wake = threading.Event()
        self._stopping = False
        self._options_changed = True
        self._restarts = Restarts()
        self._process: Optional[NodeProcess] = None
        self._connection: Optional[Connection] = None
        self._next_start = 0.0
        self._problem: Optional[str] = "orchbridge has not started yet"
        self._lasting = False
        self._silent_pings = 0
        self._last_tick = time.monotonic()
        # The last good options, once there were any, and what is wrong with the present ones.
        self.settings = Settings()
        self._configured = False
        self.settings_error: Optional[str] = None
        self.state: Optional[BackendState] = None
        self.features: List[str] = []
        self.hello: Dict[str, Any] = {}
        self.starts = 0
        self.connected_at: Optional[float] = None
        self.last_end: Optional[str] = None
        self.last_end_at: Optional[float] = None

    # What is known, from memory

    @property
    def connection(self) -> Optional[Connection]:
        """The connection, while Node runs and has introduced itself."""
        connection = self._connection
        return connection if connection is not None and connection.closed is None else None

    @property
    def down(self) -> Optional[str]:
        """Why Node does not run, or None while it does."""
        if self.connection is not None:
            return None
        if self.settings_error is not None and not self._configured:
            return self.settings_error
        # It ended this very moment, or what is in its way is known.
        return self._problem or "the Node process ended"

    @property
    def lasting(self) -> bool:
        """Whether `down` needs somebody to do something."""
        return self._lasting or (self.settings_error is not None and not self._configured)

    def available(self) -> BackendState:
        """The state of the backend, or of what is in its way."""
        if self.settings_error is not None:
            return BackendState(reason=self.settings_error)
        if self._configured and self.settings.backend is None and not self._lasting:
            return BackendState(reason=UNSET_BACKEND)
        if self.connection is None:
            return BackendState(reason=self._problem or "the Node process ended", backend=self.settings.backend)
        return self.state or BackendState(reason="the backend is starting", backend=self.settings.backend)

    # What callers need

    def wait_connected(self, deadline: float) -> Connection:
        """The connection, once there is one. Unavailable when none will come in time."""
        patience = min(deadline, time.monotonic() + PATIENCE)
        with self._changed:
            while True:
                if self.settings_error is not None and not self._configured:
                    raise Unavailable(self.settings_error)
                connection = self.connection
                if connection is not None:
                    return connection
                if self._lasting or self._next_start > patience:
                    raise Unavailable(self._problem or "Node does not run")
                remaining = patience - time.monotonic()
                if remaining <= 0 or not self._changed.wait(remaining):
                    raise Unavailable(self._problem or "Node is starting; try again in a moment")

    def options_changed(self) -> None:
        """The module's options may be other ones now."""
        self._options_changed = True
        self._wake.set()

    def restart(self) -> None:
        """Ends the Node process on an operator's request and starts it anew at once."""
        with self._lifecycle:
            self._restarts.forget()
            self._retire("a restart was requested")
        self._wake.set()

    def stop(self) -> None:
        """Ends the Node process and `run`."""
        self._stopping = True
        self._wake.set()
        with self._lifecycle:
            self._retire("the module is shut down")

    # The loop

    def run(self) -> None:
        """Supervises until `stop`. Never raises: the manager would give up the whole module."""
        while not self._stopping:
            try:
                self._tick()
                self._look()
            except Exception:
                self._log.exception("a bug in orchbridge's supervision")
            self._wake.wait(max(0.01, min(TICK, self._next_start - time.monotonic() if self._next_start else TICK)))
            self._wake.clear()

    def _tick(self) -> None:
        now = time.monotonic()
        # A machine that stood still for a while must not be taken for a silent Node.
        stood_still = now - self._last_tick > 4 * TICK + PING_TIMEOUT
        self._last_tick = now
        if self._options_changed:
            self._options_changed = False
            self._take_options()
        process, connection = self._process, self._connection
        if process is None:
            with self._lifecycle:
                if not self._stopping and self._configured and now >= self._next_start:
                    self._start()
        elif connection is not None:
            self._watch(process, connection, stood_still)

    def _take_options(self) -> None:
        try:
            settings = self._read_settings()
        except SettingsError as problem:
            self._log.error("options: %s", problem)
            with self._changed:
                kept = "; the former configuration stays in use" if self._configured else ""
                self.settings_error = f"{problem}{kept}"
                self._changed.notify_all()
            return
        former = self.settings
        with self._changed:
            self.settings_error = None
            self.settings = settings
            self._configured = True
            self._changed.notify_all()
        process, connection = self._process, self._connection
        if process is None:
            self._next_start = 0.0
            self._lasting = False
        elif former.needs_new_process(settings):
            with self._lifecycle:
                self._retire("its options changed")
        elif former != settings and connection is not None:
            self._configure(process, connection)

    def _configure(self, process: NodeProcess, connection: Connection) -> None:
        self.state = None
        params = {"backend": self.settings.backend_choice, "call_timeout": self.settings.call_timeout}
        try:
            connection.call("bridge/configure", params, START_TIMEOUT)
        except BridgeFailure as failure:
            self._log.error("could not hand over the changed options: %s", failure)
            process.kill("it did not take the changed options")

    # One process

    def _start(self) -> None:
        try:
            command = self._command(self.settings)
        except NodeMissing as missing:
            self._fail(str(missing), MISSING_RETRY, lasting=True)
            return
        handler = _Handler(self, self._peer, self._log)
        try:
            process = NodeProcess(command, self._log, lambda end: self._exited(handler, end))
        except OSError as error:
            self._fail(f"cannot start Node: {error}", MISSING_RETRY, lasting=True)
            return
        connection = Connection(process.read_fd, process.write_fd, handler)
        handler.process, handler.connection = process, connection
        with self._changed:
            self._process = process
            self._next_start = 0.0
            self._problem = "Node is starting"
        self.starts += 1
        connection.start()
        self._introduce(process, connection)

    def _introduce(self, process: NodeProcess, connection: Connection) -> None:
        params = {
            **self._session(),
            "protocol": PROTOCOL,
            "backend": self.settings.backend_choice,
            "call_timeout": self.settings.call_timeout,
            "record_path": self.settings.record_path,
        }
        try:
            hello = connection.call("initialize", params, START_TIMEOUT)
        except CallTimeout:
            process.kill(f"it did not answer within {START_TIMEOUT:g} s of its start")
            return
        except WireError as error:  # another schema: what is installed does not fit together
            self._retire(str(error))
            self._fail(str(error), MISSING_RETRY, lasting=True)
            return
        except BridgeFailure:
            return  # it ended; `_exited` knows more
        with self._changed:
            if connection.closed is not None:
                return
            self.hello = hello if isinstance(hello, dict) else {}
            self._connection = connection
            self._problem = None
            self._lasting = False
            self._silent_pings = 0
            self.connected_at = time.monotonic()
            self._changed.notify_all()
        self._log.info(
            "Node %s runs, pid %s, orchbridge %s",
            self.hello.get("node"),
            self.hello.get("pid"),
            self.hello.get("version"),
        )

    def take_state(self, connection: Optional[Connection], params: Any) -> None:
        """A `bridge/state` of `connection`."""
        if connection is None or connection.closed is not None:
            return
        state = BackendState(
            available=params.get("available") is True,
            reason=str(params.get("reason", "")),
            details=dict(params.get("details") or {}),
            backend=params.get("backend"),
            features=list(params.get("features") or []),
        )
        with self._changed:
            self.state = state
            self.features = state.features
            self._changed.notify_all()

    def _exited(self, handler: _Handler, end: str) -> None:
        """The process is gone; runs in the thread that waited for it."""
        assert handler.connection is not None
        handler.connection.close(end)
        self._peer.lost(end)
        self.last_end, self.last_end_at = end, time.time()
        with self._changed:
            requested = self._process is not handler.process
            if requested:
                return
            self._process = None
            self._connection = None
            self.state = None
            self.connected_at = None
            if not self._lasting:
                delay = self._restarts.ended(time.monotonic())
                self._next_start = time.monotonic() + delay
                self._problem = end
            self._changed.notify_all()
        self._log.error("%s; it is started again in %.3g s", end, max(0.0, self._next_start - time.monotonic()))
        self._wake.set()

    def _retire(self, reason: str) -> None:
        """Ends the present process in good order; it is no crash."""
        with self._changed:
            process, connection = self._process, self._connection
            self._process = None
            self._connection = None
            self.state = None
            self.connected_at = None
            self._next_start = 0.0
            self._lasting = False
            self._problem = f"Node is being restarted: {reason}"
            self._changed.notify_all()
        if process is None:
            return
        self._log.info("ending the Node process: %s", reason)
        if connection is not None:
            connection.close(reason)
        if connection is None or not process.wait(STOP_TIMEOUT):
            process.kill(reason)
            process.wait(STOP_TIMEOUT)

    def _fail(self, problem: str, retry: float, lasting: bool) -> None:
        with self._changed:
            if self._problem != problem:
                self._log.error("%s", problem)
            self._problem = problem
            self._lasting = lasting
            self._next_start = time.monotonic() + retry
            self._changed.notify_all()

    def _watch(self, process: NodeProcess, connection: Connection, stood_still: bool) -> None:
        """Ends a Node process whose event loop is blocked."""
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
        self._last_tick = time.monotonic()
        if self._silent_pings >= 2:
            silent = time.monotonic() - connection.last_received
            process.kill(f"its event loop was blocked, it said nothing for {silent:.0f} s")
