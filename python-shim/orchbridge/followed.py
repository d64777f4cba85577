"""Which operations the present Node process has spoken of, so that none is followed for ever."""

from typing import Dict, Iterable, List, Optional, Set, Tuple, TypeVar

from .failure import BridgeFailure

# Node tells of each operation that it takes up before it says that it is available; all the rest is patience.
TAKEN_UP_WITHIN = 60.0
NOT_TAKEN_UP = "the Node process that ran it ended, and the next one did not take it up again"
REMEMBERED = 1000

T = TypeVar("T")


class Followed:
    """Not thread-safe: whoever keeps the operations has a lock around it."""

    def __init__(self) -> None:
        self._former: Set[str] = set()
        self._ready_since: Optional[float] = None
        # An answer may name an operation that ended before: that of an equal write, which this one has joined.
        self._ended: Dict[str, Optional[BridgeFailure]] = {}
        # Fraction and message that were told before the answer that names the operation was dealt with.
        self._early: Dict[str, Tuple[float, str]] = {}

    def connected(self, calls: Iterable[str]) -> None:
        """A new process runs, and has not spoken of any of these yet."""
        self._former = set(calls)
        self._ready_since = None
        self._early.clear()

    def spoken_of(self, call: str) -> None:
        """The present process runs the operation."""
        self._former.discard(call)
        self._ended.pop(call, None)

    def ended(self, call: str, failure: Optional[BridgeFailure]) -> None:
        """The operation ended."""
        self._former.discard(call)
        self._early.pop(call, None)
        _remember(self._ended, call, failure)

    def has_ended(self, call: str) -> bool:
        return call in self._ended

    def end_of(self, call: str) -> Optional[BridgeFailure]:
        """How an operation ended that has."""
        return self._ended[call]

    def progressed(self, call: str, fraction: float, message: str) -> None:
        """An operation that nobody follows yet has come so far."""
        _remember(self._early, call, (fraction, message))

    def progress_of(self, call: str) -> Optional[Tuple[float, str]]:
        """How far it had come before it was followed; told once."""
        return self._early.pop(call, None)

    def overdue(self, now: float, ready: bool) -> List[str]:
        """Operations that were not taken up in time. `ready`: whether Node could by now."""
        if not ready:
            self._ready_since = None
            return []
        if self._ready_since is None:
            self._ready_since = now
        return sorted(self._former) if now - self._ready_since >= TAKEN_UP_WITHIN else []


def _remember(newest: Dict[str, T], call: str, what: T) -> None:
    newest.pop(call, None)
    newest[call] = what
    if len(newest) > REMEMBERED:
        del newest[next(iter(newest))]
