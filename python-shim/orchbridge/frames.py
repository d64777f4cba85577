"""Content-Length framing: `Content-Length: N`, an empty line, N bytes of JSON."""

import gc
import json
import re
from typing import Any, Iterator

HEADER_LIMIT = 4096
FRAME_LIMIT = 64 * 1024 * 1024
# The cyclic collector walks a growing result again and again: two thirds of the time of a large json.loads.
COLLECTOR_PAUSE_FROM = 64 * 1024

_LENGTH = re.compile(rb"content-length: *(\d{1,15}) *", re.IGNORECASE)
_TYPE = re.compile(rb"content-type:(?!.*charset=(?!\"?utf-?8))[ -~]*", re.IGNORECASE)
# A header so far, before its end has come: printable ASCII and CRLF. A stray line of text ends in a bare LF.
_HEADER_SO_FAR = re.compile(rb"(?:[ -~]|\r\n)*\r?")
_HEADER_END = b"\r\n\r\n"
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


class FramingError(Exception):
    """The stream is no longer made of frames; there is no way back from that."""


class FrameParser:
    """Cuts a stream of bytes into the bodies of frames."""

    def __init__(self, header_limit: int = HEADER_LIMIT, frame_limit: int = FRAME_LIMIT) -> None:
        self._header_limit = header_limit
        self._frame_limit = frame_limit
        self._buffer = bytearray()
        self._length = -1

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Takes the next bytes and yields the bodies that they complete."""
        self._buffer += data
        while True:
            if self._length < 0 and not self._take_header():
                return
            if len(self._buffer) < self._length:
                return
            body = bytes(memoryview(self._buffer)[: self._length])
            del self._buffer[: self._length]
            self._length = -1
            yield body

    def _take_header(self) -> bool:
        end = self._buffer.find(_HEADER_END, 0, self._header_limit + len(_HEADER_END))
        header = bytes(self._buffer[: end if end >= 0 else self._header_limit])
        if end < 0:
            if not _HEADER_SO_FAR.fullmatch(header):
                raise FramingError(f"expected a Content-Length header, got {_quoted(header)}")
            if len(self._buffer) >= self._header_limit + len(_HEADER_END):
                raise FramingError(f"a header is longer than {self._header_limit} bytes: {_quoted(header)}")
            return False
        self._length = _content_length(header)
        if self._length > self._frame_limit:
            raise FramingError(f"a frame of {self._length} bytes is over the limit of {self._frame_limit} bytes")
        del self._buffer[: end + len(_HEADER_END)]
        return True


def _content_length(header: bytes) -> int:
    lines = [line for line in header.split(b"\r\n") if not _TYPE.fullmatch(line)]
    length = _LENGTH.fullmatch(lines[0]) if len(lines) == 1 else None
    if length is None:
        raise FramingError(f"expected one Content-Length header, got {_quoted(header)}")
    return int(length[1])


def encode(message: Any) -> bytes:
    """A message as a frame. ValueError when it holds what JSON cannot (NaN, Infinity) or is over the limit."""
    body = json.dumps(message, allow_nan=False, separators=(",", ":")).encode("ascii")
    if len(body) > FRAME_LIMIT:
        raise ValueError(f"a message of {len(body)} bytes is over the limit of {FRAME_LIMIT} bytes")
    return b"Content-Length: %d\r\n\r\n%s" % (len(body), body)


def decode(body: bytes) -> Any:
    """The message in a frame. FramingError when it is not JSON.

    Half of a surrogate pair, which only an escape can say, becomes U+FFFD: the manager's C++ takes nothing but UTF-8,
    and refuses what it cannot encode in whichever of Ceph's modules it meets it.
    """
    paused = len(body) > COLLECTOR_PAUSE_FROM and gc.isenabled()
    if paused:
        gc.disable()
    try:
        text = str(body, "utf-8")
        value = json.loads(text, parse_constant=_refuse, parse_float=_finite)
        return _mended(value) if "\\ud" in text or "\\uD" in text else value
    except (ValueError, RecursionError) as error:
        raise FramingError(f"a frame is not JSON ({error}): {_quoted(body)}") from error
    finally:
        if paused:
            gc.enable()


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is not JSON")


def _finite(number: str) -> float:
    value = float(number)
    if value - value != 0:
        raise ValueError(f"{number} is beyond all numbers")
    return value


def _mended(value: Any) -> Any:
    if isinstance(value, str):
        return _LONE_SURROGATE.sub("\ufffd", value)
    if isinstance(value, list):
        return [_mended(item) for item in value]
    if isinstance(value, dict):
        return {_mended(key): _mended(item) for key, item in value.items()}
    return value


def _quoted(data: bytes) -> str:
    text = data[:80].decode("utf-8", "replace")
    return repr(text + ("…" if len(data) > 80 else ""))
