"""What a call may end with in a Python program, under the names that Ceph has for it."""

from ..error_rows import row_of
from ..failure import BridgeFailure


class OrchestratorError(Exception):
    """A call failed; the message is one sentence. `errno` is the positive number that `ceph orch` would end with."""

    def __init__(self, text: str, errno: int = 22) -> None:
        super().__init__(text)
        self.errno = errno


class OrchestratorValidationError(OrchestratorError):
    """What was asked for breaks a rule; the message names the field."""


def to_exception(failure: BridgeFailure) -> Exception:
    """The exception of a completion. A method that the backend does not have is a NotImplementedError."""
    name, errno = row_of(failure)
    text = str(failure)
    if name == "NotImplementedError":
        return NotImplementedError(text)
    if name == "OrchestratorValidationError":
        return OrchestratorValidationError(text, errno)
    return OrchestratorError(text, errno)
