"""Failures of a call, as the exceptions that Ceph's callers know."""

import errno
from typing import Any, Tuple

import orchestrator

from .failure import BadAnswer, BadValue, BridgeFailure, CallTimeout, ConnectionLost, Unavailable, WireError
from .generated.methods import ERRORS

# Local failures, by the row of the table that they are like.
_LOCAL = (
    (CallTimeout, "TimeoutError"),
    (ConnectionLost, "UnavailableError"),
    (Unavailable, "UnavailableError"),
    (BadValue, "ValidationError"),
    (BadAnswer, "InvalidAnswerError"),
)
_BY_TYPE = {row.type: row for row in ERRORS.values()}


def to_exception(failure: BridgeFailure) -> Exception:
    """The exception for an OrchResult or a completion of the installed release."""
    python, number = _row(failure)
    text = str(failure)
    if python == "NotImplementedError":
        return NotImplementedError(text)
    cls = getattr(orchestrator, python, orchestrator.OrchestratorError)
    if hasattr(orchestrator, "OrchResult"):
        # Negative: up to Reef the command line ends with the errno as it is given; Tentacle takes either sign.
        return _typed(cls(text, errno=-number))
    return classic_exception(cls, text)


def classic_exception(cls: Any, text: str) -> Exception:
    """On 14.2 the message reaches the caller only in `__dict__`: it copies that and nothing else."""
    exception = cls(text)
    exception.__dict__["args"] = (text,)
    return _typed(exception)


def errno_of(failure: BridgeFailure) -> int:
    """The positive errno of a command that ends with the failure."""
    return _row(failure)[1]


def _typed(exception: Any) -> Exception:
    assert isinstance(exception, Exception)
    return exception


def _row(failure: BridgeFailure) -> Tuple[str, int]:
    """The name of the Python exception and the positive errno."""
    if isinstance(failure, WireError):
        row = ERRORS.get(failure.code)
        exception, number = ("OrchestratorError", errno.EIO) if row is None else (row.exception, row.errno)
        told = failure.data.get("errno")
        return exception, abs(told) if isinstance(told, int) and told else number
    for local, name in _LOCAL:
        if isinstance(failure, local):
            return _BY_TYPE[name].exception, _BY_TYPE[name].errno
    return "OrchestratorError", errno.EIO
