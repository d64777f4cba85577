"""Service specs from the wire, as the installed release's own classes (16 and later)."""

import json
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

# 20.2 pickles what it hands over: there only Ceph's own classes will do, and nothing is foreign.
_pickled = hasattr(mgr_module, "CLICommandBase")
_guarded = sys.version_info >= (3, 12) and not _pickled
_guards: Dict[Any, Any] = {}
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
    return _guard(spec) if _guarded else spec


def _from_json(wire: Dict[str, Any]) -> Any:
    try:
        return ServiceSpec.from_json(wire)
    except SpecValidationError:
        # What runs may be invalid as a request, such as OSDs without a spec; Ceph itself shows it in this way.
        with ceph_specs.service_spec_allow_invalid_from_json():
            return ServiceSpec.from_json(wire)


def _guard(spec: Any) -> Any:
    """The spec, of a class of its own whose `to_json` answers what was made here.

    With Python 3.12 or later and an interpreter per module, Ceph's own `to_json` may fail in the caller's interpreter
    ("descriptor '__dict__' for 'ServiceSpec' objects doesn't apply to a 'DriveGroupSpec' object"), and `orch apply`
    inside Ceph after it. Seen on 18.2.7 with specs of several types.
    """
    own = type(spec)
    if own not in _guards:
        _guards[own] = type(own.__name__, (own,), {"to_json": _json_made_before})
    # First this: `__dict__` looked up on Ceph's class here would be found for the caller's class of the same number.
    spec.__class__ = _guards[own]
    # As text: what is made of it is the caller's, and Ceph's from_json changes it.
    spec.json_made_before = json.dumps(own.to_json(spec))
    return spec


def _json_made_before(spec: Any) -> Any:
    return json.loads(spec.json_made_before)


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
