"""The recorded sessions of each release, replayed with that release's own Python files, in the testbed's root of it."""

import json
import os
import subprocess
import tempfile
import unittest
from typing import Any, Dict, List, Tuple

from .each_release import Reports
from .recorded import read_sessions
from .test_releases import ENTER, RELEASES, SHIM, cache, missing

FOLDER = os.path.join(os.path.dirname(SHIM), "test", "fixtures", "sessions")
INSIDE = "/mnt/recorded.session"


def file_of(release: str) -> str:
    return os.path.join(FOLDER, f"{release}.session")


def replay(release: str) -> Dict[str, Any]:
    """The report of tests.ceph.run in the root, which gets the recording on its stdin."""
    inside = ["sh", "-c", ENTER, "sh", os.path.join(cache(), release), SHIM, "/bin/true"]
    script = f'cat >{INSIDE} && cd /mnt/shim && exec python3 -B -m tests.ceph.run "$@"'
    with open(file_of(release), "rb") as recording:
        done = subprocess.run(
            [
                "unshare",
                "--mount",
                "--propagation",
                "private",
                "--",
                *inside,
                "sh",
                "-c",
                script,
                "sh",
                release,
                "check_sessions",
            ],
            stdin=recording,
            capture_output=True,
            timeout=600,
            check=False,
            env={
                "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
                "LANG": "C.UTF-8",
                "ORCHBRIDGE_TEST_SESSIONS": INSIDE,
            },
        )
    lines = done.stdout.decode().strip().splitlines()
    if done.returncode != 0 or not lines:
        raise AssertionError(f"{release}: the replay ended with {done.returncode}\n{done.stderr.decode()[-4000:]}")
    report: Dict[str, Any] = json.loads(lines[-1])
    return report


class RecordedSessions(unittest.TestCase):
    """What needs no Ceph."""

    def test_every_recorded_request_has_one_answer(self) -> None:
        for release in RELEASES:
            with self.subTest(release):
                sessions = read_sessions(file_of(release))
                self.assertTrue(all(session.header["release"] == release for session in sessions))
                self.assertGreater(sum(len(session.exchanges) for session in sessions), 30)

    def test_an_answer_too_many_or_too_few_is_refused(self) -> None:
        with open(file_of("reef"), encoding="utf-8") as recording:
            lines = recording.readlines()
        answers = [
            at for at, line in enumerate(lines) if line.startswith('< {"jsonrpc":"2.0","id":') and "result" in line
        ]
        for text, says in self._broken(lines, answers[-1]):
            with tempfile.NamedTemporaryFile("w", encoding="utf-8", suffix=".session") as file:
                file.write(text)
                file.flush()
                with self.assertRaisesRegex(ValueError, says):
                    read_sessions(file.name)

    def _broken(self, lines: List[str], at: int) -> List[Tuple[str, str]]:
        return [
            ("".join(lines[:at] + lines[at + 1 :]), "has no answer"),
            ("".join(lines[: at + 1] + lines[at:]), "not asked or answered before"),
        ]


class Replays(unittest.TestCase):
    """One test a release, side by side."""

    reports: Reports

    @classmethod
    def setUpClass(cls) -> None:
        cls.reports = Reports(replay, RELEASES, missing, at_once=2)

    def check(self, release: str) -> None:
        self.assertEqual(self.reports.passed(self, release), 3)

    def test_the_shim_asks_and_takes_what_was_recorded_on_nautilus(self) -> None:
        self.check("nautilus")

    def test_the_shim_asks_and_takes_what_was_recorded_on_pacific(self) -> None:
        self.check("pacific")

    def test_the_shim_asks_and_takes_what_was_recorded_on_reef(self) -> None:
        self.check("reef")

    def test_the_shim_asks_and_takes_what_was_recorded_on_tentacle(self) -> None:
        self.check("tentacle")


if __name__ == "__main__":
    unittest.main()
