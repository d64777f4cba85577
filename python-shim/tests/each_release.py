"""Runs the same on every release whose root is prepared, side by side."""

import unittest
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Callable, Dict, Optional, Sequence


class Reports:
    """What tests.ceph.run reports in each release's root; `missing` says why one is not run."""

    def __init__(
        self,
        run: Callable[[str], Dict[str, Any]],
        releases: Sequence[str],
        missing: Callable[[str], Optional[str]],
        at_once: int,
    ) -> None:
        pool = ThreadPoolExecutor(at_once)
        self._missing = missing
        self._reports = {release: pool.submit(run, release) for release in releases if not missing(release)}
        pool.shutdown(wait=False)

    def passed(self, test: unittest.TestCase, release: str) -> int:
        """How many checks passed; each that failed fails the test, by name."""
        if release not in self._reports:
            test.skipTest(self._missing(release) or "")
        report = self._reports[release].result()
        for failure in report["failed"]:
            with test.subTest(failure["name"]):
                test.fail(failure["trace"])
        return len(report["passed"])
