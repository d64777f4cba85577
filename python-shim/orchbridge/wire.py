"""Native objects of any release, as JSON for the wire.

Objects of other modules are foreign up to Squid (each module has an interpreter of its own): `isinstance` is false for
them, so they are told apart by what they have. On 18.2 with Python 3.12 or later their `__dict__` must not be touched.
"""

from typing import Any, Callable, Dict, Tuple

from .failure import BadValue

SAFE_INTEGER = 2**53 - 1
DEPTH = 100

# Classes without a to_json of their own, and what of them is sent.
ATTRIBUTES: Dict[str, Tuple[str, ...]] = {
    "InventoryFilter": ("labels", "hosts", "nodes"),
    "StatelessServiceSpec": ("placement", "name", "count", "extended"),
    "PlacementSpec": ("label",),
    "UpgradeSpec": ("target_version",),
    "DeviceSelection": ("paths", "id_model", "size", "rotates", "count"),
    "DriveGroupSpec": (
        "host_pattern",
        "data_devices",
        "db_devices",
        "wal_devices",
        "journal_devices",
        "data_directories",
        "osds_per_device",
        "objectstore",
        "encrypted",
        "db_slots",
        "wal_slots",
        "osd_id_claims",
    ),
}


def to_wire(value: Any, path: str, depth: int = 0) -> Any:
    """The value as JSON types. BadValue names the place of what cannot be sent."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return str.__str__(value)  # a member of an enum that is a string too, as its value
    if isinstance(value, int):
        return _integer(int(value), path)
    if isinstance(value, float):
        return _number(float(value), path)
    if depth > DEPTH:
        raise BadValue(f"{path}: more than {DEPTH} levels deep")
    if isinstance(value, dict):
        return {_key(key, path): to_wire(item, f"{path}.{key}", depth + 1) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return _sequence(value, path, depth)
    return _object(value, path, depth)


def _sequence(value: Any, path: str, depth: int) -> Any:
    fields = getattr(value, "_fields", None)
    if fields is not None:  # a named tuple, such as DeviceLightLoc
        return {name: to_wire(item, f"{path}.{name}", depth + 1) for name, item in zip(fields, value)}
    return [to_wire(item, f"{path}[{at}]", depth + 1) for at, item in enumerate(value)]


def _object(value: Any, path: str, depth: int) -> Any:
    to_json = getattr(value, "to_json", None)
    if to_json is not None:
        return _spec(value, to_wire(_written(to_json, path), path, depth + 1))
    attributes = ATTRIBUTES.get(type(value).__name__)
    if attributes is not None:
        present = {name: getattr(value, name) for name in attributes if hasattr(value, name)}
        return to_wire(present, path, depth + 1)
    if hasattr(value, "isoformat") and hasattr(value, "utcoffset"):
        return _timestamp(value, path)
    if hasattr(value, "name") and hasattr(value, "value"):  # a member of an enum
        return to_wire(value.value, path, depth + 1)
    if isinstance(value, (set, frozenset)):
        return to_wire(sorted(value, key=str), path, depth)
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    raise BadValue(f"{path}: cannot send a {type(value).__name__}")


def _written(to_json: Callable[[], Any], path: str) -> Any:
    try:
        return to_json()
    except Exception as error:  # foreign code, which raises whatever comes
        raise BadValue(f"{path}: its to_json failed: {type(error).__name__}: {error}") from error


def _spec(value: Any, wire: Any) -> Any:
    """Ceph's HostSpec writes no service_type, by which the two kinds of specs are told apart on the wire."""
    if isinstance(wire, dict) and "service_type" not in wire and getattr(value, "service_type", None) == "host":
        return {"service_type": "host", **wire}
    return wire


def _timestamp(value: Any, path: str) -> str:
    offset = value.utcoffset()
    try:
        utc = value if offset is None else (value - offset).replace(tzinfo=None)
    except OverflowError as error:
        raise BadValue(f"{path}: {error}") from error
    return str(utc.strftime("%Y-%m-%dT%H:%M:%S.%fZ"))


def _key(key: Any, path: str) -> str:
    if isinstance(key, str):
        return str(key)
    if isinstance(key, int):
        return str(int(key))
    raise BadValue(f"{path}: expected names as keys, got a {type(key).__name__}")


def _integer(value: int, path: str) -> int:
    if not -SAFE_INTEGER <= value <= SAFE_INTEGER:
        raise BadValue(f"{path}: {value} is outside of ±(2^53-1), which a number on the wire cannot be")
    return value


def _number(value: float, path: str) -> float:
    if value != value or value in (float("inf"), float("-inf")):
        raise BadValue(f"{path}: {value} is not a number that JSON knows")
    return value
