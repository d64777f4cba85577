"""The writes of 14.2 between persistent and effective, each with its completion and its progress event."""

import threading
import time
import weakref
from dataclasses import dataclass
from typing import Any, Dict, Iterable, List, Optional, Set, Tuple

from .completion import Events
from .failure import BridgeFailure, Unavailable
from .followed import NOT_TAKEN_UP, Followed

# A caller may tell the progress module of a completion after its end was told; that makes the event anew.
COMPLETED_AGAIN_AFTER = 10.0


@dataclass(eq=False)
class _Running:
    """A write that is persistent and not yet effective."""

    progress_id: str
    completion: "weakref.ref[Any]"
    calls: Set[str]


class SecondStages:
    """They outlive the Node process: its next one takes them up from the journal."""

    def __init__(self, events: Events) -> None:
        self._events = events
        self._lock = threading.Lock()
        # Several writes may wait for one operation: equal ones join it.
        self._running: Dict[str, List[_Running]] = {}
        self._followed = Followed()
        self._complete_again: List[Tuple[float, str]] = []

    def begin(self, progress_id: str, completion: "weakref.ref[Any]", calls: Iterable[str]) -> None:
        """A write was answered; it is effective when the operations `calls` are."""
        running = _Running(progress_id, completion, set(calls))
        with self._lock:
            over = {call: self._followed.end_of(call) for call in running.calls if self._followed.has_ended(call)}
            for call in running.calls:
                self._running.setdefault(call, []).append(running)
            early = {call: self._followed.progress_of(call) for call in running.calls}
        for call, progress in early.items():
            if progress is not None:
                self.report(call, *progress)
        for call, failure in over.items():
            self.end(call, failure)

    def take_up(self, call: str, fraction: float) -> bool:
        """Node goes on with an operation of before. Whether it is one of these."""
        with self._lock:
            self._followed.spoken_of(call)
        return self.report(call, fraction, "")

    def report(self, call: str, fraction: float, message: str) -> bool:
        """Whether the operation is one of these."""
        with self._lock:
            runs = list(self._running.get(call, []))
            if not runs:
                self._followed.progressed(call, fraction, message)
        for running in runs:
            completion = running.completion()
            text = message or call
            if completion is not None:
                completion.progress = fraction
                text = completion.text
            self._events.update(running.progress_id, text, fraction)
        return bool(runs)

    def end(self, call: str, failure: Optional[BridgeFailure] = None) -> bool:
        """An operation ended. Whether it is one of these."""
        with self._lock:
            self._followed.ended(call, failure)
            runs = self._running.pop(call, [])
            done = [running for running in runs if self._leave(running, call, failure)]
        for running in done:
            completion = running.completion()
            if completion is not None and failure is not None:
                completion.fail(failure)
            self.finish(running.progress_id, completion, failure)
        return bool(runs)

    def _leave(self, running: _Running, call: str, failure: Optional[BridgeFailure]) -> bool:
        """Whether that was the last of its operations; a failure is always the last."""
        running.calls.discard(call)
        if failure is not None:
            for other in running.calls:
                others = self._running.get(other, [])
                if running in others:
                    others.remove(running)
                if not others:
                    self._running.pop(other, None)
            running.calls.clear()
        return not running.calls

    def finish(self, progress_id: str, completion: Any, failure: Optional[BridgeFailure]) -> None:
        """Ends the event of a write, and makes its completion effective."""
        if failure is not None:
            self._events.fail(progress_id, str(failure))
        else:
            if completion is not None:
                completion.effective = True
                completion.progress = 1.0
            self._events.complete(progress_id)
        with self._lock:
            self._complete_again.append((time.monotonic() + COMPLETED_AGAIN_AFTER, progress_id))

    def connected(self) -> None:
        """A new Node process runs; it will tell which of these it takes up."""
        with self._lock:
            self._followed.connected(self._running)

    def sweep(self, now: float, ready: bool) -> List[str]:
        """Completes events once more. Ends what the present process did not take up, and gives the calls."""
        with self._lock:
            overdue = self._followed.overdue(now, ready)
            due = [event for at, event in self._complete_again if at <= now]
            self._complete_again = [(at, event) for at, event in self._complete_again if at > now]
        for event in due:
            self._events.complete(event)
        for call in overdue:
            self.end(call, Unavailable(NOT_TAKEN_UP))
        return overdue

    def count(self) -> int:
        """How many writes are not effective yet."""
        with self._lock:
            return len({id(running) for runs in self._running.values() for running in runs})
