"""Sessions of test_fuzz: a connection of the shim, and a fake Node at the other end of its pipes."""

import functools
import json
import math
import os
import random
import threading
from typing import Any, Callable, List, Optional, Tuple
from unittest import mock

from .fuzz_inputs import CALL, FRAME_LIMIT, HEADER_LIMIT, TOKEN, Session, frame, pieces, sound_message

from orchbridge import connection as connection_module  # isort: skip
from orchbridge.connection import Connection  # isort: skip
from orchbridge.failure import BadAnswer, BridgeFailure, ConnectionLost, WireError  # isort: skip
from orchbridge.frames import FrameParser, FramingError, decode  # isort: skip

# What of a stream fits into a pipe that nobody reads yet.
PIPE = 60_000
CALL_TIMEOUT = 20.0


class Ear:
    """What the connection told."""

    def __init__(self) -> None:
        self.notifications: List[Any] = []
        self.requests: List[Any] = []
        self.reasons: List[str] = []

    def notification(self, method: str, params: Any) -> None:
        self.notifications.append((method, params))

    def request(self, request_id: Any, method: str, params: Any) -> None:
        self.requests.append((request_id, method, params))

    def broken(self, reason: str) -> None:
        self.reasons.append(reason)

    def ended(self) -> str:
        return "the fake Node is gone"


class Line:
    """A connection with a fake Node's ends of its pipes."""

    def __init__(self) -> None:
        self.ear = Ear()
        read_fd, self.to_shim = os.pipe()
        self.from_shim, write_fd = os.pipe()
        self.read_fd = read_fd
        with mock.patch.object(connection_module, "FrameParser", lambda: FrameParser(HEADER_LIMIT, FRAME_LIMIT)):
            self.connection = Connection(read_fd, write_fd, self.ear)

    def say(self, parts: List[bytes]) -> None:
        """Writes all that Node says, and ends it."""
        try:
            for part in parts:
                view = memoryview(part)
                while view:
                    view = view[os.write(self.to_shim, view) :]
        except BrokenPipeError:
            pass
        finally:
            os.close(self.to_shim)


def same(one: Any, other: Any) -> bool:
    """Equal and of the same types: 1 is neither True nor 1.0."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(value, other[key]) for key, value in one.items())
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, float):
        return one == other and math.copysign(1, one) == math.copysign(1, other)
    return bool(one == other)


def run_session(given: Session, rng: random.Random) -> None:
    """One call while Node says what the session holds; then another, that nobody answers."""
    line = Line()
    size = rng.choice((1, 7, 64, 4096, connection_module.READ_SIZE)) if len(given.stream) < 3000 else 1 << 16
    speaker: Optional[threading.Thread] = None
    if len(given.stream) > PIPE:
        speaker = threading.Thread(target=line.say, args=([given.stream],))
        speaker.start()
    else:
        line.say([given.stream])
    try:
        with mock.patch.object(connection_module, "READ_SIZE", size):
            check_call(given, outcome(lambda: line.connection.call("m", {}, CALL_TIMEOUT, partial=TOKEN)))
            end = outcome(lambda: line.connection.call("m", {}, CALL_TIMEOUT))
        if not isinstance(end, ConnectionLost):
            raise AssertionError(f"the connection did not end, but gave {end!r}")
        check_told(given, line)
    finally:
        line.connection.close("the test is over")
        os.close(line.read_fd)
        os.close(line.from_shim)
        if speaker is not None:
            speaker.join()


def outcome(call: Callable[[], Any]) -> Any:
    """The answer in a tuple, or the failure."""
    try:
        return (call(),)
    except BridgeFailure as failure:
        return failure


def check_call(given: Session, end: Any) -> None:
    pages: List[Any] = []
    for message in given.messages:
        if message.kind == "page":
            pages.append(message.value)
        elif message.kind == "failure":
            expected: Any = WireError
            break
        elif message.kind == "answer":
            expected = assembled(message.value, pages)
            break
    else:
        expected = ConnectionLost
    good = isinstance(end, expected) if isinstance(expected, type) else same(end, expected)
    if not good:
        raise AssertionError(f"call {CALL} ended with {end!r}, expected {expected!r}")


def assembled(value: Any, pages: List[Any]) -> Any:
    if not isinstance(value, dict) or set(value) != {"pages"}:
        return (value,)
    return ([row for page in pages for row in page],) if value["pages"] == len(pages) else BadAnswer


def check_told(given: Session, line: Line) -> None:
    for kind, told in (("notification", line.ear.notifications), ("request", line.ear.requests)):
        expected = [message.value for message in given.messages if message.kind == kind]
        if not same(told, expected):
            raise AssertionError(f"told {told!r}, expected {expected!r}")
    fatal = given.messages[-1].kind == "fatal"
    at_end = given.stream[-1:] and not fatal
    if at_end and line.ear.reasons:
        raise AssertionError(f"the stream is sound, but {line.ear.reasons}")


def check_parser(given: Session, rng: random.Random) -> None:
    """However the stream is cut, the same bodies come out of it, and the same end."""
    whole, cut = parsed([given.stream]), parsed(pieces(rng, given.stream))
    if whole != cut:
        raise AssertionError(f"cut: {cut!r}, whole: {whole!r}")


def parsed(parts: List[bytes]) -> Tuple[List[bytes], bool]:
    parser = FrameParser(HEADER_LIMIT, FRAME_LIMIT)
    bodies: List[bytes] = []
    try:
        for part in parts:
            bodies.extend(parser.feed(part))
    except FramingError:
        return bodies, True
    return bodies, False


def talk(rng: random.Random) -> None:
    """Several threads call; the fake Node answers with noise in between, and at last with something broken."""
    line = Line()
    line.connection.start()
    wrong: List[str] = []

    def call(worker: int) -> None:
        for n in range(20):
            params = {"worker": worker, "n": n}
            end = outcome(functools.partial(line.connection.call, "echo", params, CALL_TIMEOUT))
            if isinstance(end, ConnectionLost):
                return
            if not same(end, (params,)):
                wrong.append(repr(end))

    node = threading.Thread(target=serve, args=(line, rng))
    callers = [threading.Thread(target=call, args=(worker,)) for worker in range(4)]
    for thread in [node, *callers]:
        thread.start()
    for thread in [*callers, node]:
        thread.join(60)
        if thread.is_alive():
            raise AssertionError("a thread hangs")
    line.connection.close("the test is over")
    os.close(line.from_shim)
    if wrong:
        raise AssertionError(wrong[0])


def serve(line: Line, rng: random.Random) -> None:
    """Echoes a number of requests, then says something that is no frame."""
    parser, left = FrameParser(), rng.randrange(1, 80)
    while left > 0:
        data = os.read(line.from_shim, 65536)
        if not data:
            break
        for body in parser.feed(data):
            message = decode(body)
            answer = {"jsonrpc": "2.0", "id": message.get("id"), "result": message.get("params")}
            noise = [
                each.json for each in (sound_message(rng) for _ in range(3)) if each.kind in ("notification", "request")
            ]
            for text in [*noise, json.dumps(answer).encode()]:
                os.write(line.to_shim, frame(text))
            left -= 1
            if left == 0:
                break
    line.say([b"Traceback (most recent call last):\n"])
