"""When to start Node again after it ended by itself: soon, but ever later when that happens often."""

import collections
from typing import Deque

FIRST = 0.25
LONGEST = 15.0
# Ends longer ago than this are forgotten: a process that stays up is healthy again.
WINDOW = 60.0


class Restarts:
    """Counts the ends within a sliding window. Times are those of time.monotonic()."""

    def __init__(self) -> None:
        self._ends: Deque[float] = collections.deque()

    def ended(self, now: float) -> float:
        """Notes an end, and says how many seconds to wait before the next start."""
        self._ends.append(now)
        while self._ends[0] < now - WINDOW:
            self._ends.popleft()
        return min(LONGEST, FIRST * 2.0 ** (len(self._ends) - 1))

    def forget(self) -> None:
        """An operator asked for a start: nothing that happened before counts."""
        self._ends.clear()
