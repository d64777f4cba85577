"""One Node process at a time, from its start to its end, and why there is none."""

import logging
import threading
import time
from contextlib import contextmanager
from typing import Any, Callable, Dict, Iterator, List, Mapping, Optional, Protocol

from .attach import AttachedLink, NotAttached
from .connection import Connection
from .declarations import BackendRefused, Declarations
from .failure import BridgeFailure, CallTimeout, WireError
from .known import BackendState, Known
from .link import NodeLink, introduction
from .node import NodeMissing
from .permissions import NONE, Permissions
from .restarts import Restarts
from .settings import Settings

START_TIMEOUT = 20.0
# Node may be installed or replaced at any time.
MISSING_RETRY = 10.0
# How often who ends a process looks for a start that is in the way.
GIVE_UP = 0.05


class Peer(Protocol):
    """Who uses the connection. All methods must return at once."""

    def connected(self, connection: Connection) -> None:
        """A new process has introduced itself; nobody uses it yet."""

    def notification(self, method: str, params: Dict[str, Any]) -> None: ...

    def request(self, connection: Connection, request_id: Any, method: str, params: Any) -> None: ...


class Lifecycle(Known):
    """Starts in the supervisor's thread; ends in whichever thread asks."""

    def __init__(
        self,
        command: Callable[[Settings, Permissions], List[str]],
        variables: Callable[[List[str]], Mapping[str, str]],
        session: Callable[[], Dict[str, Any]],
        peer: Peer,
        log: logging.Logger,
    ) -> None:
        super().__init__()
        self._command = command
        self._variables = variables
        self._session = session
        self._peer = peer
        self._log = log
        # One process at a time: the next starts when the former has ended.
        self._lifecycle = threading.Lock()
        self._wake = threading.Event()
        self._restarts = Restarts()
        self._declarations = Declarations(log)
        # An attached process stood still when it was to take changed options.
        self._options_wait = False

    # Start

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

    # End

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
