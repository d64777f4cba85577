"""Keeps one Node process running: start, handshake, watchdog, restart, and what is known about it from memory."""

import logging
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Callable, Dict, Iterator, List, Mapping, Optional, Protocol

from .attach import STANDS_STILL, AttachedLink, NotAttached
from .connection import Connection
from .declarations import BackendRefused, Declarations, not_loaded
from .failure import BridgeFailure, CallTimeout, Unavailable, WireError
from .link import PING_TIMEOUT, NodeLink, introduction
from .node import NodeMissing
from .permissions import NONE, Permissions
from .process import NOTHING
from .restarts import Restarts
from .settings import UNSET_BACKEND, Settings, SettingsError

START_TIMEOUT = 20.0
# How long a call waits for a start that is under way or about to come.
PATIENCE = 5.0
# Node may be installed or replaced at any time.
MISSING_RETRY = 10.0
TICK = 1.0
# How often who ends a process looks for a start that is in the way.
GIVE_UP = 0.05


class Peer(Protocol):
    """Who uses the connection. All methods must return at once."""

    def connected(self, connection: Connection) -> None:
        """A new process has introduced itself; nobody uses it yet."""

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
    failures: List[str] = field(default_factory=list)


class Supervisor:
    """Runs in the thread that calls `run`; everything else may be called from any thread."""

    def __init__(
        self,
        *,
        settings: Callable[[], Settings],
        command: Callable[[Settings, Permissions], List[str]],
        session: Callable[[], Dict[str, Any]],
        peer: Peer,
        look: Callable[[], None],
        log: logging.Logger,
        variables: Callable[[List[str]], Mapping[str, str]] = lambda _: NOTHING,
    ) -> None:
        self._read_settings = settings
        self._command = command
        self._variables = variables
        self._session = session
        self._peer = peer
        self._look = look
        self._log = log
        self._changed = threading.Condition()
        # One process at a time: the next starts when the former has ended.
        self._lifecycle = threading.Lock()
        self._wake = threading.Event()
        self._stopping = False
        # Set once, when another manager leads.
        self._stood_down: Optional[str] = None
        self._options_changed = True
        self._restarts = Restarts()
        self._declarations = Declarations(log)
        self._link: Optional[NodeLink] = None
        self._introduced = False
        # An attached process stood still when it was to take changed options.
        self._options_wait = False
        self._next_start = 0.0
        self._problem: Optional[str] = "orchbridge has not started yet"
        self._lasting = False
        self._last_tick = time.monotonic()
        # The last good options, once there were any, and what is wrong with the present ones.
        self.settings = Settings()
        self._configured = False
        self.settings_error: Optional[str] = None
        self.state: Optional[BackendState] = None
        self.features: List[str] = []
        self.failures: List[str] = []
        self.hello: Dict[str, Any] = {}
        # What the present process may do besides using its own files.
        self.permissions = NONE
        self.starts = 0
        self.crashes = 0
        self.connected_at: Optional[float] = None
        self.last_end: Optional[str] = None
        self.last_end_at: Optional[float] = None
        self.last_end_requested = False

    # What is known, from memory

    @property
    def connection(self) -> Optional[Connection]:
        """The connection, while Node runs and has introduced itself."""
        link = self._link
        return link.connection if link is not None and link.lives and self._introduced else None

    @property
    def down(self) -> Optional[str]:
        """Why Node does not run, or None while it does."""
        if self._stood_down is not None:
            return self._stood_down
        if self.connection is not None:
            return None
        if self.settings_error is not None and not self._configured:
            return self.settings_error
        # It ended this very moment, or what is in its way is known.
        return self._problem or "the Node process ended"

    @property
    def lasting(self) -> bool:
        """Whether `down` needs somebody to do something."""
        misconfigured = self.settings_error is not None and not self._configured
        return self._lasting or self._stood_down is not None or misconfigured

    @property
    def backend(self) -> Optional[str]:
        """The name of the backend, as far as it is known."""
        state = self.state
        return state.backend if state is not None and state.backend else self.settings.backend

    @property
    def stands_still(self) -> bool:
        """Whether an attached process has answered nothing for a while. One of ours would be ended."""
        link = self._link
        return isinstance(link, AttachedLink) and link.stands_still

    def available(self) -> BackendState:
        """The state of the backend, or of what is in its way."""
        if self._stood_down is not None:
            return BackendState(reason=self._stood_down, backend=self.settings.backend)
        if self.settings_error is not None:
            return BackendState(reason=self.settings_error)
        if self._configured and not self.settings.chosen and not self._lasting:
            return BackendState(reason=UNSET_BACKEND)
        if self.connection is None:
            return BackendState(reason=self._problem or "the Node process ended", backend=self.settings.backend)
        if self.stands_still:
            return BackendState(reason=STANDS_STILL, backend=self.backend)
        return self.state or BackendState(reason="the backend is starting", backend=self.settings.backend)

    # What callers need

    def wait_connected(self, deadline: float) -> Connection:
        """The connection, once there is one. Unavailable when none will come in time."""
        patience = min(deadline, time.monotonic() + PATIENCE)
        with self._changed:
            while True:
                if self._stood_down is not None:
                    raise Unavailable(self._stood_down)
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
        with self._no_start("a restart was requested"):
            self._restarts.forget()
            # Whatever was mended beside the options is looked at anew.
            self._declarations.forget()
            self._options_changed = True
            self._retire("a restart was requested")
        self._wake.set()

    def stand_down(self, reason: str) -> None:
        """Ends the Node process at once and starts no other: another manager leads. Waits for nothing."""
        with self._changed:
            self._stood_down = reason
            self.failures = []
            link = self._link
            self._changed.notify_all()
        if link is not None:
            link.kill(reason)

    def stop(self) -> None:
        """Ends the Node process and `run`."""
        self._stopping = True
        self._wake.set()
        with self._no_start("the module is shut down"):
            self._retire("the module is shut down")

    @contextmanager
    def _no_start(self, reason: str) -> Iterator[None]:
        """Holds the lifecycle. A start that is under way is given up: a backend may hang while it is loaded."""
        while not self._lifecycle.acquire(timeout=GIVE_UP):
            with self._changed:
                link = None if self._introduced else self._link
            if link is not None:
                link.process.expect_end(reason)
                link.kill(reason)
        try:
            yield
        finally:
            self._lifecycle.release()

    # The loop

    def run(self) -> None:
        """Supervises until `stop`. Never raises: the manager would give up the whole module."""
        while not self._stopping:
            for step in (self._look_at_options, self._tick, self._look):
                try:
                    step()
                except Exception:
                    self._log.exception("a bug in orchbridge's supervision")
            self._wake.wait(max(0.01, min(TICK, self._next_start - time.monotonic() if self._next_start else TICK)))
            self._wake.clear()

    def _tick(self) -> None:
        now = time.monotonic()
        # A machine that stood still for a while must not be taken for a silent Node.
        stood_still = now - self._last_tick > 4 * TICK + PING_TIMEOUT
        self._last_tick = now
        link = self._link
        if link is None:
            with self._lifecycle:
                if not self._stopping and self._stood_down is None and self._configured and now >= self._next_start:
                    self._try_start()
        elif self._introduced:
            link.watch_memory(self.hello.get("pid"), self.settings.resident_limit)
            link.watch(stood_still)
            if self._options_wait and not self.stands_still:
                self._configure(link, self.settings)
            self._last_tick = time.monotonic()

    def _look_at_options(self) -> None:
        if not self._options_changed:
            return
        self._options_changed = False
        former = self.settings, self._configured
        try:
            self._take_options()
        except Exception:
            (self.settings, self._configured), self._options_changed = former, True  # the next look takes them
            raise

    def _take_options(self) -> None:
        try:
            settings = self._read_settings()
            if self._link is not None and settings.node_path != self.settings.node_path:
                self._command(settings, NONE)
        except (SettingsError, NodeMissing) as problem:
            self._log.error("options: %s", problem)
            with self._changed:
                kept = "; the former configuration stays in use" if self._configured else ""
                self.settings_error = f"{problem}{kept}"
                self._changed.notify_all()
            return
        former, new = self.settings, not self._configured
        with self._changed:
            self.settings_error = None
            self.settings = settings
            self._configured = True
            self._changed.notify_all()
        if new or former != settings:
            self._apply(former, settings)

    def _apply(self, former: Settings, settings: Settings) -> None:
        link = self._link
        if link is None:
            self._next_start = 0.0
            self._lasting = False
        elif former.needs_new_process(settings):
            with self._lifecycle:
                self._retire("its options changed")
        elif self._introduced:
            self._hand_over(link, former, settings)

    def _hand_over(self, link: NodeLink, former: Settings, settings: Settings) -> None:
        """Other options to a process that runs: to itself, or to another one, when it may not do what they need."""
        if isinstance(link, AttachedLink):
            self._configure(link, settings)
            return
        try:
            # The new backend's files may be others than those that this process may read.
            same = link.starts_like(self._command(settings, self.permissions), self.permissions)
            if same:
                declared = self._declarations.ask(link.connection, settings, START_TIMEOUT)
            else:
                command = self._command(settings, NONE)
                declared = self._declarations.ask_apart(command, settings, START_TIMEOUT)
            same = link.starts_like(self._command(settings, declared), declared)
        except NodeMissing:
            same = True  # what runs, runs; the next start tells
        except BackendRefused as refused:
            if not same:
                self._keep(former, str(refused))
                return
        except CallTimeout:
            # Whether the process itself stands still is for the watchdog to say.
            self._keep(former, not_loaded(settings, START_TIMEOUT))
            return
        except BridgeFailure as failure:
            self._log.error("could not ask for the permissions of the changed options: %s", failure)
            link.kill("it did not take the changed options")
            return
        if same:
            self._configure(link, settings)
        else:
            with self._lifecycle:
                self._retire("its backend needs other permissions")

    def _keep(self, former: Settings, refusal: str) -> None:
        """The new options are of no use: what they were to replace goes on."""
        self._log.error("options: %s", refusal)
        with self._changed:
            self.settings = former
            self.settings_error = f"{refusal}; the former configuration stays in use"
            self._changed.notify_all()

    def _configure(self, link: NodeLink, settings: Settings) -> None:
        # The state stays until Node tells another one: it does not when nothing changes.
        params = {"backend": settings.backend_choice, "call_timeout": settings.call_timeout}
        attached = isinstance(link, AttachedLink)
        self._options_wait = False
        try:
            link.connection.call("bridge/configure", params, PING_TIMEOUT if attached else START_TIMEOUT)
        except BridgeFailure as failure:
            if attached and isinstance(failure, CallTimeout):
                self._options_wait = True
                return
            self._log.error("could not hand over the changed options: %s", failure)
            link.kill("it did not take the changed options")

    # One process

    def _try_start(self) -> None:
        try:
            self._start()
        except Exception:
            link = self._link
            if link is not None and not self._introduced:
                # Perhaps nobody waits for its end yet: it is told here, and once only.
                link.kill("its start failed in orchbridge")
                link.connection.close("its start failed in orchbridge")
                self.exited(link, "the Node process was ended: its start failed in orchbridge")
            raise

    def _start(self) -> None:
        # What an attached process may do was not for us to say.
        declared = NONE if self.settings.attach is not None else self._declarations.known(self.settings)
        link = self._launch(declared or NONE)
        if link is None:
            return
        self.starts += 1
        if declared is None:
            link = self._with_declared(link)
        if link is not None:
            self._introduce(link)

    def _launch(self, permissions: Permissions) -> Optional[NodeLink]:
        try:
            link = self._new_link(permissions)
        except NodeMissing as missing:
            self._fail(str(missing))
            return None
        except NotAttached as absent:
            self._postpone(str(absent))
            return None
        except OSError as error:
            self._fail(f"cannot start Node: {error}")
            return None
        with self._changed:
            self._link = link
            self._introduced = False
            self._next_start = 0.0
            self._problem = "Node is starting"
        self.permissions = permissions
        link.start()
        if self._stood_down is not None:
            link.kill(self._stood_down)
        return link

    def _new_link(self, permissions: Permissions) -> NodeLink:
        if self.settings.attach is not None:
            return AttachedLink(self.settings.attach, self, self._log)
        command = self._command(self.settings, permissions)
        return NodeLink(command, self, self._log, permissions.environment, self._variables(command))

    def _with_declared(self, link: NodeLink) -> Optional[NodeLink]:
        """The process that may do what the backend declares: this one, or another in its place."""
        try:
            declared = self._declarations.ask(link.connection, self.settings, START_TIMEOUT)
        except BackendRefused:
            return link  # it says so itself, once it is to create the backend
        except CallTimeout:
            told = f"it did not answer within {START_TIMEOUT:g} s of its start"
            link.kill(f"{told}, when it was to load the backend {self.settings.backend}")
            return None
        except BridgeFailure:
            return None  # it ended; `exited` knows more
        if declared == NONE:
            return link
        self._retire("its backend declares permissions")
        return self._launch(declared)

    def _introduce(self, link: NodeLink) -> None:
        try:
            hello = link.connection.call("initialize", introduction(self._session(), self.settings), START_TIMEOUT)
        except CallTimeout:
            link.kill(f"it did not answer within {START_TIMEOUT:g} s of its start")
            return
        except WireError as error:  # another schema: what is installed does not fit together
            self._retire("it refused to work with this module")
            self._fail(str(error))
            return
        except BridgeFailure:
            return  # it ended; `exited` knows more
        self._peer.connected(link.connection)
        with self._changed:
            if self._link is not link or not link.lives:
                return
            self.hello = hello if isinstance(hello, dict) else {}
            self._introduced = True
            self._problem = None
            self._lasting = False
            self.connected_at = time.monotonic()
            if isinstance(link, AttachedLink):
                self._restarts.forget()  # how often its author starts it anew is no sign of a flaw
            self._changed.notify_all()
        self._log.info(
            "Node %s runs, pid %s, orchbridge %s",
            self.hello.get("node"),
            self.hello.get("pid"),
            self.hello.get("version"),
        )

    def _retire(self, reason: str) -> None:
        """Ends the present process in good order; it is no crash."""
        with self._changed:
            link = self._link
            self._forget()
            self._next_start = 0.0
            self._lasting = False
            self._problem = f"Node is being restarted: {reason}"
            self._changed.notify_all()
        if link is not None:
            self._log.info("ending the Node process: %s", reason)
            link.end(reason)

    def _forget(self) -> None:
        self._options_wait = False
        self._link = None
        self._introduced = False
        self.state = None
        self.connected_at = None

    def _fail(self, problem: str) -> None:
        """There is no starting Node until somebody does something."""
        with self._changed:
            if self._problem != problem:
                self._log.error("%s", problem)
            self._problem = problem
            self._lasting = True
            self._next_start = time.monotonic() + MISSING_RETRY
            self._changed.notify_all()

    def _postpone(self, problem: str) -> None:
        """The author's process is not there, and may come at any time."""
        with self._changed:
            if self._problem != problem:
                self._log.warning("%s", problem)
            self._problem = problem
            self._next_start = time.monotonic() + self._restarts.ended(time.monotonic())
            self._changed.notify_all()

    # What a link tells (Owner)

    def told(self, link: NodeLink, method: str, params: Any) -> None:
        if method != "bridge/state":
            self._peer.notification(method, params)
            return
        state = BackendState(
            available=params.get("available") is True,
            reason=str(params.get("reason", "")),
            details=dict(params.get("details") or {}),
            backend=params.get("backend"),
            features=list(params.get("features") or []),
            failures=[str(line) for line in params.get("failures") or []],
        )
        with self._changed:
            if self._link is link:
                self.state = state
                self.features = state.features
                self.failures = [] if self._stood_down is not None else state.failures

    def asked(self, link: NodeLink, request_id: Any, method: str, params: Any) -> None:
        self._peer.request(link.connection, request_id, method, params)

    def exited(self, link: NodeLink, end: str) -> None:
        self.last_end, self.last_end_at = end, time.time()
        self.last_end_requested = link.process.end_was_asked
        with self._changed:
            if self._link is not link:
                return  # it was asked to end
            self._forget()
            if self._stood_down is not None or link.process.end_was_asked:
                return
            self.crashes += 1
            delay = self._restarts.ended(time.monotonic())
            self._next_start = time.monotonic() + delay
            self._problem = end
            self._changed.notify_all()
        again = "connected to" if isinstance(link, AttachedLink) else "started"
        self._log.error("%s; it is %s again in %.3g s", end, again, delay)
        self._wake.set()
