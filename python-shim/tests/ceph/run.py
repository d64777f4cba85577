"""Runs the checks of this folder inside a root: `python3 -m tests.ceph.run RELEASE [CHECK]...`. Prints JSON."""

import importlib
import json
import os
import sys
import unittest
from typing import List

SHIM = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


class _Result(unittest.TestResult):
    def __init__(self) -> None:
        super().__init__()
        self.passed: List[str] = []

    def addSuccess(self, test: unittest.TestCase) -> None:
        self.passed.append(test.id())


def main(release: str, *chosen: str) -> None:
    sys.path.insert(0, SHIM)
    from tests.ceph import stand_in

    stand_in.install(release, SHIM)
    classic = release == "nautilus"
    own = "check_classic" if classic else "check_modern"
    names = list(chosen) or ["check_module", own, "check_calls", "check_operations", "check_lead"]
    suite = unittest.TestSuite(
        unittest.defaultTestLoader.loadTestsFromModule(importlib.import_module(f"tests.ceph.{name}")) for name in names
    )
    result = _Result()
    suite.run(result)
    failed = [{"name": test.id(), "trace": trace} for test, trace in result.errors + result.failures]
    skipped = [test.id() for test, _ in result.skipped]
    print(json.dumps({"passed": result.passed, "failed": failed, "skipped": skipped}))
    sys.stdout.flush()
    # Daemon threads of the module are still about.
    os._exit(0)


main(*sys.argv[1:])
