"""Asks the classes of an installed Ceph, outside a manager. Run by that Ceph's own Python, standard library only.

python3 in_ceph.py signatures             the public methods of Orchestrator and the constructors of the data classes
python3 in_ceph.py roundtrip < samples    {class: [JSON, ...]} through the real classes and back
"""

import copy
import inspect
import json
import sys
import types
from typing import Any, Callable, Dict, List, Optional

SPECS = ("ServiceSpec", "ServiceDescription")
MGR_FOLDER = "/usr/share/ceph/mgr"


def stand_in_for_ceph_module() -> None:
    """The manager's C++ side, which exists in a running manager only: empty base classes are enough to import."""
    stub = types.ModuleType("ceph_module")
    for name in (
        "BaseMgrModule",
        "BaseMgrStandbyModule",
        "BasePyOSDMap",
        "BasePyOSDMapIncremental",
        "BasePyCRUSH",
    ):
        setattr(stub, name, type(name, (), {}))
    sys.modules["ceph_module"] = stub


def without_annotations(function: Callable[..., Any]) -> str:
    parameters = list(inspect.signature(function).parameters.values())[1:]
    bare = [parameter.replace(annotation=inspect.Parameter.empty) for parameter in parameters]
    return str(inspect.Signature(bare))


def constructor(cls: Any) -> List[str]:
    if hasattr(cls, "_fields") and issubclass(cls, tuple):
        return list(cls._fields)
    return list(inspect.signature(cls.__init__).parameters)[1:]


def data_modules() -> List[Any]:
    import orchestrator

    try:
        from ceph.deployment import drive_group, hostspec, inventory, service_spec
    except ImportError:
        return [orchestrator]  # up to Nautilus all classes are there
    from orchestrator import _interface

    return [_interface, service_spec, drive_group, inventory, hostspec]


def find_class(name: str) -> Optional[Any]:
    for module in data_modules():
        found = vars(module).get(name)
        if inspect.isclass(found):
            return found
    return None


def require_class(name: str) -> Any:
    found = find_class(name)
    if found is None:
        raise LookupError(f"this Ceph has no class {name}")
    return found


def known_service_types() -> Dict[str, str]:
    if find_class("ServiceSpec") is None:
        return {}
    spec = require_class("ServiceSpec")
    return {name: spec._cls(name).__name__ for name in spec.KNOWN_SERVICE_TYPES}


def signatures() -> Dict[str, Any]:
    import orchestrator

    methods = {
        name: without_annotations(function)
        for name, function in vars(orchestrator.Orchestrator).items()
        if not name.startswith("_") and callable(function)
    }
    classes = {}
    for module in data_modules():
        for name, cls in vars(module).items():
            if inspect.isclass(cls) and cls.__module__ == module.__name__:
                classes[name] = constructor(cls)
    return {"methods": methods, "classes": classes, "service_types": known_service_types()}


def known(sample: Dict[str, Any], names: List[str]) -> Dict[str, Any]:
    return {key: value for key, value in sample.items() if key in names}


def given_spec(sample: Dict[str, Any]) -> Dict[str, Any]:
    """What the release's class takes of a spec, as the shim hands it on."""
    names = constructor(require_class("ServiceSpec")._cls(sample["service_type"]))
    top = known(sample, [*names, "service_name", "status", "events"])
    if "spec" in sample:
        top["spec"] = known(sample["spec"], names)
    return top


def given(name: str, sample: Any) -> Any:
    """What the release's class takes of a sample."""
    if name in SPECS and find_class("MDSSpec") is not None:
        return given_spec(sample)
    if not isinstance(sample, dict):
        return sample
    names = constructor(require_class(name))
    return known(sample, names or list(vars(require_class(name)())))


def build(name: str, sample: Any) -> Any:
    """The real object."""
    cls = require_class(name)
    if name == "InventoryNode":  # the one class of Nautilus that holds others and has no from_json
        return cls(sample["name"], [build("InventoryDevice", device) for device in sample["devices"]])
    if hasattr(cls, "from_json"):
        return cls.from_json(copy.deepcopy(sample))
    if constructor(cls):
        return cls(**sample)
    target = cls()
    for key, value in sample.items():
        setattr(target, key, value)
    return target


def to_json(value: Any) -> Any:
    if hasattr(value, "to_json"):
        return value.to_json()
    return value._asdict() if hasattr(value, "_asdict") else vars(value)


def attempt(name: str, sample: Any) -> Dict[str, Any]:
    if find_class(name) is None:
        return {"absent": True}
    if name in SPECS and find_class("MDSSpec") is not None and sample["service_type"] not in known_service_types():
        return {"absent": True}
    taken = given(name, sample)
    try:
        return {"given": taken, "json": to_json(build(name, taken))}
    except Exception as error:  # whatever Ceph raises is the answer
        return {"given": taken, "error": f"{type(error).__name__}: {error}"}


def roundtrip(samples: Dict[str, List[Any]]) -> Dict[str, List[Dict[str, Any]]]:
    return {name: [attempt(name, sample) for sample in rows] for name, rows in samples.items()}


def main(command: str) -> None:
    stand_in_for_ceph_module()
    sys.path.insert(0, MGR_FOLDER)
    answer = signatures() if command == "signatures" else roundtrip(json.load(sys.stdin))
    # Enums of the spec classes are text too.
    json.dump(answer, sys.stdout, default=to_json)


if __name__ == "__main__":
    main(sys.argv[1])
