"""What a manager adds to the environment of its Node process: how much to log, and where to keep compiled code."""

import hashlib
import logging
import os
import shutil
import stat
from typing import Any, Dict, List, Optional, Sequence

from .node import FOLDER, node_command
from .permissions import Permissions
from .settings import Settings

_CACHE = "orchbridge-cache"
# From here on a manager of Nautilus writes the debug lines of its modules.
_NAUTILUS_DEBUG = 20


class Surroundings:
    """Those of one manager."""

    def __init__(self, mgr: Any, modern: bool) -> None:
        self._mgr = mgr
        self._modern = modern
        self._cache = _made_cache(mgr)

    def command(self, settings: Settings, declared: Permissions) -> List[str]:
        """The command of the Node process; see node_command."""
        return node_command(settings, declared, cache=self._cache)

    def variables(self, command: Sequence[str]) -> Dict[str, str]:
        """For a process that is started by this command now. What the manager itself was given goes before."""
        variables = {"ORCHBRIDGE_LOG_LEVEL": "debug"} if logs_debug(self._mgr, self._modern) else {}
        if self._cache is not None:
            try:
                variables["ORCHBRIDGE_CACHE_DIR"] = _present_part(self._cache, command)
            except OSError as error:
                self._mgr.log.debug("no compile cache: %s", error)
        return variables


def logs_debug(mgr: Any, modern: bool) -> bool:
    """Whether the manager's log takes debug lines of this module at present."""
    if modern:
        # The option log_level, else debug_mgr, is on the handlers; the logger itself takes everything.
        return any(handler.level <= logging.DEBUG for handler in mgr.log.handlers)
    level = str(mgr.get_ceph_option("debug_mgr")).partition("/")[0]
    return level.isdigit() and int(level) >= _NAUTILUS_DEBUG


def _made_cache(mgr: Any) -> Optional[str]:
    """The folder of the cache, or None: Node runs what it finds there, so nobody else may be able to write into it."""
    try:
        folder = os.path.join(str(mgr.get_ceph_option("mgr_data") or "/nowhere"), _CACHE)
        if not os.path.lexists(folder):
            os.mkdir(folder, 0o700)
        entry = os.lstat(folder)
        if not stat.S_ISDIR(entry.st_mode) or entry.st_uid != os.geteuid() or entry.st_mode & 0o077:
            raise PermissionError(f"{folder} must be a folder of the manager's user with mode 0700")
    except Exception as error:
        mgr.log.debug("no compile cache: %s", error)
        return None
    return folder


def _present_part(cache: str, command: Sequence[str]) -> str:
    """The part for this Node and this JavaScript; what others have left there is removed."""
    files = [os.stat(path) for path in (command[0], os.path.join(FOLDER, "js", "main.mjs"))]
    state = repr([(file.st_ino, file.st_size, file.st_mtime_ns) for file in files])
    name = hashlib.sha256(state.encode()).hexdigest()[:16]
    for other in os.listdir(cache):
        if other != name:
            shutil.rmtree(os.path.join(cache, other), ignore_errors=True)
    part = os.path.join(cache, name)
    os.makedirs(part, 0o700, exist_ok=True)
    return part
