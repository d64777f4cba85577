"""Calls of Ceph's modules to the Node process: deadlines, pages, what comes after the answer, and what is counted."""

import itertools
import time
import uuid
from typing import Any, Callable, Dict, List, Optional, Tuple

from .failure import BadAnswer, BridgeFailure, CallTimeout
from .generated.methods import Method
from .stats import Stats
from .supervisor import Supervisor

READ_TIMEOUT = 10.0
WRITE_TIMEOUT = 60.0
# Node ends a call at its deadline with a better sentence than ours; it gets this much time to say it.
GRACE = 0.5


class Calls:
    """Makes calls through whichever Node process runs."""

    def __init__(self, supervisor: Supervisor, stats: Stats, begin_operation: Callable[[str, str], None]) -> None:
        self._supervisor = supervisor
        self._stats = stats
        self._begin_operation = begin_operation
        # Unique among all managers: operations are known by it after a failover too.
        self._prefix = uuid.uuid4().hex[:10]
        self._numbers = itertools.count(1)

    def new_id(self) -> str:
        return f"{self._prefix}-{next(self._numbers)}"

    def timeout(self, kind: str) -> float:
        """Seconds that a call may take."""
        return self._supervisor.settings.call_timeout or (WRITE_TIMEOUT if kind == "write" else READ_TIMEOUT)

    def modern(self, name: str, method: Method, params: Dict[str, Any]) -> Any:
        """A call of 16 and later: the result of a read, the value of a write once it is persistent."""
        self._stats.begin()
        try:
            value = self._modern(name, method, params)
        except BaseException as failure:
            self._stats.end(name, str(failure) or type(failure).__name__)
            raise
        self._stats.end(name)
        return value

    def _modern(self, name: str, method: Method, params: Dict[str, Any]) -> Any:
        timeout = self.timeout(method.kind)
        deadline = time.monotonic() + timeout
        connection = self._supervisor.wait_connected(deadline)
        remaining = deadline - time.monotonic()
        if remaining <= 0:
            raise CallTimeout(f"{self.overdue(name, timeout)}: Node was starting")
        context: Dict[str, Any] = {"id": self.new_id(), "deadline_ms": int(remaining * 1000)}
        if method.page:
            context["partial"] = context["id"]
        try:
            answer = connection.call(
                f"orchestrator/{name}",
                {**params, "_call": context},
                remaining + GRACE,
                partial=context.get("partial"),
                on_result=self._take_operations if method.kind == "write" else None,
            )
        except CallTimeout:
            # Without our grace, of which the caller knows nothing.
            raise CallTimeout(f"{self.overdue(name, timeout)}: Node did not answer") from None
        return written(name, answer)[0] if method.kind == "write" else answer

    def overdue(self, name: str, timeout: float) -> str:
        """The sentence of a passed deadline, in the words of the backend's author: `memory.getHosts`."""
        first, *rest = name.split("_")
        where = f"{self._supervisor.backend or 'the backend'}.{first}{''.join(word.title() for word in rest)}"
        return f"timed out after {timeout:g} s in {where}"

    def _take_operations(self, answer: Any) -> None:
        # Where the answer is read, so that no end of an operation can overtake its begin.
        for operation in written("the answer", answer)[1]:
            self._begin_operation(operation["call"], operation["title"])

    def ask(self, method: str, params: Dict[str, Any], timeout: float) -> Optional[Any]:
        """What Node tells about itself; None when it does not answer."""
        connection = self._supervisor.connection
        if connection is None:
            return None
        try:
            return connection.call(method, params, timeout)
        except BridgeFailure:
            return None


def written(name: str, answer: Any) -> Tuple[Any, List[Dict[str, str]]]:
    """The value of a write's answer and the operations that go on after it."""
    if not isinstance(answer, dict) or "value" not in answer or not isinstance(answer.get("operations"), list):
        raise BadAnswer(f"{name}: expected the answer of a write, got {type(answer).__name__}")
    return answer["value"], answer["operations"]
