"""Python values as callers of Ceph hand them over, and worse, for test_fuzz."""

import collections
import datetime
import enum
import random
from typing import Any, Dict

from .fuzz_inputs import any_text, string

Place = collections.namedtuple("Place", ["host", "dev"])
_UTC = datetime.timezone.utc


class Colour(enum.Enum):
    RED = "red"


class Size(str, enum.Enum):
    BIG = "big"


class Spec:
    """Writes itself, as Ceph's specs do."""

    service_type = "host"

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def to_json(self) -> Any:
        return self._inner


class InventoryFilter:
    """By its name one of those that write no JSON."""

    def __init__(self, inner: Any) -> None:
        self.labels = inner
        self.hosts = None


class Endless:
    def to_json(self) -> Any:
        return {"again": self}


_ODD = (
    2**53,
    -(2**53),
    2**64,
    10**500,
    float("nan"),
    float("inf"),
    -float("inf"),
    -0.0,
    1e308,
    "\ud800",
    "\0",
    b"\xff\0",
    b"text",
    {"a", "b"},
    frozenset({1, 2}),
    Colour.RED,
    Size.BIG,
    Place("h", None),
    datetime.datetime(2026, 1, 2, 3, 4, 5, 6),
    datetime.datetime(2026, 1, 2, tzinfo=datetime.timezone(datetime.timedelta(hours=5))),
    datetime.datetime.min.replace(tzinfo=datetime.timezone(datetime.timedelta(hours=5))),
    datetime.datetime.max.replace(tzinfo=_UTC),
    datetime.date(2026, 1, 2),
    object(),
    len,
    Spec,
    Endless(),
    range(3),
    complex(1, 2),
)


def foreign_value(rng: random.Random, depth: int = 4) -> Any:
    """The same kinds at any depth, now and then in a loop or too deep."""
    roll = rng.random()
    if depth == 0 or roll < 0.25:
        return rng.choice(_ODD) if rng.random() < 0.3 else any_text(rng, 1).value
    if roll < 0.27:
        return _loop()
    if roll < 0.29:
        return _deep(rng.choice((90, 99, 100, 101, 102, 5000)))
    inner = foreign_value(rng, depth - 1)
    if roll < 0.4:
        return Spec(inner)
    if roll < 0.45:
        return InventoryFilter(inner)
    if roll < 0.6:
        return [inner, foreign_value(rng, depth - 1)]
    if roll < 0.65:
        return (inner, Place(inner, inner))
    return {_key(rng): inner for _ in range(rng.randrange(3))}


def _key(rng: random.Random) -> Any:
    odd = (1, -1, True, None, 1.5, b"k", ("a",), Size.BIG, "__proto__", "\ud800", "k" * 5000, 2**70)
    return rng.choice(odd) if rng.random() < 0.2 else string(rng).value


def _loop() -> Dict[str, Any]:
    loop: Dict[str, Any] = {}
    loop["loop"] = [loop]
    return loop


def _deep(levels: int) -> Any:
    value: Any = "bottom"
    for _ in range(levels):
        value = [value]
    return value
