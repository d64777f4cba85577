"""What the chosen backend declares that its process needs: asked of Node, remembered while it is the choice."""

import json
import logging
import os
from typing import Any, List, Optional, Tuple

from .connection import Connection
from .failure import BridgeFailure, CallTimeout, WireError
from .link import NodeLink
from .permissions import NONE, Permissions
from .settings import Settings


class BackendRefused(Exception):
    """The backend cannot be loaded, or does not take its options; the message says why."""


class Declarations:
    """The present one, in memory only: a new manager asks anew."""

    def __init__(self, log: logging.Logger) -> None:
        self._log = log
        self._known: Optional[Tuple[Any, Permissions]] = None

    def known(self, settings: Settings) -> Optional[Permissions]:
        """What was declared when it was last asked, unless the choice or the backend's file has changed."""
        known = self._known
        return known[1] if known is not None and known[0] == _choice(settings) else None

    def forget(self) -> None:
        """The next start asks again, whatever has changed."""
        self._known = None

    def ask(self, connection: Connection, settings: Settings, timeout: float) -> Permissions:
        """Asks a process that may read the backend's files. BackendRefused, or the failure of the call."""
        choice = _choice(settings)
        if settings.backend is None:
            return NONE
        try:
            answer = connection.call("bridge/check", {"backend": settings.backend_choice}, timeout)
        except WireError:
            return NONE  # JavaScript of another version; `initialize` tells so
        if not isinstance(answer, dict) or "refused" in answer:
            raise BackendRefused(str(answer["refused"] if isinstance(answer, dict) else answer))
        try:
            declared = Permissions.from_wire(answer.get("permissions"))
        except (TypeError, ValueError) as error:
            raise BackendRefused(f"backend {settings.backend}: permissions: {error}") from error
        self._known = (choice, declared)
        return declared

    def ask_apart(self, command: List[str], settings: Settings, timeout: float) -> Permissions:
        """Asks a process of its own, which ends with the answer. BackendRefused also when there is none."""
        try:
            link = NodeLink(command, _Nobody(), self._log)
        except OSError as error:
            raise BackendRefused(f"cannot start Node: {error}") from error
        try:
            link.start()
            return self.ask(link.connection, settings, timeout)
        except CallTimeout as late:
            link.kill("loading the backend took too long")
            raise BackendRefused(not_loaded(settings, timeout)) from late
        except BridgeFailure as failure:
            raise BackendRefused(f"backend {settings.backend}: {failure}") from failure
        finally:
            link.end("its backend was only looked at")


def not_loaded(settings: Settings, timeout: float) -> str:
    """For the operator, when there was no answer in time."""
    return f"backend {settings.backend}: it was not loaded within {timeout:g} s"


def _choice(settings: Settings) -> Any:
    return json.dumps(settings.backend_choice, sort_keys=True), _file_state(settings.backend)


def _file_state(backend: Optional[str]) -> Optional[Tuple[int, int, int]]:
    if backend is None or not backend.startswith("/"):
        return None
    try:
        entry = os.stat(backend)
    except OSError:
        return None
    return entry.st_ino, entry.st_size, entry.st_mtime_ns


class _Nobody:
    """The owner of a link of which nothing else is wanted."""

    def told(self, link: NodeLink, method: str, params: Any) -> None: ...

    def asked(self, link: NodeLink, request_id: Any, method: str, params: Any) -> None: ...

    def exited(self, link: NodeLink, end: str) -> None: ...
