"""Joins the parts of the shim for one manager: what Node tells, what it asks, and what is reported of both."""

import re
import time
import traceback
import uuid
from typing import Any, Dict, Optional, Tuple

from .calls import Calls
from .connection import Connection
from .failure import WireError
from .followed import NOT_TAKEN_UP
from .forward import MODERN, public_methods
from .generated.methods import SCHEMA_HASH
from .health import Health
from .lease import Lease
from .mgr_port import MgrPort
from .option_values import OptionValues
from .progress import Operations, ProgressEvents
from .settings import DECLARED, Settings, read_settings
from .stats import Stats
from .supervisor import Supervisor
from .surroundings import Surroundings

if not MODERN:
    from .classic import Completions
    from .completion import Shapes
    from .native import to_native
    from .native_classic import ReadCompletion, WriteCompletion


class Bridge:
    """Everything that is not a method which a manager or another module calls by name."""

    def __init__(self, mgr: Any) -> None:
        self.mgr = mgr
        self.log = mgr.log
        self.stats = Stats()
        self._options = OptionValues(mgr)
        self.health = Health(mgr.set_health_checks)
        events = ProgressEvents(mgr.remote, MODERN, self.log)
        self.operations = Operations(events)
        surroundings = Surroundings(mgr, MODERN)
        self.supervisor = Supervisor(
            settings=self._settings,
            command=surroundings.command,
            variables=surroundings.variables,
            session=self._session,
            peer=self,
            look=self._look,
            log=self.log,
        )
        self.lease = Lease(
            identity=self._identity,
            mon_command=self.mon_command,
            lost=self.supervisor.stand_down,
            log=self.log,
        )
        self.calls = Calls(self.supervisor, self.stats, self.operations.begin)
        self._port = MgrPort(self, events, self.log)
        if not MODERN:
            shapes = Shapes(ReadCompletion, WriteCompletion, lambda method, value: to_native(method.result, value))
            self.completions = Completions(self.supervisor, self.calls, events, self.stats, shapes)

    def run(self) -> None:
        """Runs until `stop`. The lead is claimed while Node starts."""
        self.lease.start()
        self.supervisor.run()

    def stop(self) -> None:
        self.lease.stop()
        self.supervisor.stop()

    # What the supervisor tells (Peer)

    def connected(self, connection: Connection) -> None:
        self.health.connected(time.monotonic())
        self._port.connected()
        self.operations.connected()
        if not MODERN:
            self.completions.second_stages.connected()
        # Last: with it, Node begins to tell what it takes up.
        self.lease.connected(connection)

    def request(self, connection: Connection, request_id: Any, method: str, params: Any) -> None:
        self._port.request(connection, request_id, method, params)

    def notification(self, method: str, params: Dict[str, Any]) -> None:
        call = str(params.get("call", ""))
        if method == "bridge/progress":
            self._take_progress(call, float(params.get("fraction", 0)), str(params.get("message", "")))
        elif method == "bridge/resumed":
            self._take_up(call, str(params.get("title", "")), float(params.get("fraction", 0)))
        elif method == "bridge/effective":
            self._end(call, None)
        elif method == "bridge/failed":
            self._take_failure(call, params.get("error") or {})
        else:
            self.log.debug("ignored the notification %s", method)

    def _take_up(self, call: str, title: str, fraction: float) -> None:
        if MODERN or not self.completions.second_stages.take_up(call, fraction):
            self.operations.take_up(call, title, fraction)

    def _take_progress(self, call: str, fraction: float, message: str) -> None:
        if not self.operations.report(call, fraction, message) and not MODERN:
            self.completions.second_stages.report(call, fraction, message)

    def _take_failure(self, call: str, error: Dict[str, Any]) -> None:
        failure = WireError(error.get("code", 1007), str(error.get("message", "")), error.get("data"))
        title = self._end(call, failure)
        self.stats.note(title or call, str(failure))
        self.log.error("operation %s failed: %s", call, failure)

    def _end(self, call: str, failure: Optional[WireError]) -> Optional[str]:
        """Gives the title of the operation, if it is known."""
        title = self.operations.end(call, failure)
        if not MODERN:
            self.completions.second_stages.end(call, failure)
        return title

    # What the supervisor asks

    def _settings(self) -> Settings:
        self._options.refresh()
        return read_settings(self._options.get)

    def _session(self) -> Dict[str, Any]:
        mgr = self.mgr
        version = re.search(r"\d+\.\d+\.\d+\S*", mgr.version)
        return {
            "schema_hash": SCHEMA_HASH,
            "release": mgr.release_name,
            "ceph_version": version[0] if version else mgr.version,
            "dialect": "modern" if MODERN else "classic",
            "fsid": mgr.get("mon_map")["fsid"],
            "mgr": self._identity(),
            "owner": self.lease.token,
            "methods": public_methods(),
        }

    def _identity(self) -> Dict[str, Any]:
        mgr_map, name = self.mgr.get("mgr_map"), self.mgr.get_mgr_id()
        return {"name": name, "gid": mgr_map["active_gid"] if mgr_map.get("active_name") == name else None}

    def _look(self) -> None:
        supervisor = self.supervisor
        now = time.monotonic()
        down = supervisor.down
        state = supervisor.available()
        wanted = supervisor.settings.chosen or supervisor.settings_error is not None
        unavailable = state.reason if down is None and wanted and not state.available else None
        self.health.look(now, down, unavailable, supervisor.lasting, supervisor.failures)
        self._sweep(now, state.available and self.lease.settled)

    def _sweep(self, now: float, ready: bool) -> None:
        ended = self.operations.sweep(now, ready)
        if not MODERN:
            self.completions.sweep()
            ended += [(call, call) for call in self.completions.second_stages.sweep(now, ready)]
        for call, title in ended:
            self.stats.note(title, NOT_TAKEN_UP)
            self.log.error("operation %s: %s", call, NOT_TAKEN_UP)

    # What the Node process asks (Manager of mgr_port)

    def get(self, name: str) -> Any:
        return self.mgr.get(name)

    def mon_command(self, command: Dict[str, Any], inbuf: Optional[str] = None) -> Tuple[int, str, str]:
        retval, stdout, stderr = self.mgr.mon_command(command, inbuf)
        return int(retval), str(stdout), str(stderr)

    def option(self, name: str) -> Any:
        return self._options.get(name) if any(row["name"] == name for row in DECLARED) else None

    def log_to_cluster(self, level: str, message: str) -> None:
        """`level` is one of DEBUG, INFO, SEC, WARN and ERROR."""
        priorities = getattr(self.mgr, "ClusterLogPrio", None)
        priority = getattr(self.mgr, f"CLUSTER_LOG_PRIO_{level}") if priorities is None else priorities[level]
        self.mgr.cluster_log("cluster", priority, message)

    def set_health_checks_of_node(self, checks: Dict[str, Any]) -> None:
        self.health.set_of_node(checks)

    # What goes wrong here

    def report_bug(self, where: str, error: Exception) -> str:
        """Logs a bug of this module under an id and gives the line for the operator."""
        log_id = uuid.uuid4().hex[:8]
        stack = "".join(traceback.format_exception(type(error), error, error.__traceback__))
        self.log.error("bug in orchbridge, log id %s: %s\n%s", log_id, where, stack)
        what = f"{type(error).__name__}: {error}"
        return f"{where} failed unexpectedly in orchbridge: {what} (log id {log_id} in the mgr log)"

    def report_silent_failure(self, name: str, text: str) -> None:
        """For methods whose caller takes no answer: the cluster log is where an operator looks next."""
        self.log.error("%s: %s", name, text)
        self.log_to_cluster("ERROR", f"ceph orch {name.replace('_completions', '')}: {text}")
