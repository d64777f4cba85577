"""Starts the stand-in peer through the real launcher, for the tests."""

import logging
import os
import shutil
import sys
import time
import unittest
from typing import Any, Callable, Dict, List, Tuple

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))

from orchbridge.connection import Connection  # noqa: E402
from orchbridge.process import NodeProcess  # noqa: E402

PEER = os.path.join(HERE, "fixtures", "stand-in-peer.mjs")
NODE = shutil.which("node") or "node"


class ListHandler(logging.Handler):
    """Keeps what was logged."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: List[Tuple[int, str]] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append((record.levelno, record.getMessage()))

    @property
    def texts(self) -> List[str]:
        return [text for _, text in self.lines]


def list_log(name: str) -> Tuple[logging.Logger, ListHandler]:
    log = logging.Logger(name)
    handler = ListHandler()
    log.addHandler(handler)
    return log, handler


def until(what: str, condition: Callable[[], Any], seconds: float = 60.0) -> Any:
    """Waits for a condition with a bound, and gives its value."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds} s in vain for {what}")
        time.sleep(0.005)


def alive(pid: int) -> bool:
    """Whether a process runs; a zombie does not."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as stat:
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


class Peer:
    """A stand-in peer with its connection, and all that it told."""

    def __init__(self) -> None:
        self.log, self.logged = list_log("peer")
        self.notifications: List[Tuple[str, Any]] = []
        self.requests: List[Tuple[Any, str, Any]] = []
        self.ends: List[str] = []
        self.process = NodeProcess([NODE, PEER, "serve", "--fd", "3", "4"], self.log)
        self.connection = Connection(self.process.read_fd, self.process.write_fd, self)
        self.connection.start()
        self.process.watch(self._exited)

    def call(self, method: str, params: Dict[str, Any], timeout: float = 10.0, **more: Any) -> Any:
        return self.connection.call(method, params, timeout, **more)

    def stop(self) -> None:
        self.process.kill("the test is over")
        assert self.process.wait(10)

    def _exited(self, end: str) -> None:
        self.ends.append(end)
        self.connection.close(end)

    # Handler

    def notification(self, method: str, params: Any) -> None:
        self.notifications.append((method, params))

    def request(self, request_id: Any, method: str, params: Any) -> None:
        self.requests.append((request_id, method, params))

    def broken(self, reason: str) -> None:
        self.process.kill(reason)

    def ended(self) -> str:
        self.process.wait(1.0)
        return self.process.end or "the Node process closed the connection"


class PeerTest(unittest.TestCase):
    """A test with a stand-in peer of its own."""

    def setUp(self) -> None:
        self.peer = Peer()
        self.addCleanup(self.peer.stop)
