"""The values of the module's options as the monitors have them.

A running manager hears of new values but not of removed ones: after `ceph config rm` it goes on with the old value.
"""

import json
import queue
from typing import Any, FrozenSet

from .settings import DECLARED
from .workers import Workers

# Monitors without quorum do not answer; the old values then stay.
PATIENCE = 3.0


class OptionValues:
    """Reads options from the manager's memory, corrected by the monitors' own list."""

    def __init__(self, mgr: Any) -> None:
        self._mgr = mgr
        self._workers = Workers("orchbridge-options", 1, 2, mgr.log)
        self._removed: FrozenSet[str] = frozenset()
        self._started = False

    def refresh(self) -> None:
        """Looks which options were removed; not the first time, when the manager has just been told all of them."""
        if self._started:
            held = [row["name"] for row in DECLARED if self._mgr.get_module_option(row["name"]) is not None]
            self._removed = frozenset(held) - self._listed(held)
        self._started = True

    def get(self, name: str) -> Any:
        """The value of an option, or None if it is not set."""
        return None if name in self._removed else self._mgr.get_module_option(name)

    def _listed(self, held: Any) -> FrozenSet[str]:
        answers: queue.Queue[FrozenSet[str]] = queue.Queue()
        if held and self._workers.submit(lambda: answers.put(self._ask())):
            try:
                return answers.get(timeout=PATIENCE)
            except queue.Empty:
                self._mgr.log.warning("the monitors do not say which options are set; the former values stay")
        return frozenset(held)

    def _ask(self) -> FrozenSet[str]:
        command = {"prefix": "config get", "who": f"mgr.{self._mgr.get_mgr_id()}", "format": "json"}
        retval, stdout, stderr = self._mgr.mon_command(command)
        if retval != 0:
            raise RuntimeError(f"config get: {stderr}")
        prefix = f"mgr/{self._mgr.module_name}/"
        return frozenset(name[len(prefix) :] for name in json.loads(stdout) if name.startswith(prefix))
