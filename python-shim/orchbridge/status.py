"""What `ceph orchbridge status` tells."""

import platform
import time
from typing import Any, Dict, List

from .answers import Answer, as_json, duration, indented, utc
from .forward import MODERN
from .generated.methods import SCHEMA_HASH


def show_status(bridge: Any, cmd: Dict[str, Any]) -> Answer:
    """The command."""
    found = status_of(bridge)
    return as_json(cmd, found) or (0, "\n".join(_lines(found)), "")


def status_of(bridge: Any) -> Dict[str, Any]:
    """All that the module knows about itself."""
    supervisor = bridge.supervisor
    state = supervisor.available()
    connection = supervisor.connection
    now = time.monotonic()
    hello = supervisor.hello if connection is not None else {}
    attach, chosen = supervisor.settings.attach, supervisor.settings.backend
    return {
        "version": hello.get("version"),
        "schema_hash": SCHEMA_HASH,
        "release": bridge.mgr.release_name,
        "python": platform.python_version(),
        "backend": {
            "name": supervisor.backend,
            # Of one that is not built in; the name alone would not tell which of two files is in use.
            "file": chosen if chosen is not None and chosen.startswith("/") else None,
            "available": state.available,
            "reason": state.reason,
            "details": state.details,
            "permissions": supervisor.permissions.to_json(),
        },
        "node": {
            "running": connection is not None,
            "problem": supervisor.down,
            "version": hello.get("node"),
            "pid": hello.get("pid"),
            "uptime_s": None if supervisor.connected_at is None else round(now - supervisor.connected_at, 1),
            "restarts": max(0, supervisor.starts - 1),
            "crashes": supervisor.crashes,
            "last_end": supervisor.last_end,
            "last_end_at": utc(supervisor.last_end_at),
            "last_end_requested": supervisor.last_end_requested,
        },
        "permissions": None if connection is None else _permissions(supervisor, str(hello.get("node", ""))),
        # Where the author's process listens that is used in place of one of ours.
        "attached": None if attach is None else {"socket": attach, "stands_still": supervisor.stands_still},
        "calls": {**bridge.stats.counts(), "on_the_wire": 0 if connection is None else connection.pending},
        "completions": None if MODERN else bridge.completions.counts(),
        "operations": bridge.operations.titles(),
        "failures": supervisor.failures,
        "lease": _lease(bridge.lease),
        "last_errors": bridge.stats.errors(),
        "bridge": bridge.calls.ask("bridge/status", {}, 2.0),
    }


def _permissions(supervisor: Any, node: str) -> str:
    if supervisor.settings.attach is not None:
        return "those of the attached process, which are not limited"
    return str(supervisor.permissions.sentence(node))


def _lease(lease: Any) -> Dict[str, Any]:
    owner = lease.owner
    return {
        "held": lease.remaining > 0,
        "seconds_left": round(lease.remaining, 1),
        # Until then, processes of former owners may act.
        "fence_seconds_left": round(lease.fence, 1),
        "problem": lease.problem,
        "token": lease.token,
        "owner": None if owner is None else {"token": owner.token, "name": owner.name, "gid": owner.gid},
    }


def _named(backend: Dict[str, Any]) -> str:
    name, file = backend["name"], backend["file"]
    return name or "(none)" if file in (None, name) else f"{name}, from {file}"


def _lines(status: Dict[str, Any]) -> List[str]:
    node, backend, calls = status["node"], status["backend"], status["calls"]
    lines = [
        f"orchbridge {status['version'] or '(not running)'}, schemas {status['schema_hash']}",
        f"Backend: {_named(backend)}",
        f"Available: {'Yes' if backend['available'] else 'No (' + backend['reason'] + ')'}",
    ]
    if status["attached"] is not None:
        still = ", which does not answer" if status["attached"]["stands_still"] else ""
        lines.append(f"Attached: the process at {status['attached']['socket']}{still}")
    if status["permissions"] is not None:
        lines.append(f"Permissions: {status['permissions']}")
    if node["running"]:
        starts = f"restarts: {node['restarts']} ({node['crashes']} after a crash)"
        lines.append(f"Node: {node['version']}, pid {node['pid']}, up {duration(node['uptime_s'])}, {starts}")
    else:
        lines.append(f"Node: not running ({node['problem']})")
    if node["last_end"]:
        lines.append(f"Last end: {node['last_end_at']} {node['last_end']}")
    lines.append(f"Calls: {calls['answered']} answered, {calls['failed']} failed, {calls['pending']} pending")
    lines.append(_lease_line(status["lease"]))
    if status["operations"]:
        lines.append("Operations under way:")
        lines += indented([f"{call}  {title}" for call, title in status["operations"].items()])
    if status["failures"]:
        lines.append("Failed operations (see ceph orchbridge op ls):")
        lines += indented(status["failures"])
    if status["last_errors"]:
        lines.append("Last errors:")
        lines += indented([f"{error['at']}  {error['method']}: {error['message']}" for error in status["last_errors"]])
    return lines


def _lease_line(lease: Dict[str, Any]) -> str:
    owner = lease["owner"]
    if lease["held"]:
        fence = lease["fence_seconds_left"]
        waits = f"; operations of before are taken up in {fence:.0f} s" if fence else ""
        return f"Lease: held by mgr.{owner['name']}, {lease['seconds_left']:.0f} s left{waits}"
    return f"Lease: not held ({lease['problem'] or 'not claimed yet'})"
