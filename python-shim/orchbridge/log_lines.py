"""Node's stderr: pino's JSON lines and whatever else is printed, as lines for the manager's log."""

import collections
import json
import logging
import re
import time
from typing import Any, Deque, Dict, Tuple

# A flood of lines would grow the manager's log without bound.
BURST = 1000
LINES_PER_SECOND = 200
LINE_LIMIT = 16 * 1024

_SHOWN_FIRST = ("backend", "method", "call", "log_id")
_NOT_SHOWN = {"level", "time", "pid", "hostname", "msg", "v"}
# What Node prints after the message of an error that ends it.
_TRAILING = re.compile(r"\s+at |Node\.js v\d|\s*\^|\s*$|[\w./:-]+:\d+$|\s*[{}\[\]]\s*$|\s+\w+: ")
_TELLING = re.compile(r"^(?:Uncaught )?(?:\w+: )*\w*(?:Error|Exception)\b|FATAL|fatal|panic", re.IGNORECASE)


def parse(line: str) -> Tuple[int, str]:
    """The level and the text of a line. A line that is not pino's is shown as it is."""
    if line.startswith("{"):
        try:
            entry = json.loads(line)
            if isinstance(entry, dict) and isinstance(entry.get("level"), int):
                return _level(entry["level"]), clean(_text(entry))
        except (ValueError, RecursionError):
            pass
    return logging.INFO, clean(line)


def clean(text: str) -> str:
    """The text as the manager's log takes it: it is written in C, and knows neither NUL nor half a character."""
    return text.encode("utf-8", "replace").decode("utf-8").replace("\0", "\\0")


def _level(pino: int) -> int:
    for bound, level in ((60, logging.CRITICAL), (50, logging.ERROR), (40, logging.WARNING), (30, logging.INFO)):
        if pino >= bound:
            return level
    return logging.DEBUG


def _text(entry: Dict[str, Any]) -> str:
    values = {key: value for key, value in entry.items() if key not in _NOT_SHOWN}
    error = values.pop("err", None)
    stack = values.pop("stack", None)
    named = [f"{key}={_short(values.pop(key))}" for key in _SHOWN_FIRST if key in values]
    named += [f"{key}={_short(value)}" for key, value in values.items()]
    text = " ".join([str(entry.get("msg", "")), *named]).strip()
    if isinstance(error, dict):
        stack = error.get("stack") or error.get("message") or error
    return text if stack is None else f"{text}\n{stack}"


def _short(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


class LineLog:
    """Hands each line to a logger, with a bound on their number, and remembers what a dead process said last."""

    def __init__(self, log: logging.Logger) -> None:
        self._log = log
        self._recent: Deque[Tuple[int, str]] = collections.deque(maxlen=60)
        self._allowance = float(BURST)
        self._filled_at = time.monotonic()
        self._dropped = 0

    def take(self, line: str) -> None:
        """One line without its end."""
        if len(line) > LINE_LIMIT:
            line = line[:LINE_LIMIT] + f"… ({len(line)} characters)"
        level, text = parse(line)
        if text:
            self._recent.append((level, text))
            if self._may_log():
                self._log.log(level, "%s", text)

    def said(self, words: str) -> bool:
        """Whether one of the last lines holds these words."""
        return any(words in text for _, text in list(self._recent))

    def last_words(self) -> str:
        """The line that says most about an end: the last error, else the last line with something in it."""
        lines = list(self._recent)
        for level, text in reversed(lines):
            first = text.split("\n", 1)[0]
            if level >= logging.ERROR or _TELLING.search(first):
                return first
        plain = [text for _, text in lines if not _TRAILING.match(text)]
        return plain[-1].split("\n", 1)[0] if plain else ""

    def _may_log(self) -> bool:
        now = time.monotonic()
        self._allowance = min(BURST, self._allowance + (now - self._filled_at) * LINES_PER_SECOND)
        self._filled_at = now
        if self._allowance < 1:
            self._dropped += 1
            return False
        self._allowance -= 1
        if self._dropped:
            self._log.warning("%d lines of the Node process were dropped: it logs too much", self._dropped)
            self._dropped = 0
        return True
