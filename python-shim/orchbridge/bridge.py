"""Joins the parts of the shim for one manager: what Node tells, what it asks, and what is reported of both."""

import re
import time
import traceback
import uuid
from typing import Any, Dict, Optional, Tuple

from .calls import Calls
from .connection import Connection
from .failure import WireError
from .forward import MODERN, public_methods
from .generated.methods import SCHEMA_HASH
from .health import Health
from .mgr_port import MgrPort
from .node import node_command
from .option_values import OptionValues
from .progress import Operations, ProgressEvents
from .settings import DECLARED, Settings, read_settings
from .stats import Stats
from .supervisor import Supervisor

if not MODERN:
    from .classic import Completions


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
        self.supervisor = Supervisor(
            settings=self._settings,
            command=node_command,
            session=self._session,
            peer=self,
            look=self._look,
            log=self.log,
        )
        self.calls = Calls(self.supervisor, self.stats, self.operations.begin)
        self._port = MgrPort(self, events, self.log)
        if not MODERN:
            self.completions = Completions(self.supervisor, self.calls, events, self.stats)

    # What the supervisor tells (Peer)

    def lost(self, reason: str) -> None:
        self.operations.lost(reason)
        if not MODERN:
            self.completions.lost(reason)

    def request(self, connection: Connection, request_id: Any, method: str, params: Any) -> None:
        self._port.request(connection, request_id, method, params)

    def notification(self, method: str, params: Dict[str, Any]) -> None:
        call = str(params.get("call", ""))
        if method == "bridge/progress":
            self._take_progress(call, float(params.get("fraction", 0)), str(params.get("message", "")))
        elif method == "bridge/effective":
            if self.operations.end(call) is None and not MODERN:
                self.completions.end(call)
        elif method == "bridge/failed":
            self._take_failure(call, params.get("error") or {})
        else:
            self.log.debug("ignored the notification %s", method)

    def _take_progress(self, call: str, fraction: float, message: str) -> None:
        if not self.operations.report(call, fraction, message) and not MODERN:
            self.completions.report(call, fraction, message)

    def _take_failure(self, call: str, error: Dict[str, Any]) -> None:
        failure = WireError(error.get("code", 1007), str(error.get("message", "")), error.get("data"))
        title = self.operations.end(call, str(failure))
        if title is None and not MODERN:
            self.completions.end(call, failure)
        self.stats.note(title or call, str(failure))
        self.log.error("operation %s failed: %s", call, failure)

    # What the supervisor asks

    def _settings(self) -> Settings:
        self._options.refresh()
        return read_settings(self._options.get)

    def _session(self) -> Dict[str, Any]:
        mgr = self.mgr
        mgr_map = mgr.get("mgr_map")
        name = mgr.get_mgr_id()
        version = re.search(r"\d+\.\d+\.\d+\S*", mgr.version)
        return {
            "schema_hash": SCHEMA_HASH,
            "release": mgr.release_name,
            "ceph_version": version[0] if version else mgr.version,
            "dialect": "modern" if MODERN else "classic",
            "fsid": mgr.get("mon_map")["fsid"],
            "mgr": {"name": name, "gid": mgr_map["active_gid"] if mgr_map.get("active_name") == name else None},
            "methods": public_methods(),
        }

    def _look(self) -> None:
        supervisor = self.supervisor
        down = supervisor.down
        state = supervisor.available()
        wanted = supervisor.settings.backend is not None or supervisor.settings_error is not None
        unavailable = state.reason if down is None and wanted and not state.available else None
        self.health.look(time.monotonic(), down, unavailable, supervisor.lasting)
        if not MODERN:
            self.completions.sweep()

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
