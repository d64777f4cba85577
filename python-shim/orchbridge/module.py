"""The mgr module: forwards every method of the orchestrator interface to the Node process that it keeps running."""

import threading
from typing import Any, Dict, List

import mgr_module
import orchestrator

from . import commands
from .bridge import Bridge
from .forward import MODERN, feature_names, make_forwarders
from .process import reap_former
from .settings import DECLARED

# Answered from memory, at once: several modules ask every few seconds.
_LOCAL = ("is_orchestrator_module", "available", "get_feature_set", "wait")


class Module(mgr_module.MgrModule, orchestrator.Orchestrator):  # type: ignore[misc]
    """An orchestrator whose backend is written in TypeScript. Its other methods are added below."""

    COMMANDS = [dict(command) for command in commands.COMMANDS]
    MODULE_OPTIONS = [dict(option) for option in DECLARED]
    MODULE_OPTION_DEFAULTS: Dict[str, Any] = {}
    # Without it, 18 and 20 write a crash dump that names the module each time they load it.
    NOTIFY_TYPES: List[Any] = []
    # 20.2 looks commands up here first; where it finds none it asks handle_command, as all releases do.
    if hasattr(mgr_module, "CLICommandBase"):
        CLICommand = mgr_module.CLICommandBase.make_registry_subtype("OrchbridgeCLICommand")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._bridge = Bridge(self)
        self._stopped = threading.Event()

    def serve(self) -> None:
        """Runs until `shutdown`, which a manager practically never calls."""
        former = reap_former()
        if former is not None:
            self.log.debug("reaped %s, the launcher of before this manager replaced itself", former)
        self._bridge.run()
        self._stopped.set()

    def shutdown(self) -> None:
        self._bridge.stop()
        self._stopped.wait(5)
        super().shutdown()

    def config_notify(self) -> None:
        self._bridge.supervisor.options_changed()

    def handle_command(self, inbuf: Any, cmd: Dict[str, Any]) -> Any:
        try:
            answer = commands.handle(self._bridge, cmd)
        except Exception as error:
            answer = (-5, "", self._bridge.report_bug(f"ceph {cmd.get('prefix')}", error))
        return mgr_module.HandleCommandResult(*answer)

    def is_orchestrator_module(self) -> bool:
        return True

    def available(self) -> Any:
        """Whether the orchestrator can be reached; why not; and from 16 on, what else the backend tells."""
        state = self._bridge.supervisor.available()
        return (state.available, state.reason, dict(state.details)) if MODERN else (state.available, state.reason)

    if MODERN:

        def get_feature_set(self) -> Dict[str, Dict[str, bool]]:
            """Each method of the interface, and whether the backend has it."""
            features = set(self._bridge.supervisor.features)
            return {name: {"available": name in features} for name in feature_names()}

    else:

        def wait(self, completions: List[Any]) -> bool:
            """Blocks until each completion is complete, errored or persistent, at most to its deadline."""
            try:
                return self._bridge.completions.wait(completions)
            except Exception as error:
                text = self._bridge.report_bug("wait", error)
                self._bridge.completions.fail_all(completions, text)
                return True


for _name, _forward in make_forwarders(_LOCAL).items():
    setattr(Module, _name, _forward)
