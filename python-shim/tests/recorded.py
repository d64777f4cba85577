"""Reads recorded sessions (docs/recordings.md): what the shim asked, and what it was answered."""

import json
from typing import Any, Dict, List, Optional

# What the shim asks about the process itself, whose answers say nothing of the orchestrator.
_OWN = ("initialize", "bridge/check", "bridge/configure", "bridge/status", "bridge/ping", "bridge/drop")


class Exchange:
    """A call and what became of it."""

    def __init__(self, line: int, method: str, params: Dict[str, Any], call: str) -> None:
        self.line = line
        self.method = method
        self.params = params
        self.call = call
        self.outcome: Optional[Dict[str, Any]] = None
        self.pages: List[Any] = []


class Session:
    """One session of a recording. ValueError where an answer is missing, or there is one too many."""

    def __init__(self, header: Dict[str, Any]) -> None:
        self.header = header
        self.exchanges: List[Exchange] = []
        # The operations that ended, by their call: `bridge/effective` or `bridge/failed`, with its params.
        self.ends: Dict[str, Dict[str, Any]] = {}
        self._asked: Dict[Any, Any] = {}
        self._submitted: Dict[str, Exchange] = {}

    def take(self, line: int, to_node: bool, message: Dict[str, Any]) -> None:
        method, params = message.get("method"), message.get("params") or {}
        if to_node and method is not None:
            self._ask(line, str(method), params, message.get("id"))
        elif not to_node and method is None:
            self._answer(line, message)
        elif method == "$/progress":
            next(one for one in self.exchanges if one.call == params["token"]).pages.append(params["value"])
        elif method in ("bridge/effective", "bridge/failed"):
            if params["call"] in self.ends:
                raise ValueError(f"line {line}: {params['call']} ended before")
            self.ends[params["call"]] = {"method": method, "params": params}

    def _ask(self, line: int, method: str, params: Dict[str, Any], request_id: Any) -> None:
        if method.startswith("orchestrator/"):
            call = params.get("_call") or {}
            rest = {name: value for name, value in params.items() if name != "_call"}
            exchange = Exchange(line, method, rest, str(call.get("id", "")))
            self.exchanges.append(exchange)
            self._asked[request_id] = exchange
        elif method == "bridge/submit":
            exchange = Exchange(line, params["method"], params.get("params") or {}, params["call"])
            self.exchanges.append(exchange)
            self._submitted[exchange.call] = exchange
        elif request_id is not None:
            self._asked[request_id] = method

    def _answer(self, line: int, message: Dict[str, Any]) -> None:
        if message["id"] not in self._asked:
            raise ValueError(f"line {line}: an answer to {message['id']}, which was not asked or answered before")
        asked = self._asked.pop(message["id"])
        outcome = {name: message[name] for name in ("result", "error") if name in message}
        if isinstance(asked, Exchange):
            asked.outcome = outcome
        elif asked == "bridge/wait":
            for settled in (message.get("result") or {}).get("settled", []):
                exchange = self._submitted.pop(settled["call"])
                exchange.outcome = {name: value for name, value in settled.items() if name != "call"}

    def finish(self) -> "Session":
        for exchange in self.exchanges:
            if exchange.outcome is None:
                raise ValueError(f"line {exchange.line}: {exchange.method} has no answer")
        return self


def read_sessions(path: str) -> List[Session]:
    """All sessions of a file."""
    sessions: List[Session] = []
    with open(path, encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            if line.startswith("# {"):
                sessions.append(Session(json.loads(line[2:])))
            elif line[:2] in ("> ", "< "):
                sessions[-1].take(number, line[0] == ">", json.loads(line[2:]))
    return [session.finish() for session in sessions]


def renamed(value: Any, names: Dict[str, str]) -> Any:
    """The value with the recorded calls' names replaced by those of now."""
    if isinstance(value, str):
        return names.get(value, value)
    if isinstance(value, list):
        return [renamed(item, names) for item in value]
    if isinstance(value, dict):
        return {key: renamed(item, names) for key, item in value.items()}
    return value
