"""The classes of 16 and later, from the wire."""

import re
from typing import Any, Callable, Dict

import orchestrator
from ceph.deployment.hostspec import HostSpec
from ceph.deployment.inventory import Device, Devices
from ceph.utils import str_to_datetime

from .construct import construct, filled, parameters, timestamp
from .removal import OsdRemoval
from .specs import arguments, service_spec, tuned_profile

# Tentacle's name for it, and the one before.
_LVM, _FORMER_LVM = "ceph_device_lvm", "ceph_device"
_DAEMON_TIMES = ("last_refresh", "created", "started", "last_deployed", "last_configured")
_SERVICE_TIMES = ("last_refresh", "created", "deleted")
_EVENT = re.compile(r'(\S+) ([^:]+):(\S+) \[([^\]]+)\] "(.*)"', re.DOTALL)


def _host(wire: Dict[str, Any]) -> Any:
    return construct(HostSpec, wire)


def _device(wire: Dict[str, Any]) -> Any:
    values = dict(wire)
    lvm = values.pop(_LVM, values.pop(_FORMER_LVM, None))
    values[_LVM if _LVM in parameters(Device) else _FORMER_LVM] = lvm
    values["created"] = timestamp(wire.get("created"), str_to_datetime)
    if values.get("rejected_reasons"):
        values["rejected_reasons"] = sorted(values["rejected_reasons"])
    return construct(Device, values)


def _inventory_host(wire: Dict[str, Any]) -> Any:
    return construct(
        orchestrator.InventoryHost, {**wire, "devices": Devices([_device(row) for row in wire["devices"]])}
    )


def _service(wire: Dict[str, Any]) -> Any:
    spec = service_spec(wire)
    if spec is None:
        return None
    values = {name: value for name, value in wire.get("status", {}).items() if value is not None}
    for name in _SERVICE_TIMES:
        if name in values:
            values[name] = timestamp(values[name], str_to_datetime)
    return construct(orchestrator.ServiceDescription, {**values, "spec": spec, "events": _events(wire)})


def _daemon(wire: Dict[str, Any]) -> Any:
    values = dict(wire)
    for name in _DAEMON_TIMES:
        if name in values:
            values[name] = timestamp(values[name], str_to_datetime)
    if values.get("status") is not None:
        values["status"] = orchestrator.DaemonDescriptionStatus(values["status"])
    arguments(values)
    if re.fullmatch(r"osd\.\d+", values.get("service_name") or ""):
        del values["service_name"]  # no service: Ceph leaves it out in the same way
    return construct(orchestrator.DaemonDescription, {**values, "events": _events(wire)})


def _events(wire: Dict[str, Any]) -> Any:
    return [_event(event) for event in wire.get("events") or []]


def _event(text: str) -> Any:
    match = _EVENT.fullmatch(text)
    if match is None:
        return orchestrator.OrchestratorEvent.from_json(text)
    # Not from_json: most of its time goes into reading the time.
    created, kind, subject, level, message = match.groups()
    return orchestrator.OrchestratorEvent(timestamp(created, str_to_datetime), kind, subject, level, message)


def _upgrade_status(wire: Dict[str, Any]) -> Any:
    return filled(orchestrator.UpgradeStatusSpec(), wire)


BUILDERS: Dict[str, Callable[[Any], Any]] = {
    "HostSpec": _host,
    "InventoryHost": _inventory_host,
    "ServiceDescription": _service,
    "DaemonDescription": _daemon,
    "UpgradeStatusSpec": _upgrade_status,
    "TunedProfileSpec": tuned_profile,
    "OsdRemovalStatus": OsdRemoval,
}
