"""Joins the parts of the shim for one Python program: as Bridge does for a manager."""

import logging
import os
import threading
import time
import uuid
from typing import Any, Callable, Dict, List

from ..calls import Calls
from ..classic import Completions
from ..connection import Connection
from ..failure import BridgeFailure, Unavailable, WireError
from ..generated.methods import CLASSIC, SCHEMA_HASH
from ..lease import Lease
from ..mgr_port import MgrPort
from ..node import FOLDER, node_command
from ..permissions import Permissions
from ..settings import Settings
from ..stats import Stats
from ..supervisor import Supervisor
from .completions import RELEASE, SHAPES
from .exceptions import OrchestratorError, OrchestratorValidationError, to_exception
from .stand_in import ManagerStandIn

LOGGER = "orchbridge"
START_TIMEOUT = 60.0
# As a library does: what is logged goes where the program sends it, and nowhere otherwise.
logging.getLogger(LOGGER).addHandler(logging.NullHandler())
_VERSION = "13.2.10"
_NODE_CURE = "Orchestrator(…, node=PATH)"


class Changes:
    """Wakes who waits for the end of writes (Events of completion)."""

    def __init__(self) -> None:
        self._changed = threading.Condition()

    def wait_for(self, what: Callable[[], bool], timeout: float) -> bool:
        """Whether it has become true in time."""
        with self._changed:
            return self._changed.wait_for(what, timeout)

    def update(self, event: str, message: str, fraction: float) -> None:
        del event, message, fraction

    def complete(self, event: str) -> None:
        del event
        self.wake()

    def fail(self, event: str, message: str) -> None:
        del event, message
        self.wake()

    def wake(self) -> None:
        """For who has to look again."""
        with self._changed:
            self._changed.notify_all()


class Session:
    """One Node process, started again when it ends, and the calls made to it."""

    def __init__(self, settings: Settings) -> None:
        # Its own, that it can be quieted alone; what it takes goes on to the program's.
        self._log = log = logging.Logger(LOGGER)
        log.parent = logging.getLogger(LOGGER)
        self._fsid = str(uuid.uuid4())
        self._manager = ManagerStandIn(log)
        self.changes = Changes()
        self.supervisor = Supervisor(
            settings=lambda: settings,
            command=_command,
            session=self._introduction,
            peer=self,
            look=self._look,
            log=log,
        )
        self._lease = Lease(
            identity=self._manager.identity,
            mon_command=self._manager.mon_command,
            lost=self.supervisor.stand_down,
            log=log,
        )
        self._port = MgrPort(self._manager, self.changes, log)
        stats = Stats()
        calls = Calls(self.supervisor, stats, lambda _call, _title: None)
        self.completions = Completions(self.supervisor, calls, self.changes, stats, SHAPES)

    def start(self) -> None:
        """Returns once the backend has been loaded. Raises OrchestratorError when that is not possible."""
        self._lease.start()
        threading.Thread(target=self.supervisor.run, name="orchbridge-supervisor", daemon=True).start()
        deadline = time.monotonic() + START_TIMEOUT
        try:
            connection = self._first_connection(deadline)
            settings = self.supervisor.settings
            checked = connection.call("bridge/check", {"backend": settings.backend_choice}, START_TIMEOUT)
        except BridgeFailure as failure:
            raise to_exception(failure) from failure
        if "refused" in checked:
            raise OrchestratorValidationError(str(checked["refused"]))
        while self.supervisor.state is None:
            if self.supervisor.crashes > 0:
                raise OrchestratorError(str(self.supervisor.last_end))
            if time.monotonic() >= deadline:
                raise OrchestratorError(f"the backend {settings.backend} was not created within {START_TIMEOUT:g} s")
            time.sleep(0.01)

    def _first_connection(self, deadline: float) -> Connection:
        supervisor = self.supervisor
        while True:
            try:
                return supervisor.wait_connected(deadline)
            except Unavailable:
                # A first start that fails is told; later ones are tried again and again, as in a manager.
                if supervisor.lasting or supervisor.crashes > 0 or time.monotonic() >= deadline:
                    raise
                time.sleep(0.05)

    def stop(self) -> None:
        """Ends the Node process in good order."""
        # Node warns that it leaves traces of what has ended; they are in this program's memory, and go too.
        self._log.addFilter(lambda record: record.levelno >= logging.ERROR)
        self._lease.stop()
        self.supervisor.stop()
        self.changes.wake()

    # What the supervisor tells (Peer)

    def connected(self, connection: Connection) -> None:
        self.completions.second_stages.connected()
        self._lease.connected(connection)

    def request(self, connection: Connection, request_id: Any, method: str, params: Any) -> None:
        self._port.request(connection, request_id, method, params)

    def notification(self, method: str, params: Dict[str, Any]) -> None:
        stages, call = self.completions.second_stages, str(params.get("call", ""))
        if method == "bridge/progress":
            stages.report(call, float(params.get("fraction", 0)), str(params.get("message", "")))
        elif method == "bridge/resumed":
            stages.take_up(call, float(params.get("fraction", 0)))
        elif method == "bridge/effective":
            stages.end(call)
        elif method == "bridge/failed":
            error = params.get("error") or {}
            stages.end(call, WireError(error.get("code", 1007), str(error.get("message", "")), error.get("data")))

    # What the supervisor asks

    def _introduction(self) -> Dict[str, Any]:
        return {
            "schema_hash": SCHEMA_HASH,
            "release": RELEASE,
            "ceph_version": _VERSION,
            "dialect": "classic",
            "fsid": self._fsid,
            "mgr": self._manager.identity(),
            "owner": self._lease.token,
            "methods": [name for name, method in CLASSIC.items() if not method.local],
        }

    def _look(self) -> None:
        self.completions.sweep()
        ready = self.supervisor.available().available and self._lease.settled
        self.completions.second_stages.sweep(time.monotonic(), ready)


def _command(settings: Settings, declared: Permissions) -> List[str]:
    return node_command(settings, declared, program_folder(), _NODE_CURE)


def program_folder() -> str:
    """Where the JavaScript is: beside an installed shim; in the npm package, and after a build, in dist/module."""
    built = os.path.normpath(os.path.join(FOLDER, "..", "..", "dist", "module"))
    installed = os.path.isfile(os.path.join(FOLDER, "js", "main.mjs"))
    return FOLDER if installed or not os.path.isdir(built) else built
