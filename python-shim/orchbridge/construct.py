"""Objects of a release's classes, from the values that its constructors take."""

import datetime
import inspect
import re
from typing import Any, Callable, Dict, FrozenSet, Optional

_parameters: Dict[Any, FrozenSet[str]] = {}

# The forms that Python 3.9 reads too: JavaScript writes milliseconds, Ceph microseconds.
_PLAIN = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{3}(?:\d{3})?)?Z")
_WHOLE_SECONDS = re.compile(r"(T\d\d:\d\d:\d\d)(?=[Z+-]|$)")


def parameters(cls: Any) -> FrozenSet[str]:
    """The names that a constructor takes."""
    known = _parameters.get(cls)
    if known is None:
        known = _parameters[cls] = frozenset(inspect.signature(cls.__init__).parameters) - {"self"}
    return known


def construct(cls: Any, values: Dict[str, Any]) -> Any:
    """An object from those values that its class takes."""
    known = parameters(cls)
    return cls(**{name: value for name, value in values.items() if name in known})


def filled(instance: Any, values: Dict[str, Any]) -> Any:
    """For classes whose constructor takes nothing: sets the attributes that are there."""
    for name, value in values.items():
        if hasattr(instance, name):
            setattr(instance, name, value)
    return instance


def timestamp(value: Optional[str], parse: Callable[[str], Any]) -> Any:
    """A point in time; `parse` is Ceph's own, which takes more forms and a hundred times as long."""
    if not value:
        return None
    if _PLAIN.fullmatch(value):
        return datetime.datetime.fromisoformat(value[:-1] + "+00:00")
    return parse(_WHOLE_SECONDS.sub(r"\1.000000", value, count=1))
