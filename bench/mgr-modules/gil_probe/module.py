"""Measures how long a manager's other threads have to wait for the interpreter.

`ceph gil_probe start` begins, `ceph gil_probe stop` ends and prints the longest and the 99.9th percentile delay, in ms,
of a thread that wants the interpreter every millisecond. What holds it for long is C code that does not let go, such as
json.loads.
"""

import json
import threading
import time
from typing import Any, Dict, List, Tuple

import mgr_module

PAUSE = 0.001


class Module(mgr_module.MgrModule):  # type: ignore[misc]
    COMMANDS: List[Dict[str, Any]] = [
        {"cmd": "gil_probe start", "desc": "Begin to measure", "perm": "rw"},
        {"cmd": "gil_probe stop", "desc": "End, and print the delays", "perm": "rw"},
    ]
    MODULE_OPTIONS: List[Dict[str, Any]] = []
    NOTIFY_TYPES: List[Any] = []
    if hasattr(mgr_module, "CLICommandBase"):  # Tentacle wants it, also where it is empty
        CLICommand = mgr_module.CLICommandBase.make_registry_subtype("GilProbeCommand")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._running = threading.Event()
        self._delays: List[float] = []
        self._thread = threading.Thread(target=self._measure, daemon=True)

    def handle_command(self, inbuf: str, cmd: Dict[str, Any]) -> Tuple[int, str, str]:
        if cmd["prefix"] == "gil_probe start":
            self._delays = []
            self._running.set()
            self._thread = threading.Thread(target=self._measure, daemon=True)
            self._thread.start()
            return 0, "", ""
        self._running.clear()
        self._thread.join()
        delays = sorted(self._delays)
        tail = delays[int(len(delays) * 0.999)]
        return 0, json.dumps({"longest_ms": delays[-1] * 1e3, "p999_ms": tail * 1e3, "samples": len(delays)}), ""

    def _measure(self) -> None:
        while self._running.is_set():
            asked = time.perf_counter()
            time.sleep(PAUSE)
            self._delays.append(time.perf_counter() - asked - PAUSE)
