"""The methods of the installed Orchestrator class, each forwarded to Node.

The table of parameters is taken from the class itself, so a release gets exactly its own methods.
"""

import functools
import inspect
import sys
from typing import Any, Callable, Dict, List, Tuple

import mgr_module
import orchestrator
from mgr_module import HandleCommandResult

from .errors import to_exception
from .failure import BadValue, BridgeFailure, WireError
from .generated.methods import CLASSIC, METHODS, Method
from .native import empty, to_native
from .wire import to_wire

MODERN = hasattr(orchestrator, "OrchResult")
TABLE: Dict[str, Method] = METHODS if MODERN else CLASSIC
# These cannot report an error: their callers take no result.
_SILENT = ("pause", "resume", "cancel_completions")
_NOT_SUPPORTED = 1004
_BUG = 1007
# Up to Squid, objects come from the interpreters of other modules. Since Python 3.12 each of those numbers its classes
# by itself, and what was looked up on a class is kept by its number: it would be found for a class of another module.
_FOREIGN = sys.version_info >= (3, 12) and not hasattr(mgr_module, "CLICommandBase")
_forget_lookups: Any = getattr(sys, "_clear_internal_caches", None) or getattr(sys, "_clear_type_cache", None)
# A method of a release newer than this module: nobody can answer it.
_UNKNOWN = Method(kind="read", result="string", page=False, local=False, secret=False, params={})


def public_methods() -> List[str]:
    """The methods of the installed interface, in its own order."""
    found = vars(orchestrator.Orchestrator).items()
    return [name for name, value in found if not name.startswith("_") and callable(value)]


def bound(name: str, args: Tuple[Any, ...], kwargs: Dict[str, Any]) -> Dict[str, Any]:
    """The arguments by name, in JSON. What was not given, or is None, is left out: Node knows the defaults.

    BadValue when there are too many: up to Reef the dashboard calls with parameters of years ago.
    """
    names = _parameter_names(name)
    if len(args) > len(names):
        raise BadValue(f"{name} takes {len(names)} arguments, got {len(args)}")
    given = dict(zip(names, args))
    for key, value in kwargs.items():
        if key not in names:
            raise BadValue(f"{name} has no parameter {key}")
        if key in given:
            raise BadValue(f"{name}: {key} was given twice")
        given[key] = value
    if _FOREIGN:
        _forget_lookups()
    return {key: to_wire(value, key) for key, value in given.items() if value is not None}


@functools.cache
def _parameter_names(name: str) -> Tuple[str, ...]:
    signature = inspect.signature(getattr(orchestrator.Orchestrator, name))
    return tuple(signature.parameters)[1:]


def described(name: str, forward: Callable[..., Any]) -> Any:
    """The forwarder with the name, the documentation and the parameters of what it stands for, all optional."""
    original = getattr(orchestrator.Orchestrator, name)
    forward.__name__ = name
    forward.__qualname__ = f"Module.{name}"
    forward.__doc__ = original.__doc__
    signature = inspect.signature(original)
    parameters = [
        parameter.replace(default=None, annotation=inspect.Parameter.empty)
        if parameter.default is inspect.Parameter.empty and at > 0
        else parameter.replace(annotation=inspect.Parameter.empty)
        for at, parameter in enumerate(signature.parameters.values())
    ]
    forward.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return forward


def modern_forwarder(name: str, method: Method) -> Any:
    """A method of 16 and later. It never raises: that would be a crash dump and a health warning."""

    def forward(self: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            if name not in METHODS:
                raise WireError(_NOT_SUPPORTED, f"{name} is newer than this version of orchbridge")
            value = self._bridge.calls.modern(name, method, bound(name, args, kwargs))
            result = to_native(method.result, value)
        except BridgeFailure as failure:
            return _failed(self, name, method, to_exception(failure), str(failure))
        except Exception as error:
            text = self._bridge.report_bug(name, error)
            return _failed(self, name, method, orchestrator.OrchestratorError(text, errno=-5), text)
        if name == "set_unmanaged_flag":
            return HandleCommandResult(0, str(result), "")
        return None if name in _SILENT else orchestrator.OrchResult(result)

    return described(name, forward)


def _failed(self: Any, name: str, method: Method, exception: Exception, text: str) -> Any:
    if name == "set_unmanaged_flag":
        return HandleCommandResult(-abs(getattr(exception, "errno", 95)), "", text)
    if name in _SILENT:
        self._bridge.report_silent_failure(name, text)
        return None
    return orchestrator.OrchResult(empty(method.result), exception)


class WhenSupported:
    """A method that cannot report an error, and is therefore there only while the backend has it.

    `remote` finds no such method then and says so to its caller without a crash dump; `ceph orch pause` prints that the
    orchestrator does not support it.
    """

    def __init__(self, forward: Callable[..., Any]) -> None:
        self._forward = forward
        self.__name__ = forward.__name__
        self.__doc__ = forward.__doc__

    def __get__(self, instance: Any, owner: Any) -> Any:
        if instance is None:
            return self._forward
        if self.__name__ not in instance._bridge.supervisor.features:
            raise AttributeError(f"the backend does not support {self.__name__}")
        return self._forward.__get__(instance, owner)


def classic_forwarder(name: str, method: Method) -> Any:
    """A method of 14.2: gives a completion at once."""

    def forward(self: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            if name not in CLASSIC:
                raise WireError(_NOT_SUPPORTED, f"{name} is unknown to this version of orchbridge")
            params = bound(name, args, kwargs)
            return self._bridge.completions.submit(name, method, _as_declared(method, params))
        except BridgeFailure as failure:
            return self._bridge.completions.failed(name, method, failure)
        except Exception as error:
            return self._bridge.completions.failed(name, method, WireError(_BUG, self._bridge.report_bug(name, error)))

    return described(name, forward)


def _as_declared(method: Method, params: Dict[str, Any]) -> Dict[str, Any]:
    """`update_mons` is called with pairs of host and network."""
    for key, value in params.items():
        if method.params.get(key) == "MonHost[]":
            params[key] = [
                {"host": row} if isinstance(row, str) else dict(zip(("host", "network"), row)) for row in value
            ]
    return params


def make_forwarders(local: Tuple[str, ...]) -> Dict[str, Any]:
    """A method for each of the interface but those that the module answers itself."""
    made: Dict[str, Any] = {}
    for name in public_methods():
        if name in local:
            continue
        method = TABLE.get(name, _UNKNOWN)
        forward = modern_forwarder(name, method) if MODERN else classic_forwarder(name, method)
        made[name] = WhenSupported(forward) if name in _SILENT else forward
    return made


def feature_names() -> List[str]:
    """What `get_feature_set` of 16 and later tells about."""
    hidden = "_hide_in_features"
    return [name for name in public_methods() if not getattr(getattr(orchestrator.Orchestrator, name), hidden, False)]
