"""The classes of 14.2, from the wire."""

from typing import Any, Callable, Dict

import orchestrator

from .completion import ReadState, WriteState
from .construct import construct, filled
from .errors import to_exception
from .failure import BridgeFailure

# `orchestrator service ls` sorts by these; Python cannot compare a name with None.
_SORTED_BY = ("service_type", "nodename", "service_instance")


class ReadCompletion(ReadState, orchestrator.ReadCompletion):  # type: ignore[misc]
    """A read, as the callers of 14.2 look at it."""

    def fail(self, failure: BridgeFailure) -> None:
        self.exception = to_exception(failure)


class WriteCompletion(WriteState, orchestrator.WriteCompletion):  # type: ignore[misc]
    """A write, as the callers of 14.2 look at it."""

    def fail(self, failure: BridgeFailure) -> None:
        self.exception = to_exception(failure)


def _node(wire: Dict[str, Any]) -> Any:
    devices = [construct(orchestrator.InventoryDevice, row) for row in wire.get("devices", [])]
    return orchestrator.InventoryNode(wire["name"], devices)


def _service(wire: Dict[str, Any]) -> Any:
    return construct(orchestrator.ServiceDescription, {**dict.fromkeys(_SORTED_BY, ""), **wire})


def _upgrade_status(wire: Dict[str, Any]) -> Any:
    return filled(orchestrator.UpgradeStatusSpec(), wire)


BUILDERS: Dict[str, Callable[[Any], Any]] = {
    "InventoryNode": _node,
    "ClassicServiceDescription": _service,
    "ClassicUpgradeStatusSpec": _upgrade_status,
}
