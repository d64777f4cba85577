"""What `orchbridge install` copies, made once for all tests that use the real Node process."""

import atexit
import functools
import os
import shutil
import subprocess
import tempfile
import unittest
from typing import Any, Dict
from unittest import mock

from .peer import HERE, NODE

from orchbridge.client import Orchestrator  # isort: skip

ROOT = os.path.dirname(os.path.dirname(HERE))

HELD = os.path.join(HERE, "fixtures", "held.mjs")

GIGABYTE = 1_000_000_000


def device(path: str, rotational: str) -> Dict[str, Any]:
    return {
        "path": path,
        "available": True,
        "sys_api": {"rotational": rotational, "size": 4000 * GIGABYTE, "vendor": "ACME", "model": "X1"},
    }


def cluster(**more: Any) -> Dict[str, Any]:
    """Options of the memory backend: three hosts, two of which carry a label, with free devices."""
    hosts = {"node1": ["fast"], "node2": ["fast"], "node3": []}
    return {
        "hosts": [
            {"hostname": name, "addr": f"10.1.0.{at}", "labels": hosts[name]} for at, name in enumerate(hosts, 1)
        ],
        "inventory": [
            {
                "name": name,
                "labels": labels,
                "devices": [device("/dev/sdb", "1"), device("/dev/sdc", "0"), device("/dev/nvme0n1", "0")],
            }
            for name, labels in hosts.items()
        ],
        **more,
    }


@functools.cache
def module_folder() -> str:
    """A module folder of the sources as they are; it goes with the test run."""
    parent = tempfile.mkdtemp(prefix="orchbridge-client-")
    atexit.register(shutil.rmtree, parent, ignore_errors=True)
    folder = os.path.join(parent, "orchbridge")
    subprocess.run(
        [NODE, os.path.join(ROOT, "scripts", "build.ts"), f"--module={folder}"], check=True, capture_output=True
    )
    return folder


class ClientTest(unittest.TestCase):
    """A test with a backend in the real Node process."""

    def setUp(self) -> None:
        patch = mock.patch("orchbridge.client.session.program_folder", module_folder)
        patch.start()
        self.addCleanup(patch.stop)

    def start(self, options: Any = None, backend: str = "memory", **more: Any) -> Orchestrator:
        orchestrator = Orchestrator(backend, cluster() if options is None else options, **more)
        self.addCleanup(orchestrator.close)
        return orchestrator
