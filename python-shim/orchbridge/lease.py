"""Says to Node how long this manager surely leads, and finds out when another one has taken over.

The monitors' store cannot compare and swap, so this is a bound in time and no lock: the owner key names the load of the
module that leads; Node stops by itself when it does not hear in time that the key still names its own.
"""

import json
import logging
import threading
import time
import uuid
from dataclasses import dataclass
from typing import Any, Callable, Dict, Optional, Protocol, Tuple

from .failure import BridgeFailure

KEY = "mgr/orchbridge/owner"
PERIOD = 2.0
# Counted from before the monitors were asked.
TTL = 10.0
# From the claim on: until then a former owner's lease may last, and its process may take a moment to end.
FENCE = 11.0
_ENOENT = 2

MonCommand = Callable[[Dict[str, Any]], Tuple[int, str, str]]


class Listener(Protocol):
    """The connection to a Node process."""

    def notify(self, method: str, params: Dict[str, Any]) -> None: ...


@dataclass(frozen=True)
class Owner:
    """Whom the key names."""

    token: Optional[str]
    name: Optional[str]
    gid: Optional[int]


class _NoAnswer(Exception):
    """The monitors answered with an error."""


class Lease:
    """One load of the module: claims the lead once and renews the lease until another manager leads.

    `identity` gives name and gid of this manager; `lost` is told, once, who has taken over. No lock is held anywhere:
    a monitor without quorum does not answer, and nobody else may wait for that.
    """

    def __init__(
        self,
        *,
        identity: Callable[[], Dict[str, Any]],
        mon_command: MonCommand,
        lost: Callable[[str], None],
        log: logging.Logger,
    ) -> None:
        self.token = uuid.uuid4().hex
        self._identity = identity
        self._mon_command = mon_command
        self._lost = lost
        self._log = log
        self._me = Owner(self.token, None, None)
        self._stop = threading.Event()
        self._listener: Optional[Listener] = None
        self._claimed_at: Optional[float] = None
        self._until = 0.0
        self._asked_at: Optional[float] = None
        self._problem: Optional[str] = None
        self._ended: Optional[str] = None
        self.owner: Optional[Owner] = None

    def start(self) -> None:
        """Begins to claim, in a thread of its own. Call once."""
        threading.Thread(target=self._run, name="orchbridge-lease", daemon=True).start()

    def stop(self) -> None:
        """No more renewals."""
        self._stop.set()

    def connected(self, listener: Listener) -> None:
        """A new Node process has introduced itself: what is left of the lease is its as well."""
        self._listener = listener
        self._grant()

    # What is known, from memory

    @property
    def remaining(self) -> float:
        """Seconds for which this manager surely leads; 0 when that is not known."""
        return max(0.0, self._until - time.monotonic())

    @property
    def fence(self) -> float:
        """Seconds for which processes of former owners may still act."""
        claimed_at = self._claimed_at
        return FENCE if claimed_at is None else max(0.0, claimed_at + FENCE - time.monotonic())

    @property
    def settled(self) -> bool:
        """Whether this manager leads and nobody else acts any more."""
        return self.remaining > 0 and self.fence == 0

    @property
    def problem(self) -> Optional[str]:
        """Why the lease is not renewed, or None while it is."""
        if self._ended is not None:
            return self._ended
        asked_at = self._asked_at
        if asked_at is not None and time.monotonic() - asked_at > PERIOD:
            return f"the monitors have not answered for {time.monotonic() - asked_at:.0f} s"
        return self._problem

    # The thread

    def _run(self) -> None:
        while not self._stop.is_set() and self._ended is None:
            try:
                self._turn()
            except _NoAnswer as problem:
                if self._problem != str(problem):
                    self._log.warning("the lease cannot be renewed: %s", problem)
                self._problem = str(problem)
            except Exception:
                self._log.exception("a bug in orchbridge's lease")
            self._asked_at = None
            self._stop.wait(PERIOD)

    def _turn(self) -> None:
        if self._claimed_at is None:
            me = self._identity()
            self._me = Owner(self.token, me["name"], me["gid"])
            if not self._claim():
                return
        sent = time.monotonic()
        found = self._read()
        self._problem = None
        if found is not None and found.token == self.token:
            self.owner = found
            self._until = sent + TTL
            self._grant()
            return
        # Another leads, or the key was removed, or came out of a backup, or was set by a manager that hung meanwhile.
        if self._leads(found):
            self._log.warning("the key %s did not name this manager any more, which leads: claimed again", KEY)
            self._claim()
        else:
            self.owner = found

    def _claim(self) -> bool:
        """Whether this manager leads now: a claim may reach the monitors long after it was made."""
        me = self._me
        value = json.dumps({"owner": me.token, "gid": me.gid, "name": me.name})
        self._ask({"prefix": "config-key set", "key": KEY, "val": value})
        if not self._leads(None):
            return False
        if self._claimed_at is None:
            self._claimed_at = time.monotonic()
        self.owner = me
        return True

    def _leads(self, found: Optional[Owner]) -> bool:
        """Whether the monitors hold this manager for the active one; if not, the lead is lost."""
        if self._me.gid is None:  # who this manager is was not clear at its start, so the key decides
            active = self._me if found is None else found
        else:
            state = _parsed(self._ask({"prefix": "mgr dump", "format": "json"}))
            active = Owner(None, state.get("active_name"), state.get("active_gid"))
            if not active.gid:
                raise _NoAnswer("mgr dump: no active manager is named")
        if active.gid == self._me.gid and active.token in (None, self.token):
            return True
        self._give_up(found if found is not None and found.token != self.token else active)
        return False

    def _give_up(self, leader: Owner) -> None:
        who = f"mgr.{leader.name}" if leader.name else "another mgr"
        if leader.name == self._me.name:
            who = f"a new process of {who}"
        self._until = 0.0
        self._ended = f"{who} has taken over the lead"
        self._log.warning("%s; this one does nothing any more until it is started anew", self._ended)
        self._lost(self._ended)

    def _grant(self) -> None:
        listener, ttl = self._listener, self.remaining
        if listener is None or ttl == 0:
            return
        try:
            params = {"ttl_ms": int(ttl * 1000), "fence_ms": int(self.fence * 1000)}
            # Node, which may be late to read it, has the same clock.
            listener.notify("bridge/lease", {**params, "sent_ms": int(time.monotonic() * 1000)})
        except BridgeFailure as failure:
            self._log.debug("the lease was not told: %s", failure)

    # The monitors

    def _read(self) -> Optional[Owner]:
        stdout = self._ask({"prefix": "config-key get", "key": KEY}, missing=True)
        if stdout is None:
            return None
        value = _parsed(stdout)
        return Owner(value.get("owner"), value.get("name"), value.get("gid"))

    def _ask(self, command: Dict[str, Any], missing: bool = False) -> Optional[str]:
        """The answer; None, if `missing` is no error, for a key that is not there."""
        self._asked_at = time.monotonic()
        retval, stdout, stderr = self._mon_command(command)
        if missing and retval == -_ENOENT:
            return None
        if retval != 0:
            raise _NoAnswer(f"{command['prefix']}: {stderr or f'the monitors answered {retval}'}")
        return stdout


def _parsed(text: Optional[str]) -> Dict[str, Any]:
    """A JSON object; an empty one for anything else, which names nobody."""
    try:
        value = json.loads(text or "")
    except ValueError:
        value = None
    return value if isinstance(value, dict) else {}
