"""What can go wrong between the manager and Node. Errors that crossed the wire carry a number, local ones do not."""

from typing import Any, Dict, Optional


class BridgeFailure(Exception):
    """Base of all failures of a call; the message is one sentence for an operator."""


class WireError(BridgeFailure):
    """Node answered with an error."""

    def __init__(self, code: int, message: str, data: Optional[Dict[str, Any]] = None) -> None:
        super().__init__(message)
        self.code = code
        self.data: Dict[str, Any] = data or {}


class CallTimeout(BridgeFailure):
    """The deadline of a call passed before Node answered."""


class ConnectionLost(BridgeFailure):
    """Node died, closed the connection, or broke the protocol."""


class Unavailable(BridgeFailure):
    """There is no Node process to ask, and none is expected within the time of a call."""


class BadValue(BridgeFailure):
    """A value cannot cross the wire; the message names the field."""


class BadAnswer(BridgeFailure):
    """Node's answer cannot be turned into Ceph's classes; the message names the field."""
