"""What is known about the Node process, from memory: any thread may ask at any time, whatever Node does."""

import threading
import time
from dataclasses import dataclass, field
from typing import Any, Dict, List, Optional

from .attach import STANDS_STILL, AttachedLink
from .connection import Connection
from .failure import Unavailable
from .link import NodeLink
from .permissions import NONE
from .settings import UNSET_BACKEND, Settings

# How long a call waits for a start that is under way or about to come.
PATIENCE = 5.0


@dataclass(frozen=True)
class BackendState:
    """What Node last said about its backend."""

    available: bool = False
    reason: str = ""
    details: Dict[str, Any] = field(default_factory=dict)
    backend: Optional[str] = None
    features: List[str] = field(default_factory=list)
    failures: List[str] = field(default_factory=list)


class Known:
    """Written by the supervisor alone, under `_changed` where somebody may wait for it."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        # Set once, when another manager leads.
        self._stood_down: Optional[str] = None
        self._link: Optional[NodeLink] = None
        self._introduced = False
        self._next_start = 0.0
        self._problem: Optional[str] = "orchbridge has not started yet"
        self._lasting = False
        # The last good options, once there were any, and what is wrong with the present ones.
        self.settings = Settings()
        self._configured = False
        self.settings_error: Optional[str] = None
        self.state: Optional[BackendState] = None
        self.features: List[str] = []
        self.failures: List[str] = []
        self.hello: Dict[str, Any] = {}
        # What the present process may do besides using its own files.
        self.permissions = NONE
        self.starts = 0
        self.crashes = 0
        self.connected_at: Optional[float] = None
        self.last_end: Optional[str] = None
        self.last_end_at: Optional[float] = None
        self.last_end_requested = False

    @property
    def connection(self) -> Optional[Connection]:
        """The connection, while Node runs and has introduced itself."""
        link = self._link
        return link.connection if link is not None and link.lives and self._introduced else None

    @property
    def down(self) -> Optional[str]:
        """Why Node does not run, or None while it does."""
        if self._stood_down is not None:
            return self._stood_down
        if self.connection is not None:
            return None
        if self.settings_error is not None and not self._configured:
            return self.settings_error
        # It ended this very moment, or what is in its way is known.
        return self._problem or "the Node process ended"

    @property
    def lasting(self) -> bool:
        """Whether `down` needs somebody to do something."""
        misconfigured = self.settings_error is not None and not self._configured
        return self._lasting or self._stood_down is not None or misconfigured

    @property
    def backend(self) -> Optional[str]:
        """The name of the backend, as far as it is known."""
        state = self.state
        return state.backend if state is not None and state.backend else self.settings.backend

    @property
    def stands_still(self) -> bool:
        """Whether an attached process has answered nothing for a while. One of ours would be ended."""
        link = self._link
        return isinstance(link, AttachedLink) and link.stands_still

    def available(self) -> BackendState:
        """The state of the backend, or of what is in its way."""
        if self._stood_down is not None:
            return BackendState(reason=self._stood_down, backend=self.settings.backend)
        if self.settings_error is not None:
            return BackendState(reason=self.settings_error)
        if self._configured and not self.settings.chosen and not self._lasting:
            return BackendState(reason=UNSET_BACKEND)
        if self.connection is None:
            return BackendState(reason=self._problem or "the Node process ended", backend=self.settings.backend)
        if self.stands_still:
            return BackendState(reason=STANDS_STILL, backend=self.backend)
        return self.state or BackendState(reason="the backend is starting", backend=self.settings.backend)

    def wait_connected(self, deadline: float) -> Connection:
        """The connection, once there is one. Unavailable when none will come in time."""
        patience = min(deadline, time.monotonic() + PATIENCE)
        with self._changed:
            while True:
                if self._stood_down is not None:
                    raise Unavailable(self._stood_down)
                if self.settings_error is not None and not self._configured:
                    raise Unavailable(self.settings_error)
                connection = self.connection
                if connection is not None:
                    return connection
                if self._lasting or self._next_start > patience:
                    raise Unavailable(self._problem or "Node does not run")
                remaining = patience - time.monotonic()
                if remaining <= 0 or not self._changed.wait(remaining):
                    raise Unavailable(self._problem or "Node is starting; try again in a moment")
