"""Service specs from the wire, as the installed release's own classes (16 and later)."""

import logging
import sys
from typing import Any, Dict, Optional

import mgr_module
from ceph.deployment import service_spec as ceph_specs
from ceph.deployment.drive_group import DeviceSelection
from ceph.deployment.hostspec import SpecValidationError
from ceph.deployment.service_spec import PlacementSpec, ServiceSpec

from .construct import construct, parameters

log = logging.getLogger("orchbridge")

_SELECTIONS = ("data_devices", "db_devices", "wal_devices", "journal_devices")
_unknown_types: Dict[str, None] = {}


class SafeServiceSpec(ServiceSpec):  # type: ignore[misc]
    """A spec whose class only the base class describes (mgr, crash, ...), with its JSON made beforehand.

    With Python 3.12 or later and an interpreter per module, Ceph's own `to_json` of the exact base class fails in the
    caller's interpreter ("descriptor '__dict__' doesn't apply"), and `orch apply` inside Ceph after it. Seen on 18.2.7.
    """

    def to_json(self) -> Any:
        return dict(self.json_made_before)

    json_made_before: Dict[str, Any] = {}


# 20.2 pickles what it hands over: there only Ceph's own classes will do, and nothing is foreign.
_pickled = hasattr(mgr_module, "CLICommandBase")
_base = SafeServiceSpec if sys.version_info >= (3, 12) and not _pickled else ServiceSpec
_arguments_are_text = not hasattr(ceph_specs, "ArgumentSpec")
_patterns_are_text = not hasattr(ceph_specs, "HostPattern")


def service_spec(wire: Dict[str, Any]) -> Any:
    """The spec, or None if this release does not know its service type."""
    service_type = wire["service_type"]
    if service_type not in ServiceSpec.KNOWN_SERVICE_TYPES:
        if service_type not in _unknown_types:
            _unknown_types[service_type] = None
            log.warning("services of type %s are left out: this release of Ceph does not know it", service_type)
        return None
    spec = _from_json(_known_to(type(ServiceSpec.__new__(ServiceSpec, service_type)), wire))
    if isinstance(spec, SafeServiceSpec):
        spec.json_made_before = ServiceSpec.to_json(spec)
    return spec


def _from_json(wire: Dict[str, Any]) -> Any:
    try:
        return _base.from_json(wire)
    except SpecValidationError:
        # What runs may be invalid as a request, such as OSDs without a spec; Ceph itself shows it in this way.
        with ceph_specs.service_spec_allow_invalid_from_json():
            return _base.from_json(wire)


def placement_spec(wire: Dict[str, Any]) -> Any:
    return PlacementSpec.from_json(_placement(wire))


def _known_to(cls: Any, wire: Dict[str, Any]) -> Dict[str, Any]:
    """A copy without what the class does not take, which it would refuse."""
    known = parameters(cls)
    top = {name: value for name, value in wire.items() if name in known or name == "service_name"}
    top["service_type"] = wire["service_type"]
    inner = {name: value for name, value in wire.get("spec", {}).items() if name in known}
    for values in (top, inner):
        for name in _SELECTIONS:
            if isinstance(values.get(name), dict):
                taken = parameters(DeviceSelection)
                values[name] = {key: value for key, value in values[name].items() if key in taken}
        arguments(values)
    if top.get("placement"):
        top["placement"] = _placement(top["placement"])
    if inner:
        top["spec"] = inner
    return top


def _placement(wire: Dict[str, Any]) -> Dict[str, Any]:
    known = parameters(PlacementSpec)
    placement = {name: value for name, value in wire.items() if name in known}
    pattern = placement.get("host_pattern")
    if _patterns_are_text and isinstance(pattern, dict):
        placement["host_pattern"] = pattern.get("pattern")
    return placement


def arguments(values: Dict[str, Any]) -> None:
    """16 knows arguments of containers as text only."""
    for name in ("extra_container_args", "extra_entrypoint_args"):
        if _arguments_are_text and values.get(name):
            values[name] = [row.get("argument") if isinstance(row, dict) else row for row in values[name]]


def tuned_profile(wire: Dict[str, Any]) -> Optional[Any]:
    placement = wire.get("placement")
    values = {**wire, "placement": placement_spec(placement) if placement else None}
    return construct(ceph_specs.TunedProfileSpec, values)
