"""The other direction: what a Python module gets from MgrModule, for the Node process (`mgr/...` requests)."""

import json
import logging
import threading
import zlib
from typing import Any, Callable, Dict, Optional, Protocol, Set, Tuple

from .completion import Events
from .connection import Connection
from .failure import BadValue, BridgeFailure
from .wire import SAFE_INTEGER
from .workers import Workers

THREADS = 8
WAITING = 1000
# The journal's keys, and how many of its requests are served at once; those of one key in their order.
JOURNAL = "op/"
JOURNAL_THREADS = 4
# Monitors keep no more of one value.
STORE_LIMIT = 65_536
_STORE = "mgr/orchbridge/"
_ENOENT = -2

_ORCHESTRATOR_ERROR, _UNAVAILABLE_ERROR, _INTERNAL_ERROR = 1001, 1005, 1007
_METHOD_NOT_FOUND, _INVALID_PARAMS = -32601, -32602

_LEVELS = {"debug": "DEBUG", "info": "INFO", "security": "SEC", "warn": "WARN", "error": "ERROR"}


class Manager(Protocol):
    """What of a MgrModule is used here."""

    def get(self, name: str) -> Any: ...

    def mon_command(self, command: Dict[str, Any], inbuf: Optional[str] = None) -> Tuple[int, str, str]: ...

    def option(self, name: str) -> Any: ...

    def log_to_cluster(self, level: str, message: str) -> None: ...

    def set_health_checks_of_node(self, checks: Dict[str, Any]) -> None: ...


class _Failed(Exception):
    """The manager answered with an errno."""

    def __init__(self, errno: int, message: str) -> None:
        super().__init__(message)
        self.errno = errno


class MgrPort:
    """Serves the requests off the threads that read messages: a monitor without quorum does not answer for long."""

    def __init__(self, manager: Manager, events: Events, log: logging.Logger) -> None:
        self._manager = manager
        self._events = events
        self._log = log
        # Progress events of the present Node process that have not ended.
        self._open_events: Set[str] = set()
        self._workers = Workers("orchbridge-mgr-port", THREADS, WAITING, log)
        # However much a backend asks for, the journal does not wait behind it.
        self._journal = [Workers("orchbridge-journal", 1, WAITING, log) for _ in range(JOURNAL_THREADS)]
        self._methods: Dict[str, Callable[[Dict[str, Any]], Any]] = {
            "mgr/get": self._get,
            "mgr/command": self._command,
            "mgr/store_get": self._store_get,
            "mgr/store_set": self._store_set,
            "mgr/store_list": self._store_list,
            "mgr/set_health_checks": self._set_health_checks,
            "mgr/progress": self._progress,
            "mgr/cluster_log": self._cluster_log,
            "mgr/option": self._option,
        }

    def connected(self) -> None:
        """A new Node process runs: nobody ends the progress events of the one before."""
        left, self._open_events = self._open_events, set()
        for event in left:
            self._events.fail(event, "the Node process that told of it has ended")

    def request(self, connection: Connection, request_id: Any, method: str, params: Any) -> None:
        """Takes a request; the answer follows from another thread."""
        workers = self._workers_for(method, params)

        def serve() -> None:
            self._serve(connection, request_id, method, params)

        lists_journal = method == "mgr/store_list" and workers is not self._workers
        if not (self._submit_behind_writes(serve) if lists_journal else workers.submit(serve)):
            # From here, where messages are read, since nobody else is free: so without a wait.
            text = f"{method}: {WAITING} requests to the manager are waiting already"
            data = {"type": "UnavailableError", "errno": 11}
            connection.respond_error(request_id, _UNAVAILABLE_ERROR, text, data, timeout=0.0)

    def _submit_behind_writes(self, serve: Callable[[], None]) -> bool:
        """Has it done after all that was asked of the journal before, by former Node processes too.

        These may have left writes that wait for the monitors. A list that overtook one would hide an operation from the
        process that is to take it up, and from everyone until the next.
        """
        first, *others = self._journal
        passed = [threading.Event() for _ in others]

        def serve_then() -> None:
            for event in passed:
                event.wait()
            serve()

        return all(workers.submit(event.set) for workers, event in zip(others, passed)) and first.submit(serve_then)

    def _workers_for(self, method: str, params: Any) -> Workers:
        key = params.get("key", params.get("prefix")) if isinstance(params, dict) else None
        if not method.startswith("mgr/store_") or not isinstance(key, str) or not key.startswith(JOURNAL):
            return self._workers
        return self._journal[zlib.crc32(key.encode("utf-8", "surrogatepass")) % JOURNAL_THREADS]

    def _serve(self, connection: Connection, request_id: Any, method: str, params: Any) -> None:
        serve = self._methods.get(method)
        if serve is None:
            connection.respond_error(
                request_id, _METHOD_NOT_FOUND, f"the manager has no {method}", {"type": "MethodNotFound"}
            )
            return
        try:
            result = serve(params if isinstance(params, dict) else {})
            connection.respond(request_id, result)
        except BadValue as failure:
            connection.respond_error(request_id, _INVALID_PARAMS, f"{method}: {failure}", {"type": "InvalidParams"})
        except _Failed as failure:
            data = {"type": "OrchestratorError", "errno": failure.errno}
            connection.respond_error(request_id, _ORCHESTRATOR_ERROR, f"{method}: {failure}", data)
        except BridgeFailure:
            pass  # the connection is gone
        except Exception as error:
            self._log.exception("%s of the Node process failed", method)
            text = f"{method} failed: {type(error).__name__}: {error}"
            connection.respond_error(request_id, _INTERNAL_ERROR, text, {"type": "InternalError", "errno": 5})

    # The methods

    def _get(self, params: Dict[str, Any]) -> Any:
        return plain(self._manager.get(_text(params, "name")))

    def _command(self, params: Dict[str, Any]) -> Any:
        command = {name: value for name, value in params.items() if name != "inbuf" and value is not None}
        _text(params, "prefix")
        retval, stdout, stderr = self._manager.mon_command(command, params.get("inbuf"))
        return {"retval": retval, "stdout": stdout, "stderr": stderr}

    def _store_get(self, params: Dict[str, Any]) -> Any:
        # Not get_store: on 14.2 its cache does not see what `config-key set` wrote.
        retval, stdout, stderr = self._key_command("get", _text(params, "key"))
        if retval == _ENOENT:
            return None
        _check(retval, stderr)
        return stdout

    def _store_set(self, params: Dict[str, Any]) -> Any:
        # Not set_store: it swallows errors, and keeps and logs a value that the monitors refused.
        key, value = _text(params, "key"), params.get("value")
        if value is None:
            retval, _, stderr = self._key_command("rm", key)
            _check(0 if retval == _ENOENT else retval, stderr)
            return {}
        if not isinstance(value, str):
            # Not the value itself: it may be secret.
            raise BadValue(f"value: expected string or null, got {type(value).__name__}")
        size = len(value.encode("utf-8", "surrogatepass"))
        if size > STORE_LIMIT:
            raise BadValue(f"value: expected at most {STORE_LIMIT} bytes, got {size}")
        retval, _, stderr = self._key_command("set", key, val=value)
        _check(retval, stderr)
        return {}

    def _store_list(self, params: Dict[str, Any]) -> Any:
        prefix = _STORE + _text(params, "prefix")
        retval, stdout, stderr = self._manager.mon_command(
            {"prefix": "config-key dump", "key": prefix, "format": "json"}
        )
        _check(retval, stderr)
        found = json.loads(stdout or "{}")
        return {name[len(_STORE) :]: value for name, value in found.items() if name.startswith(prefix)}

    def _key_command(self, verb: str, key: str, **more: str) -> Tuple[int, str, str]:
        return self._manager.mon_command({"prefix": f"config-key {verb}", "key": _STORE + key, **more})

    def _set_health_checks(self, params: Dict[str, Any]) -> Any:
        checks = params.get("checks")
        if not isinstance(checks, dict) or not all(isinstance(check, dict) for check in checks.values()):
            raise BadValue("checks: expected an object of health checks")
        self._manager.set_health_checks_of_node(checks)
        return {}

    def _progress(self, params: Dict[str, Any]) -> Any:
        event, message, fraction = _text(params, "id"), _text(params, "message"), params.get("fraction")
        if not isinstance(fraction, (int, float)) or isinstance(fraction, bool):
            raise BadValue(f"fraction: expected a number, got {json.dumps(fraction)[:40]}")
        failed = params.get("failed")
        if failed is None and fraction < 1:
            self._open_events.add(event)
            self._events.update(event, message, float(fraction))
            return {}
        self._open_events.discard(event)
        if failed is not None:
            self._events.fail(event, str(failed))
        else:
            self._events.complete(event)
        return {}

    def _cluster_log(self, params: Dict[str, Any]) -> Any:
        level = _LEVELS.get(_text(params, "level"))
        if level is None:
            raise BadValue(f"level: expected one of {', '.join(_LEVELS)}, got {params['level']}")
        self._manager.log_to_cluster(level, _text(params, "message"))
        return {}

    def _option(self, params: Dict[str, Any]) -> Any:
        return plain(self._manager.option(_text(params, "name")))


def _text(params: Dict[str, Any], name: str) -> str:
    value = params.get(name)
    if not isinstance(value, str):
        raise BadValue(f"{name}: expected string, got {json.dumps(value)[:40]}")
    return value


def _check(retval: int, stderr: str) -> None:
    if retval != 0:
        raise _Failed(abs(retval), stderr or f"the monitors answered {retval}")


def plain(value: Any) -> Any:
    """What the manager gives, as JSON.

    Numbers that JavaScript cannot hold become null: the maps are full of 64-bit feature masks, and must be readable in
    spite of them.
    """
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, int):
        return int(value) if -SAFE_INTEGER <= value <= SAFE_INTEGER else None
    if isinstance(value, float):
        return value if value - value == 0 else None
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set)):
        return [plain(item) for item in value]
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return str(value)
