"""The completions that a Python program gets."""

import uuid
from typing import Any, Generic, Optional, TypeVar

from ..completion import Completion, ReadState, Shapes, WriteState
from ..failure import BadAnswer, BridgeFailure
from ..generated import classes
from ..generated.methods import Method
from .exceptions import OrchestratorError, to_exception

T = TypeVar("T")
RELEASE = "mimic"


class _Answer(Completion, Generic[T]):
    """The result of a call, once there is one."""

    #: What went wrong, or None.
    exception: Optional[Exception] = None

    def get_result(self) -> T:
        """The result. Raises the exception instead, if it ended in one or nobody has waited for it yet."""
        if self.exception is not None:
            raise self.exception
        if not self.answered:
            raise OrchestratorError(f"{self.text}: there is no result yet; pass it to wait first")
        result: T = self.value
        return result

    def fail(self, failure: BridgeFailure) -> None:
        """Ends it with an exception."""
        self.exception = to_exception(failure)


class ReadCompletion(_Answer[T], ReadState):
    """A read that was asked for. Nothing is done for it until `wait` is called with it."""

    is_read = True

    @property
    def should_wait(self) -> bool:
        """Whether `wait` has something to do for it: it is not complete."""
        return not self.is_complete

    def __repr__(self) -> str:
        state = "errored" if self.is_errored else "complete" if self.is_complete else "not waited for"
        return f"<ReadCompletion {self.text}: {state}>"


class WriteCompletion(_Answer[str], WriteState):
    """A write that was asked for. Nothing is done for it until `wait` is called with it.

    First it becomes persistent: the orchestrator has it and will finish it. Then it becomes effective: it has really
    happened.
    """

    is_read = False
    #: From 0 to 1; 0.5 is persistent, as long as the backend tells nothing finer.
    progress = 0.0

    def __init__(self) -> None:
        #: Names it for the whole program.
        self.progress_id = str(uuid.uuid4())

    @property
    def is_complete(self) -> bool:
        """Errored, or persistent and effective."""
        return self.is_errored or (self.is_persistent and self.is_effective)

    def __repr__(self) -> str:
        stage = "effective" if self.is_effective else "persistent" if self.is_persistent else "not waited for"
        return f"<WriteCompletion {self.text}: {'errored' if self.is_errored else stage}>"


def _native(method: Method, value: Any) -> Any:
    """The result in the generated data classes."""
    result = method.results.get(RELEASE, method.result)
    try:
        return _built(result, value)
    except (AttributeError, KeyError, TypeError) as error:
        raise BadAnswer(f"{result}: the answer has another shape: {type(error).__name__}: {error}") from error


def _built(result: str, value: Any) -> Any:
    if result.endswith("[]"):
        return [_built(result[:-2], item) for item in value]
    if result == "string":
        return "" if value is None else value
    return getattr(classes, result).from_json(value)


SHAPES = Shapes(ReadCompletion, WriteCompletion, _native)
