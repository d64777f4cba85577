"""The completions up to 14.2: made at once, started by `wait`, persistent when answered; then: second_stages."""

import collections
import threading
import time
import weakref
from dataclasses import dataclass
from typing import Any, Deque, Dict, Iterable, List, Optional

from .calls import GRACE, Calls, written
from .completion import Events, Shapes
from .connection import SHORT_WRITE, Connection
from .failure import BadAnswer, BridgeFailure, CallTimeout, Unavailable, WireError
from .generated.methods import Method
from .second_stages import SecondStages
from .stats import Stats
from .supervisor import Supervisor

NEVER_WAITED_FOR = 600.0
_BUG = 1007


@dataclass
class _Submitted:
    """A call that Node keeps until somebody waits for it."""

    call: str
    name: str
    method: Method
    params: Dict[str, Any]
    completion: "weakref.ref[Any]"
    progress_id: Optional[str]
    at: float
    # The connection it was sent on: a new process knows nothing of it.
    sent_on: Optional[Connection] = None
    waited_for: bool = False


class Completions:
    """Makes completions, waits for them, and ends them."""

    def __init__(self, supervisor: Supervisor, calls: Calls, events: Events, stats: Stats, shapes: Shapes) -> None:
        self._supervisor = supervisor
        self._calls = calls
        self._events = events
        self._stats = stats
        self._shapes = shapes
        self.second_stages = SecondStages(events)
        self._lock = threading.Lock()
        self._submitted: Dict[str, _Submitted] = {}
        # Calls whose completion is gone. The last reference may go in another module's interpreter: only noted there.
        self._ownerless: Deque[str] = collections.deque()

    # Making

    def submit(self, name: str, method: Method, params: Dict[str, Any]) -> Any:
        """A completion of a call that reaches no backend until it is waited for."""
        completion = self.make(name, method)
        completion.call_id = self._calls.new_id()
        first = next((value for value in params.values() if isinstance(value, str)), "")
        completion.text = f"{name.replace('_', ' ')} {first}".strip()
        entry = _Submitted(
            completion.call_id,
            name,
            method,
            params,
            weakref.ref(completion, lambda _ref: self._ownerless.append(entry.call)),
            getattr(completion, "progress_id", None),
            time.monotonic(),
        )
        with self._lock:
            self._submitted[entry.call] = entry
        connection = self._supervisor.connection
        if connection is not None:
            try:
                self._send(connection, entry, SHORT_WRITE)
            except BridgeFailure:
                pass  # sent again by `wait`
        return completion

    def make(self, name: str, method: Method) -> Any:
        """A completion without a call behind it."""
        completion: Any = self._shapes.write() if method.kind == "write" else self._shapes.read()
        completion.method_name = name
        if method.kind == "write":
            completion.progress = 0.0
        return completion

    def failed(self, name: str, method: Method, failure: BridgeFailure) -> Any:
        """A completion that failed before it was sent."""
        completion = self.make(name, method)
        completion.text = name.replace("_", " ")
        completion.fail(failure)
        self._stats.note(name, str(failure))
        return completion

    def _send(self, connection: Connection, entry: _Submitted, timeout: float) -> None:
        if entry.sent_on is connection:
            return
        params = {"call": entry.call, "method": f"classic/{entry.name}", "params": entry.params}
        connection.notify("bridge/submit", params, timeout)
        entry.sent_on = connection

    # Waiting

    def wait(self, completions: Iterable[Any]) -> bool:
        """Ends every completion: complete, errored or persistent. Always true: after false the caller asks for ever."""
        mine = {completion.call_id: completion for completion in completions if getattr(completion, "call_id", "")}
        with self._lock:
            entries = [self._submitted[call] for call in mine if call in self._submitted]
            for entry in entries:
                entry.waited_for = True
        for _ in entries:
            self._stats.begin()
        if entries:
            self._wait(entries)
        return True

    def fail_all(self, completions: Iterable[Any], text: str) -> None:
        """Ends what is unfinished; for bugs of this module."""
        for completion in completions:
            if completion.should_wait:
                completion.fail(WireError(_BUG, text))

    def _wait(self, entries: List[_Submitted]) -> None:
        began = time.monotonic()
        waiting = {entry.call: entry for entry in entries}
        try:
            while waiting:
                nearest = min(self._deadline(entry, began) for entry in waiting.values())
                connection = self._supervisor.wait_connected(nearest)
                for entry in waiting.values():
                    self._send(connection, entry, _left(nearest))
                self._ask(connection, waiting, _left(nearest))
                self._give_up(waiting, began)
        except BridgeFailure as failure:
            for entry in waiting.values():
                self._fail(entry, failure)

    def _deadline(self, entry: _Submitted, began: float) -> float:
        return began + self._calls.timeout(entry.method.kind)

    def _ask(self, connection: Connection, waiting: Dict[str, _Submitted], seconds: float) -> None:
        """One `bridge/wait`; takes what it settled out of `waiting`."""
        params = {"calls": list(waiting), "timeout_ms": int(seconds * 1000)}
        try:
            answer = connection.call("bridge/wait", params, seconds + GRACE, on_result=self._take_operations)
        except CallTimeout:
            return  # each is given up at its own deadline
        for settled in answer.get("settled", []):
            entry = waiting.pop(settled.get("call"), None)
            if entry is not None:
                self._settle(entry, settled)
        for call in set(waiting).difference(answer.get("pending", [])):
            self._fail(waiting.pop(call), BadAnswer(f"bridge/wait: no word of the call {call}"))
        if waiting and not answer.get("settled"):
            time.sleep(min(0.05, seconds))  # it answered early; asking again at once would turn into a busy loop

    def _give_up(self, waiting: Dict[str, _Submitted], began: float) -> None:
        now = time.monotonic()
        overdue = [entry for entry in waiting.values() if self._deadline(entry, began) <= now]
        for entry in overdue:
            del waiting[entry.call]
            self._fail(entry, CallTimeout(self._calls.overdue(entry.name, self._calls.timeout(entry.method.kind))))
        if overdue:
            self._drop([entry.call for entry in overdue])

    def _take_operations(self, answer: Any) -> None:
        # Where the answer is read, so that no end of an operation can overtake its begin.
        for settled in answer.get("settled", []) if isinstance(answer, dict) else []:
            with self._lock:
                entry = self._submitted.get(settled.get("call", ""))
            result = settled.get("result")
            operations = result.get("operations") if isinstance(result, dict) else None
            if entry is not None and entry.progress_id is not None and operations:
                self.second_stages.begin(entry.progress_id, entry.completion, [row["call"] for row in operations])

    def _settle(self, entry: _Submitted, settled: Dict[str, Any]) -> None:
        error = settled.get("error")
        if error is not None:
            self._fail(entry, WireError(error.get("code", 1007), error.get("message", ""), error.get("data")))
            return
        try:
            value = settled.get("result")
            if entry.method.kind == "write":
                value, operations = written(entry.name, value)
            else:
                operations = []
            value = self._shapes.native(entry.method, value)
        except BridgeFailure as failure:
            self._fail(entry, failure)
            return
        self._forget(entry)
        self._stats.end(entry.name)
        completion = entry.completion()
        if completion is not None:
            completion.value = value
            completion.answered = True
            if entry.method.kind == "write" and not completion.effective:
                completion.progress = 0.5
        if entry.progress_id is not None and not operations:
            self.second_stages.finish(entry.progress_id, completion, None)

    def _fail(self, entry: _Submitted, failure: BridgeFailure) -> None:
        self._forget(entry)
        self._stats.end(entry.name, str(failure))
        completion = entry.completion()
        if completion is not None:
            completion.fail(failure)
        if entry.progress_id is not None:
            self.second_stages.finish(entry.progress_id, completion, failure)

    def _forget(self, entry: _Submitted) -> None:
        with self._lock:
            self._submitted.pop(entry.call, None)

    # What nobody waits for

    def sweep(self) -> None:
        """Gives up what was dropped or never waited for."""
        now = time.monotonic()
        with self._lock:
            dropped = [self._ownerless.popleft() for _ in range(len(self._ownerless))]
            ownerless = [self._submitted[call] for call in dropped if call in self._submitted]
            old = [
                entry
                for entry in self._submitted.values()
                if not entry.waited_for and now - entry.at >= NEVER_WAITED_FOR
            ]
        for entry in ownerless:
            if not entry.waited_for:
                self._abandon(entry, "its caller dropped it")
        for entry in old:
            self._abandon(entry, f"nobody waited for it within {NEVER_WAITED_FOR / 60:g} minutes")

    def _abandon(self, entry: _Submitted, why: str) -> None:
        self._forget(entry)
        completion = entry.completion()
        if completion is not None:
            completion.fail(Unavailable(why))
        if entry.progress_id is not None:
            self._events.fail(entry.progress_id, why)
        self._drop([entry.call])

    def _drop(self, calls: List[str]) -> None:
        connection = self._supervisor.connection
        if connection is not None:
            try:
                connection.notify("bridge/drop", {"calls": calls})
            except BridgeFailure:
                pass  # it is gone, and they with it

    def counts(self) -> Dict[str, int]:
        with self._lock:
            submitted = len(self._submitted)
        return {"submitted": submitted, "running": self.second_stages.count()}


def _left(deadline: float) -> float:
    return max(0.0, deadline - time.monotonic())
