"""Threads for work that must not be done where messages are read: it may block."""

import logging
import queue
import threading
from typing import Callable, Optional

IDLE = 30.0


class Workers:
    """At most `threads` threads and `waiting` pieces of work in hand. Threads start when needed and end when idle."""

    def __init__(self, name: str, threads: int, waiting: int, log: logging.Logger) -> None:
        self._name = name
        self._most = threads
        self._log = log
        self._queue: queue.Queue[Callable[[], None]] = queue.Queue(waiting)
        self._lock = threading.Lock()
        self._threads = 0
        # Pieces of work that wait or run.
        self._in_hand = 0

    def submit(self, work: Callable[[], None]) -> bool:
        """Whether the work was taken; False when too much is waiting already, or no thread can be had."""
        with self._lock:
            try:
                self._queue.put_nowait(work)
            except queue.Full:
                return False
            self._in_hand += 1
            if self._threads < min(self._most, self._in_hand) and not self._add_thread() and self._threads == 0:
                self._queue.get_nowait()  # nobody would come for it
                self._in_hand -= 1
                return False
        return True

    def _add_thread(self) -> bool:
        try:
            threading.Thread(target=self._run, name=self._name, daemon=True).start()
        except RuntimeError as error:  # the manager has as many as it may have
            self._log.error("%s: %s", self._name, error)
            return False
        self._threads += 1
        return True

    def _run(self) -> None:
        while True:
            work = self._next()
            if work is None:
                return
            try:
                work()
            except Exception:
                self._log.exception("a bug in orchbridge, in %s", self._name)
            finally:
                with self._lock:
                    self._in_hand -= 1

    def _next(self) -> Optional[Callable[[], None]]:
        while True:
            try:
                return self._queue.get(timeout=IDLE)
            except queue.Empty:
                with self._lock:
                    # Work may have come in since, and nobody else may have been started for it.
                    if self._queue.empty():
                        self._threads -= 1
                        return None
