"""Which Node to run, and whether it can run what is installed here."""

import os
import re
import shutil
import subprocess
from typing import Dict, List, Optional, Tuple

from .permissions import NONE, Permissions, permission_flags
from .settings import DEFAULT_MEMORY_LIMIT, Settings

OLDEST = (22, 18)
FOLDER = os.path.dirname(os.path.abspath(__file__))
_PATH_OPTION = "ceph config set mgr mgr/orchbridge/node_path PATH"

# The version of a binary, by what changes when it is replaced.
_versions: Dict[Tuple[str, int, int, int], str] = {}


class NodeMissing(Exception):
    """There is nothing to start; the message says what to do."""


def node_command(
    settings: Settings,
    declared: Permissions = NONE,
    folder: str = FOLDER,
    cure: str = _PATH_OPTION,
    cache: Optional[str] = None,
) -> List[str]:
    """The command of the Node process, which may do what its backend declares, and keep compiled code in `cache`.

    NodeMissing tells what is in the way; `cure` is how another Node is named.
    """
    program = os.path.join(folder, "js", "main.mjs")
    if not os.path.isfile(program):
        raise NodeMissing(f"{program} is missing: run npx orchbridge install --mgr-dir {os.path.dirname(folder)} again")
    node = _find_node(settings, folder, cure)
    version = _checked_version(node, cure)
    memory = settings.memory_limit or DEFAULT_MEMORY_LIMIT
    flags = [f"--max-old-space-size={memory}", *permission_flags(settings, declared, version, folder, cache)]
    return [node, *flags, program, "serve", "--fd", "3", "4"]


def _find_node(settings: Settings, folder: str, cure: str) -> str:
    if settings.node_path is not None:
        return settings.node_path
    installed = os.path.join(folder, "bin", "node")
    found = installed if os.path.isfile(installed) else shutil.which("node")
    if found is None:
        wanted = ".".join(map(str, OLDEST))
        raise NodeMissing(f"Node is not installed: install Node {wanted} or later, or name one: {cure}")
    return found


def _checked_version(node: str, cure: str) -> Tuple[int, int]:
    version = _version(node, cure)
    numbers = re.fullmatch(r"v(\d+)\.(\d+)\.\S+", version)
    if numbers is None:
        raise NodeMissing(f"{node} is not Node: --version answers {version!r}; name another: {cure}")
    found = int(numbers[1]), int(numbers[2])
    if found < OLDEST:
        wanted = ".".join(map(str, OLDEST))
        raise NodeMissing(f"{node} is Node {version[1:]}, too old: install Node {wanted} or later, or name one: {cure}")
    return found


def _version(node: str, cure: str) -> str:
    try:
        entry = os.stat(node)
        key = (node, entry.st_ino, entry.st_size, entry.st_mtime_ns)
        if key not in _versions:
            _versions[key] = _ask_version(node)
        return _versions[key]
    except (OSError, subprocess.SubprocessError) as error:
        raise NodeMissing(f"cannot run {node}: {error}; name another: {cure}") from error


def _ask_version(node: str) -> str:
    answer = subprocess.run(
        [node, "--version"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=10,
        check=False,
        cwd="/",
        env={"PATH": os.environ.get("PATH", "")},
    )
    lines: Optional[List[str]] = answer.stdout.decode("utf-8", "replace").strip().splitlines()
    return lines[0] if lines else f"(exit code {answer.returncode})"
