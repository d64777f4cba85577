"""What a completion keeps of its call, whoever reads it: a manager of 14.2, or a Python program of its own."""

from dataclasses import dataclass
from typing import Any, Callable, Protocol

from .failure import BridgeFailure
from .generated.methods import Method


class Completion:
    """What both kinds share: the call behind it, its end, and its text in the progress module."""

    call_id = ""
    method_name = ""
    text = ""
    value: Any = None
    answered = False
    exception: Any

    @property
    def result(self) -> Any:
        return self.value

    @property
    def is_errored(self) -> bool:
        return self.exception is not None

    def __str__(self) -> str:
        return self.text

    def fail(self, failure: BridgeFailure) -> None:
        """Ends it, with the exception that its readers know."""
        raise NotImplementedError


class ReadState(Completion):
    """A read. Complete once it is answered."""

    @property
    def is_complete(self) -> bool:
        return self.answered or self.is_errored


class WriteState(Completion):
    """A write. Persistent once it is answered, effective once it has happened."""

    effective = False

    @property
    def is_persistent(self) -> bool:
        return self.answered

    @property
    def is_effective(self) -> bool:
        return self.effective

    @property
    def should_wait(self) -> bool:
        # Ceph's own class waits for ever for a write that failed before it was persistent.
        return not (self.answered or self.is_errored)


class Events(Protocol):
    """Who hears of writes between persistent and effective."""

    def update(self, event: str, message: str, fraction: float) -> None: ...

    def complete(self, event: str) -> None: ...

    def fail(self, event: str, message: str) -> None: ...


@dataclass(frozen=True)
class Shapes:
    """The classes in which completions and their results are handed out."""

    read: Callable[[], Completion]
    write: Callable[[], Completion]
    # The result of a method, of the wire's types, as its callers know it.
    native: Callable[[Method, Any], Any]
