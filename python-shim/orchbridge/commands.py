"""The commands of the module: `ceph orchbridge ...`."""

import errno
import json
import platform
import time
from typing import Any, Callable, Dict, List, Optional, Tuple

from .activation import activate, deactivate
from .forward import MODERN, feature_names, public_methods
from .generated.methods import SCHEMA_HASH

Answer = Tuple[int, str, str]

_FORMAT = "name=format,type=CephChoices,strings=plain|json|json-pretty,req=false"

COMMANDS: List[Dict[str, str]] = [
    {"cmd": "orchbridge activate", "desc": "Make orchbridge the orchestrator of this cluster", "perm": "rw"},
    {
        "cmd": "orchbridge deactivate",
        "desc": "Stop being the orchestrator; run before disabling the module",
        "perm": "rw",
    },
    {"cmd": f"orchbridge status {_FORMAT}", "desc": "Show the backend, the Node process and its calls", "perm": "r"},
    {"cmd": f"orchbridge features {_FORMAT}", "desc": "List what the backend can do", "perm": "r"},
    {"cmd": "orchbridge restart", "desc": "Restart the Node process", "perm": "rw"},
]


def handle(bridge: Any, cmd: Dict[str, Any]) -> Answer:
    """Runs a command."""
    run = _HANDLERS.get(cmd["prefix"])
    if run is None:
        return -errno.EINVAL, "", f"orchbridge has no command {cmd['prefix']}"
    return run(bridge, cmd)


def _status(bridge: Any, cmd: Dict[str, Any]) -> Answer:
    status = status_of(bridge)
    if cmd.get("format", "plain").startswith("json"):
        return 0, json.dumps(status, sort_keys=True, indent=2 if cmd["format"] == "json-pretty" else None), ""
    return 0, "\n".join(_status_lines(status)), ""


def status_of(bridge: Any) -> Dict[str, Any]:
    """All that the module knows about itself."""
    supervisor = bridge.supervisor
    state = supervisor.available()
    connection = supervisor.connection
    now = time.monotonic()
    hello = supervisor.hello if connection is not None else {}
    return {
        "version": hello.get("version"),
        "schema_hash": SCHEMA_HASH,
        "release": bridge.mgr.release_name,
        "python": platform.python_version(),
        "backend": {
            "name": supervisor.settings.backend,
            "available": state.available,
            "reason": state.reason,
            "details": state.details,
        },
        "node": {
            "running": connection is not None,
            "problem": supervisor.down,
            "version": hello.get("node"),
            "pid": hello.get("pid"),
            "uptime_s": None if supervisor.connected_at is None else round(now - supervisor.connected_at, 1),
            "restarts": max(0, supervisor.starts - 1),
            "last_end": supervisor.last_end,
            "last_end_at": _utc(supervisor.last_end_at),
        },
        "calls": {**bridge.stats.counts(), "on_the_wire": 0 if connection is None else connection.pending},
        "completions": None if MODERN else bridge.completions.counts(),
        "operations": bridge.operations.titles(),
        "last_errors": bridge.stats.errors(),
        "bridge": bridge.calls.ask("bridge/status", {}, 2.0),
    }


def _status_lines(status: Dict[str, Any]) -> List[str]:
    node, backend, calls = status["node"], status["backend"], status["calls"]
    lines = [
        f"orchbridge {status['version'] or '(not running)'}, schemas {status['schema_hash']}",
        f"Backend: {backend['name'] or '(none)'}",
        f"Available: {'Yes' if backend['available'] else 'No (' + backend['reason'] + ')'}",
    ]
    if node["running"]:
        up = _duration(node["uptime_s"])
        lines.append(f"Node: {node['version']}, pid {node['pid']}, up {up}, restarts: {node['restarts']}")
    else:
        lines.append(f"Node: not running ({node['problem']})")
    if node["last_end"]:
        lines.append(f"Last end: {node['last_end_at']} {node['last_end']}")
    lines.append(f"Calls: {calls['answered']} answered, {calls['failed']} failed, {calls['pending']} pending")
    if status["operations"]:
        lines.append("Operations under way:")
        lines += [f"  {call}  {title}" for call, title in status["operations"].items()]
    if status["last_errors"]:
        lines.append("Last errors:")
        lines += [f"  {error['at']}  {error['method']}: {error['message']}" for error in status["last_errors"]]
    return lines


def _features(bridge: Any, cmd: Dict[str, Any]) -> Answer:
    supported = set(bridge.supervisor.features)
    names = feature_names() if MODERN else [name for name in public_methods() if name not in _ALWAYS]
    features = {name: name in supported for name in names}
    if cmd.get("format", "plain").startswith("json"):
        return 0, json.dumps(features, sort_keys=True), ""
    width = max(map(len, features))
    return 0, "\n".join(f"{name.ljust(width)}  {'yes' if has else 'no'}" for name, has in features.items()), ""


_ALWAYS = ("is_orchestrator_module", "available", "wait")


def _restart(bridge: Any, cmd: Dict[str, Any]) -> Answer:
    del cmd
    supervisor = bridge.supervisor
    supervisor.restart()
    began = time.monotonic()
    while time.monotonic() - began < 10:
        if supervisor.connection is not None:
            return 0, f"Node was restarted, pid {supervisor.hello.get('pid')}", ""
        if supervisor.lasting:
            break
        time.sleep(0.05)
    return -errno.EAGAIN, "", f"Node does not run: {supervisor.down}"


def _activate(bridge: Any, cmd: Dict[str, Any]) -> Answer:
    del cmd
    return activate(bridge.mgr)


def _deactivate(bridge: Any, cmd: Dict[str, Any]) -> Answer:
    del cmd
    return deactivate(bridge.mgr)


_HANDLERS: Dict[str, Callable[[Any, Dict[str, Any]], Answer]] = {
    "orchbridge activate": _activate,
    "orchbridge deactivate": _deactivate,
    "orchbridge status": _status,
    "orchbridge features": _features,
    "orchbridge restart": _restart,
}


def _duration(seconds: Optional[float]) -> str:
    if seconds is None:
        return "?"
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.0f} s"


def _utc(at: Optional[float]) -> Optional[str]:
    return None if at is None else time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))
