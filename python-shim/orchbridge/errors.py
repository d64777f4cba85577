"""Failures of a call, as the exceptions that Ceph's callers know."""

from typing import Any

import orchestrator

from .error_rows import row_of
from .failure import BridgeFailure


def to_exception(failure: BridgeFailure) -> Exception:
    """The exception for an OrchResult or a completion of the installed release."""
    python, number = row_of(failure)
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
    return row_of(failure)[1]


def _typed(exception: Any) -> Exception:
    assert isinstance(exception, Exception)
    return exception
