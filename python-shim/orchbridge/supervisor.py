"""Keeps a Node process running: options, watchdog, restart."""

import logging
import time
from typing import Any, Callable, Dict, List, Mapping

from . import lifecycle
from .attach import AttachedLink
from .declarations import BackendRefused, not_loaded
from .failure import BridgeFailure, CallTimeout
from .lifecycle import Lifecycle, Peer
from .link import PING_TIMEOUT, NodeLink
from .node import NodeMissing
from .permissions import NONE, Permissions
from .process import NOTHING
from .settings import Settings, SettingsError

TICK = 1.0


class Supervisor(Lifecycle):
    """Runs in the thread that calls `run`; everything else may be called from any thread."""

    def __init__(
        self,
        *,
        settings: Callable[[], Settings],
        command: Callable[[Settings, Permissions], List[str]],
        session: Callable[[], Dict[str, Any]],
        peer: Peer,
        look: Callable[[], None],
        log: logging.Logger,
        variables: Callable[[List[str]], Mapping[str, str]] = lambda _: NOTHING,
    ) -> None:
        super().__init__(command, variables, session, peer, log)
        self._read_settings = settings
        self._look = look
        self._stopping = False
        self._options_changed = True
        self._last_tick = time.monotonic()

    # What callers ask for

    def options_changed(self) -> None:
        """The module's options may be other ones now."""
        self._options_changed = True
        self._wake.set()

    def restart(self) -> None:
        """Ends the Node process on an operator's request and starts it anew at once."""
        with self._no_start("a restart was requested"):
            self._restarts.forget()
            # Whatever was mended beside the options is looked at anew.
            self._declarations.forget()
            self._options_changed = True
            self._retire("a restart was requested")
        self._wake.set()

    def stand_down(self, reason: str) -> None:
        """Ends the Node process at once and starts no other: another manager leads. Waits for nothing."""
        with self._changed:
            self._stood_down = reason
            self.failures = []
            link = self._link
            self._changed.notify_all()
        if link is not None:
            link.kill(reason)

    def stop(self) -> None:
        """Ends the Node process and `run`."""
        self._stopping = True
        self._wake.set()
        with self._no_start("the module is shut down"):
            self._retire("the module is shut down")

    # The loop

    def run(self) -> None:
        """Supervises until `stop`. Never raises: the manager would give up the whole module."""
        while not self._stopping:
            for step in (self._look_at_options, self._tick, self._look):
                try:
                    step()
                except Exception:
                    self._log.exception("a bug in orchbridge's supervision")
            self._wake.wait(max(0.01, min(TICK, self._next_start - time.monotonic() if self._next_start else TICK)))
            self._wake.clear()

    def _tick(self) -> None:
        now = time.monotonic()
        # A machine that stood still for a while must not be taken for a silent Node.
        stood_still = now - self._last_tick > 4 * TICK + PING_TIMEOUT
        self._last_tick = now
        link = self._link
        if link is None:
            with self._lifecycle:
                if not self._stopping and self._stood_down is None and self._configured and now >= self._next_start:
                    self._try_start()
        elif self._introduced:
            link.watch_memory(self.hello.get("pid"), self.settings.resident_limit)
            link.watch(stood_still)
            if self._options_wait and not self.stands_still:
                self._configure(link, self.settings)
            self._last_tick = time.monotonic()

    def _look_at_options(self) -> None:
        if not self._options_changed:
            return
        self._options_changed = False
        former = self.settings, self._configured
        try:
            self._take_options()
        except Exception:
            (self.settings, self._configured), self._options_changed = former, True  # the next look takes them
            raise

    def _take_options(self) -> None:
        try:
            settings = self._read_settings()
            if self._link is not None and settings.node_path != self.settings.node_path:
                self._command(settings, NONE)
        except (SettingsError, NodeMissing) as problem:
            self._log.error("options: %s", problem)
            with self._changed:
                kept = "; the former configuration stays in use" if self._configured else ""
                self.settings_error = f"{problem}{kept}"
                self._changed.notify_all()
            return
        former, new = self.settings, not self._configured
        with self._changed:
            self.settings_error = None
            self.settings = settings
            self._configured = True
            self._changed.notify_all()
        if new or former != settings:
            self._apply(former, settings)

    def _apply(self, former: Settings, settings: Settings) -> None:
        link = self._link
        if link is None:
            self._next_start = 0.0
            self._lasting = False
        elif former.needs_new_process(settings):
            with self._lifecycle:
                self._retire("its options changed")
        elif self._introduced:
            self._hand_over(link, former, settings)

    def _hand_over(self, link: NodeLink, former: Settings, settings: Settings) -> None:
        """Other options to a process that runs: to itself, or to another one, when it may not do what they need."""
        if isinstance(link, AttachedLink):
            self._configure(link, settings)
            return
        try:
            # The new backend's files may be others than those that this process may read.
            same = link.starts_like(self._command(settings, self.permissions), self.permissions)
            if same:
                declared = self._declarations.ask(link.connection, settings, lifecycle.START_TIMEOUT)
            else:
                command = self._command(settings, NONE)
                declared = self._declarations.ask_apart(command, settings, lifecycle.START_TIMEOUT)
            same = link.starts_like(self._command(settings, declared), declared)
        except NodeMissing:
            same = True  # what runs, runs; the next start tells
        except BackendRefused as refused:
            if not same:
                self._keep(former, str(refused))
                return
        except CallTimeout:
            # Whether the process itself stands still is for the watchdog to say.
            self._keep(former, not_loaded(settings, lifecycle.START_TIMEOUT))
            return
        except BridgeFailure as failure:
            self._log.error("could not ask for the permissions of the changed options: %s", failure)
            link.kill("it did not take the changed options")
            return
        if same:
            self._configure(link, settings)
        else:
            with self._lifecycle:
                self._retire("its backend needs other permissions")

    def _keep(self, former: Settings, refusal: str) -> None:
        """The new options are of no use: what they were to replace goes on."""
        self._log.error("options: %s", refusal)
        with self._changed:
            self.settings = former
            self.settings_error = f"{refusal}; the former configuration stays in use"
            self._changed.notify_all()

    def _configure(self, link: NodeLink, settings: Settings) -> None:
        # The state stays until Node tells another one: it does not when nothing changes.
        params = {"backend": settings.backend_choice, "call_timeout": settings.call_timeout}
        attached = isinstance(link, AttachedLink)
        self._options_wait = False
        try:
            link.connection.call("bridge/configure", params, PING_TIMEOUT if attached else lifecycle.START_TIMEOUT)
        except BridgeFailure as failure:
            if attached and isinstance(failure, CallTimeout):
                self._options_wait = True
                return
            self._log.error("could not hand over the changed options: %s", failure)
            link.kill("it did not take the changed options")
