"""Stands in for the manager, where there is none: its monitors keep what they are given in the program's memory."""

import errno
import json
import logging
import os
import threading
from typing import Any, Dict, Optional, Tuple

from ..failure import BadValue

_NO_CLUSTER = "no cluster here: the backend is used by a Python program"
_LEVELS = {"DEBUG": logging.DEBUG, "WARN": logging.WARNING, "ERROR": logging.ERROR}


class ManagerStandIn:
    """What of a manager a backend and the journal get (Manager of mgr_port). All of it is gone with the program."""

    def __init__(self, log: logging.Logger) -> None:
        self._log = log
        self._lock = threading.Lock()
        self._store: Dict[str, str] = {}

    def identity(self) -> Dict[str, Any]:
        """The name and the number that a manager would have."""
        return {"name": "python", "gid": os.getpid()}

    def get(self, name: str) -> Any:
        raise BadValue(f"{_NO_CLUSTER}, so there is no {name}")

    def mon_command(self, command: Dict[str, Any], inbuf: Optional[str] = None) -> Tuple[int, str, str]:
        """The monitors' store, and that this manager is the active one; they answer nothing else."""
        del inbuf
        prefix, key = str(command["prefix"]), str(command.get("key", ""))
        if prefix == "mgr dump":
            me = self.identity()
            return 0, json.dumps({"active_name": me["name"], "active_gid": me["gid"]}), ""
        with self._lock:
            if prefix == "config-key set":
                self._store[key] = str(command["val"])
                return 0, "", ""
            if prefix == "config-key rm":
                self._store.pop(key, None)
                return 0, "", ""
            if prefix == "config-key get":
                known = self._store.get(key)
                return (-errno.ENOENT, "", f"no such key: {key}") if known is None else (0, known, "")
            if prefix == "config-key dump":
                found = {name: value for name, value in self._store.items() if name.startswith(key)}
                return 0, json.dumps(found), ""
        return -errno.ENOTCONN, "", f"{_NO_CLUSTER}, so nobody answers {prefix!r}"

    def option(self, name: str) -> Any:
        del name

    def log_to_cluster(self, level: str, message: str) -> None:
        self._log.log(_LEVELS.get(level, logging.INFO), "cluster log: %s", message)

    def set_health_checks_of_node(self, checks: Dict[str, Any]) -> None:
        for name, check in checks.items():
            self._log.warning("health: %s: %s", name, check.get("summary"))
