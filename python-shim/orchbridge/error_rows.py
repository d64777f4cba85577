"""What a failure is called in Python and on the command line: the rows of the error table, without Ceph's classes."""

import errno
from typing import Tuple

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


def row_of(failure: BridgeFailure) -> Tuple[str, int]:
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
