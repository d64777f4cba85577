"""Answers from the wire, as the classes of the installed release.

Each class gets what its own constructor takes, so one answer of Node serves every release.
"""

from typing import Any, Callable, List

import orchestrator

from .failure import BadAnswer

if hasattr(orchestrator, "OrchResult"):
    from .native_modern import BUILDERS
else:
    from .native_classic import BUILDERS

_PLAIN = ("string", "null", "boolean", "integer", "number")


def to_native(result: str, value: Any) -> Any:
    """The answer of a method whose result is `result`, such as `InventoryHost[]`. Never None."""
    if result.endswith("[]"):
        return _list(result[:-2], [] if value is None else value)
    if value is None:
        return "" if result in _PLAIN else {}
    builder = BUILDERS.get(result)
    return value if builder is None else _built(builder, result, value)


def empty(result: str) -> Any:
    """What stands beside an exception: callers such as the dashboard read lists without looking at it first."""
    if result.endswith("[]"):
        return []
    return None if result in _PLAIN or result in BUILDERS else {}


def _list(item: str, rows: Any) -> List[Any]:
    if not isinstance(rows, list):
        raise BadAnswer(f"{item}[]: expected a list, got a {type(rows).__name__}")
    builder = BUILDERS.get(item)
    if builder is None:
        return rows
    built = (_built(builder, f"{item}[{at}]", row) for at, row in enumerate(rows))
    # A row that this release has no class for is left out.
    return [row for row in built if row is not None]


def _built(builder: Callable[[Any], Any], path: str, value: Any) -> Any:
    try:
        return builder(value)
    except Exception as error:
        # Ceph's constructors raise whatever comes: AssertionError, KeyError, TypeError, errors of their own.
        raise BadAnswer(f"{path}: Ceph refuses the backend's answer: {type(error).__name__}: {error}") from error


__all__ = ["BUILDERS", "empty", "to_native"]
