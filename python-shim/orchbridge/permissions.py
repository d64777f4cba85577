"""What the Node process may do: its own files, what its backend declares, and the flags that tell Node so."""

import os
from dataclasses import dataclass, fields
from typing import Any, Dict, Iterable, List, Optional, Tuple

from .settings import Settings

# From this version on Node denies the network too, unless told otherwise.
_KNOWS_NETWORK = 25

_FLAGS = {
    "childProcess": "--allow-child-process",
    "worker": "--allow-worker",
    "addons": "--allow-addons",
    "wasi": "--allow-wasi",
}

_TOLD = {
    "childProcess": "start processes",
    "worker": "worker threads",
    "addons": "native addons",
    "wasi": "WASI",
    "network": "network",
}


@dataclass(frozen=True)
class Permissions:
    """What a backend declares, as `bridge/check` answers it: see Permissions in src/orchestrator/permissions.ts."""

    read: Tuple[str, ...] = ()
    write: Tuple[str, ...] = ()
    childProcess: bool = False
    worker: bool = False
    addons: bool = False
    wasi: bool = False
    network: bool = False
    environment: Tuple[str, ...] = ()

    @classmethod
    def from_wire(cls, wire: Any) -> "Permissions":
        """ValueError for what is not the answer of `bridge/check`."""
        if not isinstance(wire, dict):
            raise ValueError("expected an object")
        values: Dict[str, Any] = {}
        for field in fields(cls):
            value = wire.get(field.name, field.default)
            if isinstance(field.default, bool):
                values[field.name] = value is True
            else:
                values[field.name] = tuple(str(item) for item in value)
        made = cls(**values)
        for path in (*made.read, *made.write):
            if not path.startswith("/") or "*" in path or "\0" in path:
                raise ValueError(f"expected an absolute path, got {path!r}")
        if any(not name.isidentifier() or name == "NODE_OPTIONS" for name in made.environment):
            raise ValueError(f"expected names of environment variables, got {made.environment!r}")
        return made

    def to_json(self) -> Dict[str, Any]:
        """For `ceph orchbridge status --format json`."""
        return {
            field.name: list(value) if isinstance(value := getattr(self, field.name), tuple) else value
            for field in fields(self)
        }

    def sentence(self, node: str) -> str:
        """For the operator, in one line: what the backend may do besides running, in Node of this version."""
        words = [f"{name} {', '.join(paths)}" for name in ("read", "write") if (paths := getattr(self, name))]
        words += [text for name, text in _TOLD.items() if getattr(self, name)]
        if not self.network and int(node.partition(".")[0] or 0) < _KNOWS_NETWORK:
            words.append("network, which this Node cannot deny")
        if self.environment:
            words.append(f"environment {', '.join(self.environment)}")
        return "; ".join(words) or "its own files only"


NONE = Permissions()


def permission_flags(
    settings: Settings, declared: Permissions, version: Tuple[int, int], folder: str, cache: Optional[str] = None
) -> List[str]:
    """The flags of Node: `folder`, where this module is installed, the backend's package, and what it declares.

    `cache`: where it keeps compiled code, unless the environment says so.
    """
    cache = os.environ.get("ORCHBRIDGE_CACHE_DIR", cache)
    own = [path for path in (cache, settings.record_path) if path]
    backend = settings.backend if settings.backend is not None and settings.backend.startswith("/") else None
    package = [] if backend is None else package_of(backend)
    # Node warns of what the operator is told by `ceph orchbridge status`.
    flags = ["--permission", "--disable-warning=SecurityWarning"]
    flags += [f"--allow-fs-read={path}" for path in _with_contents([folder, *own, *package, *declared.read])]
    flags += [f"--allow-fs-write={path}" for path in _with_contents([*own, *declared.write])]
    flags += [flag for name, flag in _FLAGS.items() if getattr(declared, name)]
    if declared.network and version[0] >= _KNOWS_NETWORK:
        flags.append("--allow-net")
    return flags


def package_of(backend: str) -> List[str]:
    """Where imports may lie: the folder of the nearest package.json, else the file's own; each node_modules above."""
    real = os.path.realpath(backend)
    above = list(_parents(real))
    root = next((folder for folder in above[:-1] if os.path.isfile(os.path.join(folder, "package.json"))), above[0])
    modules = (os.path.join(folder, "node_modules") for folder in above if not _within(folder, root))
    return [backend, real if root == "/" else root, *(path for path in modules if os.path.isdir(path))]


def _parents(path: str) -> Iterable[str]:
    while path != "/":
        path = os.path.dirname(path)
        yield path


def _within(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def _with_contents(paths: Iterable[str]) -> List[str]:
    """Each path, under its real name too, and all below it: Node takes a folder that does not exist yet for a file."""
    result: Dict[str, None] = {}
    for path in paths:
        for name in (path.rstrip("/"), os.path.realpath(path).rstrip("/")):
            for flag in (name, f"{name}/*") if name else ("*",):
                result[flag] = None
    return list(result)
