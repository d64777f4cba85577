"""The commands of the module: `ceph orchbridge ...`."""

import errno
import time
from typing import Any, Callable, Dict, List

from . import op_commands
from .activation import activate, deactivate
from .answers import FORMAT, Answer, as_json
from .forward import MODERN, feature_names, public_methods
from .status import show_status

COMMANDS: List[Dict[str, str]] = [
    {"cmd": "orchbridge activate", "desc": "Make orchbridge the orchestrator of this cluster", "perm": "rw"},
    {
        "cmd": "orchbridge deactivate",
        "desc": "Stop being the orchestrator; run before disabling the module",
        "perm": "rw",
    },
    {"cmd": f"orchbridge status {FORMAT}", "desc": "Show the backend, the Node process and its calls", "perm": "r"},
    {"cmd": f"orchbridge features {FORMAT}", "desc": "List what the backend can do", "perm": "r"},
    {"cmd": "orchbridge restart", "desc": "Restart the Node process", "perm": "rw"},
    *op_commands.COMMANDS,
]


def handle(bridge: Any, cmd: Dict[str, Any]) -> Answer:
    """Runs a command."""
    run = _HANDLERS.get(cmd["prefix"])
    if run is None:
        return -errno.EINVAL, "", f"orchbridge has no command {cmd['prefix']}"
    return run(bridge, cmd)


def _features(bridge: Any, cmd: Dict[str, Any]) -> Answer:
    supported = set(bridge.supervisor.features)
    names = feature_names() if MODERN else [name for name in public_methods() if name not in _ALWAYS]
    features = {name: name in supported for name in names}
    in_json = as_json(cmd, features)
    if in_json is not None:
        return in_json
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
    "orchbridge status": show_status,
    "orchbridge features": _features,
    "orchbridge restart": _restart,
    **op_commands.HANDLERS,
}
