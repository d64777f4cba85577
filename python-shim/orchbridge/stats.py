"""What `ceph orchbridge status` tells of the calls."""

import collections
import threading
import time
from typing import Any, Deque, Dict, List

KEPT_ERRORS = 10


class Stats:
    """Counts calls and keeps the last errors. Never holds a parameter or a result: these may be secret."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._answered = 0
        self._failed = 0
        self._pending = 0
        self._errors: Deque[Dict[str, Any]] = collections.deque(maxlen=KEPT_ERRORS)

    def begin(self) -> None:
        with self._lock:
            self._pending += 1

    def end(self, method: str, error: str = "") -> None:
        """A call ended; `error` is empty when it succeeded."""
        with self._lock:
            self._pending -= 1
            if error:
                self._failed += 1
            else:
                self._answered += 1
        if error:
            self.note(method, error)

    def note(self, method: str, error: str) -> None:
        """Keeps an error that is not the end of a call, such as that of an operation."""
        at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        with self._lock:
            self._errors.append({"at": at, "method": method, "message": error})

    def counts(self) -> Dict[str, int]:
        with self._lock:
            return {"answered": self._answered, "failed": self._failed, "pending": self._pending}

    def errors(self) -> List[Dict[str, Any]]:
        """The last errors, the newest last."""
        with self._lock:
            return list(self._errors)
