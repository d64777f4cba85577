"""The commands for operations: `ceph orchbridge op ...`. Node answers; this side asks, with a bound, and prints."""

import errno
import json
import time
from typing import Any, Callable, Dict, List

from .answers import FORMAT, Answer, as_json, cell, indented, percent, table
from .errors import errno_of
from .failure import BadAnswer, BridgeFailure, Unavailable

# On 14.2 the commands of all modules wait for this one.
PATIENCE = 5.0

_ID = "name=id,type=CephString"

COMMANDS: List[Dict[str, str]] = [
    {"cmd": f"orchbridge op ls {FORMAT}", "desc": "List the operations that are not finished", "perm": "r"},
    {"cmd": f"orchbridge op show {_ID} {FORMAT}", "desc": "Show an operation with its parameters", "perm": "r"},
    {"cmd": f"orchbridge op retry {_ID}", "desc": "Try a failed operation again", "perm": "rw"},
    {
        "cmd": f"orchbridge op forget {_ID} name=yes_i_really_mean_it,type=CephBool,req=false",
        "desc": "Stop an operation and remove it for good",
        "perm": "rw",
    },
]

_COLUMNS = ("id", "state", "progress", "attempts", "since", "backend", "method", "title", "error")
# Shown first and in this order; what else an operation has comes after.
_SHOWN = ("call", "title", "state", "fraction", "error", "since", "attempts", "backend", "method")


def _ls(bridge: Any, cmd: Dict[str, Any]) -> Answer:
    rows = _field(_ask(bridge, "bridge/operations", {}), "operations", list)
    in_json = as_json(cmd, rows)
    if in_json is not None:
        return in_json
    return 0, table(_COLUMNS, [_line(row) for row in rows]) if rows else "No operations", ""


def _line(row: Dict[str, Any]) -> List[Any]:
    special = {"id": row.get("call"), "progress": percent(row.get("fraction"))}
    return [special.get(name, row.get(name)) for name in _COLUMNS]


def _show(bridge: Any, cmd: Dict[str, Any]) -> Answer:
    operation = _operation(bridge, cmd["id"])
    return as_json(cmd, operation) or (0, "\n".join(_details(operation)), "")


def _details(operation: Dict[str, Any]) -> List[str]:
    lines: List[str] = []
    for name in (*_SHOWN, *sorted(set(operation).difference(_SHOWN))):
        value, label = operation.get(name), name.replace("_", " ").capitalize()
        if name == "fraction":
            lines.append(f"Progress: {percent(value)}")
        elif isinstance(value, (dict, list)) and value:
            lines += [f"{label}:", *indented(json.dumps(value, sort_keys=True, indent=2).splitlines())]
        else:
            lines.append(f"{'ID' if name == 'call' else label}: {cell(value)}")
    return lines


def _retry(bridge: Any, cmd: Dict[str, Any]) -> Answer:
    return 0, _act(bridge, cmd["id"], "retry"), ""


def _forget(bridge: Any, cmd: Dict[str, Any]) -> Answer:
    if cmd.get("yes_i_really_mean_it") in (True, "true", "--yes-i-really-mean-it"):
        return 0, _act(bridge, cmd["id"], "forget"), ""
    operation = _operation(bridge, cmd["id"])
    what = f"{cell(operation.get('title'))}, {cell(operation.get('state'))}"
    text = (
        f"Operation {cmd['id']} ({what}) would be stopped and its entry removed from the journal: nothing would bring"
        " it to its end any more, and what it has done so far stays as it is. Pass --yes-i-really-mean-it if that is"
        " what you want."
    )
    return -errno.EPERM, "", text


def _operation(bridge: Any, call: str) -> Dict[str, Any]:
    answer = _ask(bridge, "bridge/operation", {"call": call, "action": "show"})
    operation: Dict[str, Any] = _field(answer, "operation", dict)
    return operation


def _act(bridge: Any, call: str, action: str) -> str:
    message: str = _field(_ask(bridge, "bridge/operation", {"call": call, "action": action}), "message", str)
    return message


def _ask(bridge: Any, method: str, params: Dict[str, Any]) -> Any:
    deadline = time.monotonic() + PATIENCE
    try:
        connection = bridge.supervisor.wait_connected(deadline)
    except Unavailable as why:
        raise Unavailable(f"Node does not run, and only it knows the operations: {why}") from why
    return connection.call(method, params, max(0.1, deadline - time.monotonic()))


def _field(answer: Any, name: str, kind: Any) -> Any:
    value = answer.get(name) if isinstance(answer, dict) else None
    if not isinstance(value, kind):
        raise BadAnswer(f"{name}: expected {kind.__name__}, got {type(value).__name__}")
    return value


def _guarded(run: Callable[[Any, Dict[str, Any]], Answer]) -> Callable[[Any, Dict[str, Any]], Answer]:
    """A failure is one sentence with its errno."""

    def guarded(bridge: Any, cmd: Dict[str, Any]) -> Answer:
        try:
            return run(bridge, cmd)
        except BridgeFailure as failure:
            return -errno_of(failure), "", str(failure)

    return guarded


HANDLERS: Dict[str, Callable[[Any, Dict[str, Any]], Answer]] = {
    "orchbridge op ls": _guarded(_ls),
    "orchbridge op show": _guarded(_show),
    "orchbridge op retry": _guarded(_retry),
    "orchbridge op forget": _guarded(_forget),
}
