"""Writing frames to the Node process: one at a time, each with a deadline of its own.

A frame of which a part is out by its deadline goes on before the next one: nothing else may stand in its place. A
process that stops reading for good is the watchdog's business.
"""

import os
import select
import threading
import time
from typing import Callable, Optional

from .failure import ConnectionLost


class DeadlinePassed(Exception):
    """A deadline passed, and nothing was written."""


class FrameWriter:
    """Takes over a descriptor. `closed` tells why the connection is gone, or None."""

    def __init__(
        self,
        fd: int,
        closed: Callable[[], Optional[str]],
        ended: Callable[[], None],
    ) -> None:
        os.set_blocking(fd, False)
        self._fd = fd
        self._closed = closed
        self._ended = ended
        self._lock = threading.Lock()
        # Of the frame before.
        self._rest = memoryview(b"")

    def write(self, frame: bytes, deadline: float) -> None:
        """Writes a frame, or begins to. Raises DeadlinePassed or ConnectionLost."""
        if not self._lock.acquire(timeout=max(0.0, deadline - time.monotonic())):
            raise DeadlinePassed
        try:
            self._rest = self._write(self._rest, deadline)
            if self._rest:
                raise DeadlinePassed
            rest = self._write(memoryview(frame), deadline)
            if len(rest) == len(frame):
                raise DeadlinePassed
            self._rest = rest
        finally:
            self._release()

    def close(self) -> None:
        """Closes the descriptor, now or as soon as the thread that writes is done. Call when `closed` tells why."""
        if self._lock.acquire(blocking=False):
            self._release()

    def _release(self) -> None:
        if self._closed() is not None and self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
        self._lock.release()
        # Whoever closed the connection in the meantime found the lock taken.
        if self._closed() is not None and self._fd >= 0:
            self.close()

    def _write(self, data: memoryview, deadline: float) -> memoryview:
        """What the deadline has left over."""
        while data:
            reason = self._closed()
            if reason is not None:
                raise ConnectionLost(reason)
            try:
                data = data[os.write(self._fd, data) :]
            except BlockingIOError:
                if not self._wait_writable(deadline):
                    break
            except OSError:
                self._ended()
        return data

    def _wait_writable(self, deadline: float) -> bool:
        poller = select.poll()
        poller.register(self._fd, select.POLLOUT)
        while self._closed() is None:
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                return False
            # In steps, since a connection may be closed while this waits.
            if poller.poll(min(remaining, 0.5) * 1000):
                return True
        return True
