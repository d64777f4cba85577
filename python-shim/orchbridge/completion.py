"""The completion objects of 14.2, as their callers look at them."""

from typing import Any

import orchestrator


class _Completion:
    """What both kinds share: the call behind it, its end, and its text in the progress module."""

    call_id = ""
    method_name = ""
    text = ""
    value: Any = None
    answered = False

    @property
    def result(self) -> Any:
        return self.value

    def __str__(self) -> str:
        return self.text


class ReadCompletion(_Completion, orchestrator.ReadCompletion):  # type: ignore[misc]
    """A read. Complete once it is answered."""

    @property
    def is_complete(self) -> bool:
        return bool(self.answered or self.is_errored)


class WriteCompletion(_Completion, orchestrator.WriteCompletion):  # type: ignore[misc]
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
        # The base class waits for ever for a write that failed before it was persistent.
        return not (self.answered or self.is_errored)
