"""Making orchbridge the orchestrator of the cluster, and the reverse, in each release's way."""

import logging
import queue
import sys
import time
from typing import Any, Callable, Dict, Optional, Tuple

from .forward import MODERN
from .workers import Workers

NAME = "orchbridge"
PATIENCE = 20.0

Answer = Tuple[int, str, str]

# The module that keeps the choice, and how the choice is set from outside.
_CHOOSER = "orchestrator" if MODERN else "orchestrator_cli"
_OPTION = f"mgr/{_CHOOSER}/orchestrator"


def chosen(mgr: Any) -> Optional[str]:
    """The orchestrator that is chosen now."""
    return mgr.remote(_CHOOSER, "_select_orchestrator") or None


def activate(mgr: Any) -> Answer:
    """Makes orchbridge the orchestrator. Says what it did."""
    former = chosen(mgr)
    if former == NAME:
        return 0, f"{NAME} is the orchestrator already; nothing was changed", ""
    retval, how, stderr = _choose(mgr)
    if retval != 0:
        return retval, "", f"{how} failed: {stderr}"
    took = _until(lambda: chosen(mgr) == NAME)
    if took is None:
        return -110, "", f"{how} was done, but {_CHOOSER} still uses {chosen(mgr) or 'none'} after {PATIENCE:g} s"
    lines = [f"{NAME} is the orchestrator now, instead of {former}" if former else f"{NAME} is the orchestrator now"]
    lines.append(f"Done: {how} ({took:.1f} s)")
    available = mgr.available()
    lines.append("Available: Yes" if available[0] else f"Available: No ({available[1]})")
    if former and sys.version_info >= (3, 12) and not _one_interpreter():
        # Python mixes up the classes of the two orchestrators: "descriptor ... doesn't apply to a 'OrchResult' object".
        lines.append("Now restart the manager, or ceph orch commands fail with TypeError: ceph mgr fail")
    return 0, "\n".join(lines), ""


def deactivate(mgr: Any) -> Answer:
    """Leaves the cluster without an orchestrator. Says what it did."""
    present = chosen(mgr)
    if present != NAME:
        return 0, f"{NAME} is not the orchestrator ({present or 'there is none'}); nothing was changed", ""
    # Ceph's own way. Plain `config rm` would not reach a running manager: it hears of new values, not of removed ones.
    how = f"{'orch' if MODERN else 'orchestrator'} set backend ''"
    retval, _, stderr = mgr.remote(_CHOOSER, "_set_backend", "")
    if retval != 0:
        return int(retval), "", f"{how} failed: {stderr}"
    took = _until(lambda: chosen(mgr) != NAME)
    if took is None:
        return -110, "", f"{how} was done, but {_CHOOSER} still uses {NAME} after {PATIENCE:g} s"
    return 0, f"There is no orchestrator now\nDone: {how} ({took:.1f} s)", ""


def _choose(mgr: Any) -> Tuple[int, str, str]:
    if not MODERN:
        retval, _, stderr = mgr.remote(_CHOOSER, "_set_backend", NAME)
        return int(retval), f"orchestrator set backend {NAME}", str(stderr)
    # The option is an enum of Ceph's own orchestrators, which `orch set backend` cannot get past.
    command = {"prefix": "config set", "who": "mgr", "name": _OPTION, "value": NAME, "force": True}
    retval, _, stderr = _mon_command(mgr, command)
    return int(retval), f"config set mgr {_OPTION} {NAME} --force", str(stderr)


# Once a monitor has answered, Ceph goes back to the thread state of the caller, which the thread of a command may have
# dropped by then: a segmentation fault of the manager (18.2.7, under load). These threads live longer than that.
_workers = Workers("orchbridge-activation", 1, 10, logging.getLogger("orchbridge"))


def _mon_command(mgr: Any, command: Dict[str, Any]) -> Answer:
    answers: queue.Queue[Answer] = queue.Queue()
    _workers.submit(lambda: answers.put(mgr.mon_command(command)))
    try:
        return answers.get(timeout=PATIENCE)
    except queue.Empty:
        return -110, "", f"the monitors did not answer within {PATIENCE:g} s"


def _until(condition: Callable[[], bool]) -> Optional[float]:
    """The seconds until the choice has reached the manager; None when it took too long."""
    began = time.monotonic()
    while time.monotonic() - began < PATIENCE:
        if condition():
            return time.monotonic() - began
        time.sleep(0.1)
    return None


def _one_interpreter() -> bool:
    """20.2 runs all modules in one interpreter."""
    import mgr_module

    return hasattr(mgr_module, "CLICommandBase")
