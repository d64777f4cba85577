"""The classes of 14.2, from the wire."""

from typing import Any, Callable, Dict

import orchestrator

from .construct import construct, filled

# `orchestrator service ls` sorts by these; Python cannot compare a name with None.
_SORTED_BY = ("service_type", "nodename", "service_instance")


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
