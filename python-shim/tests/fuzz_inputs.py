"""Frames and messages for test_fuzz, and what the shim must make of each: meanings are built beside texts, not read."""

import json
import random
from typing import Any, List, NamedTuple, Tuple

# Above what the parser of a session takes; small, so that it is often reached.
HEADER_LIMIT = 160
FRAME_LIMIT = 4_000_000
# The one call of a session; answers to others are nobody's.
CALL = 1
TOKEN = "pages-of-1"

_NAMES = (
    "__proto__",
    "constructor",
    "__class__",
    "__init__",
    "__dict__",
    "toString",
    "length",
    "id",
    "",
    "pages",
    "value",
)
_NUMBERS = (
    ("-0", 0),
    ("-0.0", -0.0),
    ("9007199254740991", 2**53 - 1),
    ("9007199254740993", 2**53 + 1),
    ("-123456789012345678901234567890", -123456789012345678901234567890),
    ("9" * 400, int("9" * 400)),
    ("1e300", 1e300),
    ("1E+2", 100.0),
    ("5e-324", 5e-324),
    ("1e-400", 0.0),
    ("12345678901234567.5", 12345678901234568.0),
)
_TEXTS = ("\0", "\u2028", "\ufeff", "\x7f", "a\0b", "\U0001f600", "é\r\n\r\n", "%s %(x)s {}", "long" * 3000)
# Texts with half a surrogate pair, as escapes, and what becomes of them.
_HALVES = (
    ('"\\ud800"', "\ufffd"),
    ('"a\\uDFFFb"', "a\ufffdb"),
    ('"\\udc00\\ud83d"', "\ufffd\ufffd"),
    ('"\\ud83d\\ude00"', "\U0001f600"),
    ('"\\\\ud800"', "\\ud800"),
)


class Text(NamedTuple):
    """JSON, and what it says."""

    json: str
    value: Any


class Message(NamedTuple):
    """`kind`: answer, failure, page, notification, request, nothing or fatal."""

    kind: str
    json: bytes
    value: Any = None


class Session(NamedTuple):
    stream: bytes
    messages: List[Message]
    frames: int


def string(rng: random.Random) -> Text:
    roll = rng.random()
    if roll < 0.08:
        return Text(*rng.choice(_HALVES))
    value = rng.choice(_TEXTS) if roll < 0.2 else "".join(chr(rng.randrange(32, 127)) for _ in range(rng.randrange(10)))
    return Text(json.dumps(value, ensure_ascii=rng.random() < 0.5), value)


def any_text(rng: random.Random, depth: int = 3) -> Text:
    roll = rng.random()
    if depth == 0 or roll < 0.55:
        return _scalar(rng)
    if roll < 0.56:
        return _nested(rng)
    if roll < 0.75:
        items = [any_text(rng, depth - 1) for _ in range(rng.randrange(4))]
        blank = rng.choice(("", "", " ", "\r\n\t "))
        return Text(f"[{blank}{f',{blank}'.join(item.json for item in items)}]", [item.value for item in items])
    return object_text(rng, depth - 1)


def object_text(rng: random.Random, depth: int = 2) -> Text:
    """Of a name written twice, the last counts."""
    parts, value = [], {}
    for _ in range(rng.randrange(4)):
        key = Text(json.dumps(name := rng.choice(_NAMES)), name) if rng.random() < 0.4 else string(rng)
        field = any_text(rng, depth)
        parts.append(f"{key.json}:{field.json}")
        value[key.value] = field.value
    return Text("{" + ",".join(parts) + "}", value)


def _scalar(rng: random.Random) -> Text:
    roll = rng.random()
    if roll < 0.25:
        return Text(*rng.choice((("null", None), ("true", True), ("false", False))))
    if roll < 0.5:
        value = rng.randrange(-(10**9), 10**9)
        return Text(str(value), value)
    if roll < 0.6:
        return Text(*rng.choice(_NUMBERS))
    return string(rng)


def _nested(rng: random.Random) -> Text:
    levels = rng.randrange(1, 200)
    value: Any = []
    for _ in range(levels):
        value = [value]
    return Text("[" * (levels + 1) + "]" * (levels + 1), value)


def _plain(value: Any) -> Text:
    return Text(json.dumps(value), value)


def _envelope(rng: random.Random, **fields: Text) -> bytes:
    entries = [("jsonrpc", _plain("2.0")), *fields.items()]
    if rng.random() < 0.3:
        rng.shuffle(entries)
    return ("{" + ",".join(f'"{name}":{text.json}' for name, text in entries) + "}").encode("utf-8")


def sound_message(rng: random.Random) -> Message:
    roll = rng.random()
    if roll < 0.15:
        result = any_text(rng)
        return Message("answer", _envelope(rng, id=_plain(CALL), result=result), result.value)
    if roll < 0.2:
        return Message("failure", _envelope(rng, id=_plain(CALL), error=_error(rng)))
    if roll < 0.3:
        rows = [any_text(rng, 2) for _ in range(rng.randrange(4))]
        value = Text(f"[{','.join(row.json for row in rows)}]", [row.value for row in rows])
        token = rng.choice((TOKEN, TOKEN, "other", "__proto__"))
        params = Text(f'{{"token":{json.dumps(token)},"value":{value.json}}}', None)
        kind = "page" if token == TOKEN else "nothing"
        return Message(kind, _envelope(rng, method=_plain("$/progress"), params=params), value.value)
    if roll < 0.6:
        method, params = string(rng), any_text(rng)
        return Message("notification", _envelope(rng, method=method, params=params), (method.value, params.value))
    if roll < 0.85:
        request_id, method, params = _scalar(rng), string(rng), any_text(rng)
        if request_id.value is not None:
            found = (request_id.value, method.value, params.value)
            return Message("request", _envelope(rng, id=request_id, method=method, params=params), found)
    stray = rng.choice(
        (_plain(-1), _plain("1"), _plain(True), _plain(1.0), _plain(None), _plain([1]), object_text(rng))
    )
    return Message("nothing", _envelope(rng, id=stray, result=any_text(rng)))


def _error(rng: random.Random) -> Text:
    if rng.random() < 0.3:
        strange = any_text(rng)
        return strange if strange.value is not None else _plain("no object")
    fields = {"code": any_text(rng, 1), "message": any_text(rng, 1), "data": any_text(rng, 2)}
    return Text("{" + ",".join(f'"{name}":{text.json}' for name, text in fields.items()) + "}", None)


_BROKEN = (
    b"",
    b" ",
    b"{",
    b"nul",
    b"NaN",
    b"-Infinity",
    b"[1e400]",
    b'{"a":1,}',
    b"{'a':1}",
    b"[" * 200_000,
    b'{"a":' * 100_000,
    b'\xef\xbb\xbf{"jsonrpc":"2.0","method":"x"}',
    b'{"method":"x","params":{"a":"\0"}}',
    b'{"method":"x","params":{"a":01}}',
    b'{"method":"x"} {}',
    b'[{"jsonrpc":"2.0","method":"x"}]',
    b"{}",
    b'{"method":null}',
    b'{"method":["x"],"id":1}',
    b'{"method":"$/progress"}',
    b'{"method":"$/progress","params":[1,2]}',
    b'{"method":"$/progress","params":{"token":{},"value":[]}}',
    b'{"method":"$/progress","params":{"token":[1],"value":[]}}',
    b'{"method":"$/progress","params":{"value":[]}}',
    b'{"method":"$/progress","params":{"token":"x","value":{}}}',
    b'{"a":"\xff"}',
    b'{"a":"\xc0\x80"}',
    b'{"a":"\xed\xa0\x80"}',
    b'{"a":"\xf4\x90\x80\x80"}',
)
_HEADERS = (
    "content-length:%s",
    "CONTENT-LENGTH:   %s  ",
    "cOnTeNt-LeNgTh: 000%s",
    "Content-Length: %s\r\nContent-Type: application/vscode-jsonrpc; charset=utf-8",
    "Content-Type: text/plain\r\nContent-Length: %s",
)
_BAD_HEADERS = (
    "Content-Length: -%s",
    "Content-Length: +%s",
    "Content-Length: %s.0",
    "Content-Length: %se0",
    "Content-Length: 0x%s",
    "Content-Length: %s, 5",
    "Content-Length:\t%s",
    "Content-Length : %s",
    "Content-Length %s",
    "Content-Length: %s\r\nContent-Length: 5",
    "Content-Length: %s\nContent-Type: x",
    "Content-Length: %s\r\nX-Other: 1",
    "\r\nContent-Length: %s",
    "Content-Length: %s\0",
    "Content-Length: %s\r\nContent-Type: text/plain; charset=latin1",
    "Content-Length: " + "9" * 20 + "%s",
    f"Content-Length: {FRAME_LIMIT + 1}%s",
    "Content-Type: text/plain%s",
    "Content-Length: %s" + " " * (HEADER_LIMIT + 5000),
)
# `frame` makes it as long as a header may be.
_LONGEST = "content-length:  %s  "
_GARBAGE = (
    "\n",
    "\r\n",
    "\r\r\n",
    "starting up\n",
    "\0",
    "{}",
    "\r\n\r\n",
    " ",
    "Traceback (most recent call last):\n",
)


def frame(body: bytes, header: str = "Content-Length: %s") -> bytes:
    text = header % len(body)
    if header == _LONGEST:
        text = text.ljust(HEADER_LIMIT - len(body) % 3)
    return text.encode("latin-1") + b"\r\n\r\n" + body


def _header(rng: random.Random) -> str:
    roll = rng.random()
    if roll < 0.7:
        return "Content-Length: %s"
    if roll < 0.95:
        return rng.choice(_HEADERS)
    return _LONGEST


def ending(rng: random.Random) -> Tuple[bytes, int]:
    """Something after which no connection can go on, and how many frames it is."""
    sound = b'{"jsonrpc":"2.0","method":"x","params":{}}'
    roll = rng.random()
    if roll < 0.4:
        return frame(rng.choice(_BROKEN), _header(rng)), 1
    if roll < 0.6:
        return frame(sound, rng.choice(_BAD_HEADERS)), 1
    if roll < 0.7:
        return rng.choice(_GARBAGE).encode() + frame(sound), 2
    if roll < 0.8:
        return frame(sound, f"Content-Length: {rng.randrange(1, len(sound))}%.0s") + frame(sound), 2
    if roll < 0.9:
        return frame(sound, f"Content-Length: {len(sound) + rng.randrange(1, 60)}%.0s") + frame(sound), 2
    return frame(sound)[: rng.randrange(1, len(frame(sound)))], 1


def session(rng: random.Random) -> Session:
    """Some messages, and for every second session something broken behind them."""
    messages = [sound_message(rng) for _ in range(rng.randrange(1, 24))]
    settled = next((at for at, message in enumerate(messages) if message.kind in ("answer", "failure")), len(messages))
    # Node sends no page of a call behind its answer.
    messages = [message for at, message in enumerate(messages) if at < settled or message.kind != "page"]
    stream = b"".join(frame(message.json, _header(rng)) for message in messages)
    if rng.random() < 0.5:
        return Session(stream, messages, len(messages))
    rest, frames = ending(rng)
    return Session(stream + rest, [*messages, Message("fatal", rest)], len(messages) + frames)


def pieces(rng: random.Random, data: bytes) -> List[bytes]:
    """The stream whole, byte by byte, or cut anywhere."""
    roll = rng.random()
    if roll < 0.3:
        return [data]
    if roll < 0.4:
        return [data[at : at + 1] for at in range(min(len(data), 1500))] + [data[1500:]]
    places = sorted(rng.randrange(len(data) + 1) for _ in range(rng.randrange(1, 30)))
    return [data[start:end] for start, end in zip([0, *places], [*places, len(data)])]
