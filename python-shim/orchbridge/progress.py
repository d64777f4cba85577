"""Progress events of Ceph's progress module: from the moment a write is persistent until it is effective."""

import logging
import threading
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Tuple

from .failure import BridgeFailure, Unavailable
from .followed import NOT_TAKEN_UP, Followed
from .workers import Workers

Remote = Callable[..., Any]

MOST_EVENTS = 10_000


class ProgressEvents:
    """Tells the progress module, in order and off the threads that read messages: `remote` may block.

    `shown`: whether `ceph -s` shows an event only when asked to (16 and later).
    """

    def __init__(self, remote: Remote, shown: bool, log: logging.Logger) -> None:
        self._remote = remote
        self._more: Dict[str, Any] = {"add_to_ceph_s": True} if shown else {}
        self._log = log
        self._workers = Workers("orchbridge-progress", 1, 1, log)
        self._lock = threading.Lock()
        # What is not told yet, by event, oldest first: of updates the last one counts.
        self._waiting: Dict[str, List[_Told]] = {}
        self._telling = False

    def update(self, event: str, message: str, fraction: float) -> None:
        """Makes the event, or changes its fraction, and its message from 16 on."""
        self._tell(_Told("update", (event, message, fraction, ["orchestrator"]), self._more))

    def complete(self, event: str) -> None:
        self._tell(_Told("complete", (event,), {}))

    def fail(self, event: str, message: str) -> None:
        self._tell(_Told("fail", (event, message), {}))

    def _tell(self, told: "_Told") -> None:
        event = told.args[0]
        with self._lock:
            # An end is never dropped: its event would stand in `ceph -s` for good.
            if told.method == "update" and event not in self._waiting and len(self._waiting) >= MOST_EVENTS:
                self._log.warning("too many progress events are waiting; one was dropped")
                return
            of_event = self._waiting.setdefault(event, [])
            if of_event and of_event[-1].method == told.method == "update":
                of_event.pop()
            of_event.append(told)
            if self._telling:
                return
            self._telling = self._workers.submit(self._tell_all)

    def _tell_all(self) -> None:
        while True:
            with self._lock:
                event = next(iter(self._waiting), None)
                if event is None:
                    self._telling = False
                    return
                of_event = self._waiting.pop(event)
            for method, args, more in of_event:
                try:
                    self._remote("progress", method, *args, **more)
                except Exception as error:  # the module may be off; nobody then sees events
                    self._log.debug("progress %s: %s", method, error)


class _Told(NamedTuple):
    """A call of the progress module."""

    method: str
    args: Tuple[Any, ...]
    more: Dict[str, Any]


class Operations:
    """The writes that are persistent and not yet effective: of modern callers, and all that Node takes up again.

    They outlive the Node process: its next one takes them up from the journal.
    """

    def __init__(self, events: ProgressEvents) -> None:
        self._events = events
        self._lock = threading.Lock()
        self._titles: Dict[str, str] = {}
        self._followed = Followed()

    def begin(self, call: str, title: str) -> None:
        """A write was answered and goes on."""
        with self._lock:
            if self._followed.has_ended(call):
                return
            known = call in self._titles
            self._followed.spoken_of(call)
            self._titles[call] = title
            early = self._followed.progress_of(call)
        if not known:
            self._events.update(_event(call), title, 0.0 if early is None else early[0])

    def take_up(self, call: str, title: str, fraction: float) -> None:
        """Node goes on with an operation of before: makes its event anew, or keeps it."""
        with self._lock:
            self._followed.spoken_of(call)
            self._titles[call] = title
        self._events.update(_event(call), title, fraction)

    def report(self, call: str, fraction: float, message: str) -> bool:
        """Whether the operation is one of these."""
        with self._lock:
            title = self._titles.get(call)
            if title is None:
                self._followed.progressed(call, fraction, message)
        if title is None:
            return False
        self._events.update(_event(call), f"{title}: {message}" if message else title, fraction)
        return True

    def end(self, call: str, failure: Optional[BridgeFailure] = None) -> Optional[str]:
        """Ends the operation's event and gives its title; None when it is none of these."""
        with self._lock:
            title = self._titles.pop(call, None)
            self._followed.ended(call, failure)
        if title is not None:
            if failure is None:
                self._events.complete(_event(call))
            else:
                self._events.fail(_event(call), str(failure))
        return title

    def connected(self) -> None:
        """A new Node process runs; it will tell which of these it takes up."""
        with self._lock:
            self._followed.connected(self._titles)

    def sweep(self, now: float, ready: bool) -> List[Tuple[str, str]]:
        """Ends what the present process did not take up, and gives call and title of each."""
        with self._lock:
            overdue = self._followed.overdue(now, ready)
        return [(call, self.end(call, Unavailable(NOT_TAKEN_UP)) or call) for call in overdue]

    def titles(self) -> Dict[str, str]:
        """The operations under way, by call."""
        with self._lock:
            return dict(self._titles)


def _event(call: str) -> str:
    return f"orchbridge-{call}"
