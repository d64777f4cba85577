"""Runs the unit tests under python-shim/tests and leaves a report for scripts/test.ts."""

import json
import os
import sys
import unittest
from pathlib import Path
from typing import Any, Dict, List

ROOT = Path(__file__).resolve().parent.parent / "python-shim"


class CountingResult(unittest.TextTestResult):
    """Counts what passed; unittest itself only keeps what did not."""

    passed = 0

    def addSuccess(self, test: unittest.TestCase) -> None:
        super().addSuccess(test)
        self.passed += 1


def last_line(text: str) -> str:
    return (text.strip().splitlines() or [""])[-1]


def report(result: Any) -> Dict[str, Any]:
    failed: List[Dict[str, str]] = [
        {"name": test.id(), "reason": last_line(trace)} for test, trace in result.errors + result.failures
    ]
    failed += [{"name": test.id(), "reason": "passed, but is marked to fail"} for test in result.unexpectedSuccesses]
    skipped = [{"name": test.id(), "reason": reason} for test, reason in result.skipped]
    return {"passed": result.passed + len(result.expectedFailures), "failed": failed, "skipped": skipped}


def main() -> int:
    sys.path.insert(0, str(ROOT))
    suite = unittest.defaultTestLoader.discover(str(ROOT / "tests"), top_level_dir=str(ROOT))
    result = unittest.TextTestRunner(resultclass=CountingResult, buffer=True).run(suite)
    path = os.environ.get("TEST_REPORT")
    if path:
        Path(path).write_text(json.dumps(report(result)), encoding="utf-8")
    return 0 if result.wasSuccessful() and result.testsRun > 0 else 1


if __name__ == "__main__":
    sys.exit(main())
