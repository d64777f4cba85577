"""The module's health checks: those of the bridge and those that the Node side sets, which to Ceph are one set."""

import threading
from typing import Any, Callable, Dict, List, Optional, Sequence

# A restart within this time is nothing that an operator must hear of.
GRACE = 5.0
# So long what a former Node process reported stands, when its backend may have been another one.
INHERITED = 60.0

_DOWN = "ORCHBRIDGE_DOWN"
_UNAVAILABLE = "ORCHBRIDGE_BACKEND_UNAVAILABLE"
_FAILED = "ORCHBRIDGE_OPERATION_FAILED"
# The monitors keep every line; the rest is in `op ls`.
MOST_LINES = 50


class Health:
    """Sets the health checks when they change. `publish` is MgrModule.set_health_checks."""

    def __init__(self, publish: Callable[[Dict[str, Any]], None]) -> None:
        self._publish = publish
        self._lock = threading.Lock()
        self._own: Dict[str, Any] = {}
        self._of_node: Dict[str, Any] = {}
        self._inherited_since: Optional[float] = None
        self._published: Optional[Dict[str, Any]] = None
        self._since: Dict[str, float] = {}

    def look(
        self,
        now: float,
        down: Optional[str],
        unavailable: Optional[str],
        lasting: bool,
        failures: Sequence[str] = (),
    ) -> None:
        """Raises and clears the bridge's own checks: each names its reason, or None when all is well.

        `lasting`: nothing will change by itself, so there is no need to wait. `failures`: a sentence for each operation
        that needs an operator.
        """
        own: Dict[str, Any] = {}
        self._add(own, now, _DOWN, "orchbridge does not run", down, lasting)
        self._add(own, now, _UNAVAILABLE, "the orchestrator behind orchbridge is not available", unavailable, False)
        if failures:
            own[_FAILED] = _failed(failures)
        with self._lock:
            self._own = own
            since = self._inherited_since
            if since is not None and now - since >= INHERITED:
                self._inherited_since = None
                self._of_node = {}
        self._update()

    def connected(self, now: float) -> None:
        """A new Node process runs, which has reported nothing yet."""
        with self._lock:
            self._inherited_since = now

    def set_of_node(self, checks: Dict[str, Any]) -> None:
        """Replaces what the Node side reports."""
        with self._lock:
            self._inherited_since = None
            self._of_node = {name: _check(check) for name, check in checks.items()}
        self._update()

    def _add(
        self, own: Dict[str, Any], now: float, name: str, summary: str, reason: Optional[str], at_once: bool
    ) -> None:
        if reason is None:
            self._since.pop(name, None)
            return
        since = self._since.setdefault(name, now)
        if at_once or now - since >= GRACE:
            own[name] = {"severity": "warning", "summary": summary, "count": 1, "detail": [reason]}

    def _update(self) -> None:
        with self._lock:
            checks = {**self._of_node, **self._own}
            if checks != self._published:
                self._published = checks
                self._publish(checks)


def _failed(failures: Sequence[str]) -> Dict[str, Any]:
    count = len(failures)
    detail = list(failures[:MOST_LINES])
    if count > MOST_LINES:
        detail.append(f"and {count - MOST_LINES} more: ceph orchbridge op ls")
    summary = f"{count} operation{'' if count == 1 else 's'} of orchbridge failed or cannot be taken up again"
    return {"severity": "warning", "summary": summary, "count": count, "detail": detail}


def _check(check: Any) -> Dict[str, Any]:
    detail: List[str] = [str(line) for line in check.get("detail", [])]
    severity = "error" if check.get("severity") == "error" else "warning"
    count = check.get("count")
    return {
        "severity": severity,
        "summary": str(check.get("summary", "")),
        "count": count if isinstance(count, int) else max(1, len(detail)),
        "detail": detail,
    }
