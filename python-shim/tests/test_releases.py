"""The shim with the real Python files of each release, inside the prepared root that the testbed keeps of it."""

import json
import os
import shutil
import subprocess
import unittest
from typing import Any, Dict, Optional

from .each_release import Reports
from .peer import HERE, NODE

SHIM = os.path.dirname(HERE)
RELEASES = ("nautilus", "pacific", "reef", "tentacle")

# The root gets the shim and a Node under /mnt, in a mount namespace that ends with the command.
ENTER = """
set -e
root=$1 shim=$2 node=$3
shift 3
mount -t tmpfs tmpfs "$root/mnt"
mkdir "$root/mnt/shim"
touch "$root/mnt/node"
mount --bind "$shim" "$root/mnt/shim"
mount --bind "$node" "$root/mnt/node"
mount --rbind /proc "$root/proc"
mount --rbind /dev "$root/dev"
cd /
exec chroot "$root" "$@"
"""


def cache() -> str:
    """Where the testbed keeps its roots (testbed/cache.ts)."""
    own = os.environ.get("ORCHBRIDGE_CACHE")
    if own:
        return os.path.abspath(own)
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return os.path.join(base, "orchbridge", "testbed")


def missing(release: str) -> Optional[str]:
    """Why the release cannot be used here."""
    root = os.path.join(cache(), release)
    if not os.path.isdir(os.path.join(root, "usr/share/ceph/mgr")):
        return f"no root of {release} is prepared: npm run testbed -- up {release}"
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        return "entering a root needs root and unshare"
    return None


def run_checks(release: str) -> Dict[str, Any]:
    command = ["python3", "-B", "-m", "tests.ceph.run", release]
    inside = ["sh", "-c", ENTER, "sh", os.path.join(cache(), release), SHIM, os.path.realpath(NODE)]
    # The folder of the shim is where the interpreter looks first.
    start = ["/bin/sh", "-c", 'cd /mnt/shim && exec "$@"', "sh", *command]
    environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8", "ORCHBRIDGE_TEST_NODE": "/mnt/node"}
    done = subprocess.run(
        ["unshare", "--mount", "--propagation", "private", "--", *inside, *start],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env=environment,
    )
    lines = done.stdout.strip().splitlines()
    if done.returncode != 0 or not lines:
        raise AssertionError(
            f"{release}: the checks ended with {done.returncode}\n{done.stdout}\n{done.stderr[-4000:]}"
        )
    report: Dict[str, Any] = json.loads(lines[-1])
    return report


class Releases(unittest.TestCase):
    """One test a release; each check that fails is named. The releases are checked side by side."""

    reports: Reports

    @classmethod
    def setUpClass(cls) -> None:
        cls.reports = Reports(run_checks, RELEASES, missing, at_once=len(RELEASES))

    def check(self, release: str) -> None:
        self.assertGreater(self.reports.passed(self, release), 20)

    def test_the_shim_works_with_the_classes_of_nautilus(self) -> None:
        self.check("nautilus")

    def test_the_shim_works_with_the_classes_of_pacific(self) -> None:
        self.check("pacific")

    def test_the_shim_works_with_the_classes_of_reef(self) -> None:
        self.check("reef")

    def test_the_shim_works_with_the_classes_of_tentacle(self) -> None:
        self.check("tentacle")


if __name__ == "__main__":
    unittest.main()
