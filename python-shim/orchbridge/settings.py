"""The module's options: declared for Ceph, and every value checked: the monitors take 0 where the minimum is 1."""

import json
import math
import os
import stat
from dataclasses import dataclass
from typing import Any, Callable, Dict, List, Optional

from .failure import BadValue
from .wire import to_wire

# For MODULE_OPTIONS. Without a default, an option that is not set reads as None.
DECLARED: List[Dict[str, Any]] = [
    {
        "name": "backend",
        "type": "str",
        "desc": "Name of a built-in backend, or the absolute path of a .ts or .mjs file",
        "runtime": True,
    },
    {
        "name": "backend_options",
        "type": "str",
        "desc": "JSON object with the backend's own options. Secrets belong into a file that it names",
        "runtime": True,
    },
    {
        "name": "node_path",
        "type": "str",
        "desc": "Absolute path of the Node binary. Default: the copy installed with the module, else node on PATH",
        "runtime": True,
    },
    {
        "name": "call_timeout",
        "type": "float",
        "desc": "Seconds that a call may take. Default: 10 for reads, 60 for writes until they are persistent",
        "min": 1,
        "runtime": True,
    },
    {
        "name": "memory_limit",
        "type": "uint",
        "desc": "MB that the Node process may use for JavaScript objects, default 1024; for all else it may use half as"
        " much, at least 256",
        "min": 32,
        "runtime": True,
    },
    {
        "name": "record_path",
        "type": "str",
        "desc": "Absolute path of a file to record the session in",
        "runtime": True,
    },
    {
        "name": "attach",
        "type": "str",
        "desc": "For a backend's author: the socket of orchbridge attach, whose process is used in place of ours",
        "runtime": True,
    },
]

# A packaged manager runs with ProtectHome and PrivateTmp: files there do not exist for it.
HIDDEN_FOLDERS = ("/home", "/root", "/tmp")

# MB. Hosts, daemons and devices of some thousand nodes fit many times; a leak does not take the manager's host with it.
DEFAULT_MEMORY_LIMIT = 1024

UNSET_BACKEND = "set a backend: ceph config set mgr mgr/orchbridge/backend NAME"


class SettingsError(Exception):
    """An option breaks its rule; the message names option, value and rule."""


@dataclass(frozen=True)
class Settings:
    """The options as the bridge uses them."""

    backend: Optional[str] = None
    backend_options: Any = None
    # Why backend_options cannot be used, else None. Node tells it, as it does for a backend's own rules.
    options_error: Optional[str] = None
    node_path: Optional[str] = None
    call_timeout: Optional[float] = None
    memory_limit: Optional[int] = None
    record_path: Optional[str] = None
    # The socket of a process that is not ours, which has a backend of its own and takes backend_options.
    attach: Optional[str] = None

    @property
    def chosen(self) -> bool:
        """Whether there is a backend to use at all."""
        return self.backend is not None or self.attach is not None

    @property
    def backend_choice(self) -> Dict[str, Any]:
        """The `backend` of `initialize` and `bridge/configure`."""
        return {"name": self.backend, "options": self.backend_options, "options_error": self.options_error}

    @property
    def resident_limit(self) -> int:
        """MB that the Node process may occupy: memory_limit, and more for buffers, native memory and Node itself."""
        limit = self.memory_limit or DEFAULT_MEMORY_LIMIT
        return limit + max(256, limit // 2)

    def needs_new_process(self, other: "Settings") -> bool:
        """Whether a change to `other` takes effect only in a new Node process."""
        return (self.node_path, self.memory_limit, self.record_path, self.attach) != (
            other.node_path,
            other.memory_limit,
            other.record_path,
            other.attach,
        )


def read_settings(get: Callable[[str], Any]) -> Settings:
    """Reads all options. SettingsError names every one that breaks its rule."""
    problems: List[str] = []

    def checked(name: str, check: Callable[[str, Any], Any]) -> Any:
        value = get(name)
        if value is None or value == "":
            return None
        try:
            return check(name, value)
        except SettingsError as problem:
            problems.append(str(problem))
            return None

    options, options_error = _json_object(get("backend_options"))
    settings = Settings(
        backend=checked("backend", _backend),
        backend_options=options,
        options_error=options_error,
        node_path=checked("node_path", _executable),
        call_timeout=checked("call_timeout", _timeout),
        memory_limit=checked("memory_limit", _memory),
        record_path=checked("record_path", _record_path),
        attach=checked("attach", _socket),
    )
    if problems:
        raise SettingsError("; ".join(problems))
    return settings


def _backend(name: str, value: Any) -> str:
    if "/" not in value:
        return str(value)
    if not value.startswith("/") or not value.endswith((".ts", ".mts", ".mjs", ".js")):
        raise SettingsError(
            f"{name}: expected a built-in name or the absolute path of a .ts or .mjs file, got {value!r}"
        )
    return _trusted_file(name, value)


def _executable(name: str, value: Any) -> str:
    path = _trusted_file(name, value)
    if not os.access(path, os.X_OK):
        raise SettingsError(f"{name}: {path} is not executable by the manager's user")
    return path


def _timeout(name: str, value: Any) -> float:
    if not isinstance(value, (int, float)) or not math.isfinite(value) or not 1 <= value <= 3600:
        raise SettingsError(f"{name}: expected seconds from 1 to 3600, got {value}")
    return float(value)


def _memory(name: str, value: Any) -> int:
    if not isinstance(value, int) or not 32 <= value <= 1024 * 1024:
        raise SettingsError(f"{name}: expected MB from 32 to 1048576, got {value}")
    return value


def _record_path(name: str, value: Any) -> str:
    folder = os.path.dirname(value)
    if not value.startswith("/"):
        raise SettingsError(f"{name}: expected an absolute path, got {value!r}")
    if not os.path.isdir(folder) or not os.access(folder, os.W_OK):
        raise SettingsError(f"{name}: {folder} is not a folder that the manager's user may write to")
    return str(value)


def _socket(name: str, value: Any) -> str:
    """Whose it is, is looked at when it is there."""
    path = str(value)
    _check_place(name, path, os.path.realpath(path))
    return path


def _json_object(value: Any) -> Any:
    """The parsed options of the backend, and what is wrong with them."""
    if value is None or not str(value).strip():
        return None, None
    try:
        parsed = to_wire(json.loads(value, parse_constant=_no_constant), "backend_options")
    except (ValueError, RecursionError) as error:
        return None, f"backend_options: not JSON: {error}"
    except BadValue as error:
        return None, str(error)
    if not isinstance(parsed, dict):
        return None, f"backend_options: expected a JSON object, got {json.dumps(parsed)[:60]}"
    return parsed, None


def _no_constant(constant: str) -> Any:
    raise ValueError(f"{constant} is not a number that JSON knows")


def _trusted_file(name: str, value: Any) -> str:
    """The path of a file whose code may run with the manager's rights."""
    path = str(value)
    real = os.path.realpath(path)
    _check_place(name, path, real)
    try:
        entry = os.stat(real)
    except OSError as error:
        raise SettingsError(f"{name}: cannot read {path}: {error.strerror}") from error
    if not stat.S_ISREG(entry.st_mode):
        raise SettingsError(f"{name}: {path} is not a file")
    if entry.st_uid not in (0, os.geteuid()):
        raise SettingsError(f"{name}: {path} must be owned by root or the manager's user; run chown root {path}")
    if entry.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise SettingsError(f"{name}: {path} must not be writable by others; run chmod go-w {path}")
    check_folders(name, real)
    return path


def _check_place(name: str, path: str, real: str) -> None:
    if not os.path.isabs(path):
        raise SettingsError(f"{name}: expected an absolute path, got {path!r}")
    for folder in HIDDEN_FOLDERS:
        if any(place == folder or place.startswith(folder + "/") for place in (os.path.normpath(path), real)):
            raise SettingsError(f"{name}: {path} lies under {folder}, which a packaged manager cannot see; move it")


def check_folders(name: str, real: str) -> None:
    """Who can write into a folder above a file can put another in its place. Node itself may not look so far up."""
    folder = os.path.dirname(real)
    while True:
        entry = os.stat(folder)
        if entry.st_uid not in (0, os.geteuid()):
            raise SettingsError(
                f"{name}: {folder}, in which {real} lies, must be owned by root or the manager's user; "
                f"run chown root {folder}"
            )
        # In a sticky folder others can add files, but not replace this one.
        if entry.st_mode & (stat.S_IWGRP | stat.S_IWOTH) and not entry.st_mode & stat.S_ISVTX:
            raise SettingsError(
                f"{name}: {folder}, in which {real} lies, must not be writable by others; run chmod go-w {folder}"
            )
        if folder == "/":
            return
        folder = os.path.dirname(folder)
