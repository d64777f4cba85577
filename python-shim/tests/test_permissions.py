"""Which flags Node gets, and what decides about them."""

import os
import tempfile
import unittest
from typing import Any, List
from unittest import mock

from . import peer as _peer  # noqa: F401  (finds the package)

from orchbridge.permissions import NONE, Permissions, package_of, permission_flags  # isort: skip
from orchbridge.settings import Settings  # isort: skip

NODE_24 = (24, 21)
UNSET = Settings()


class Flags(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = os.path.realpath(folder.name)
        patch = mock.patch.dict(os.environ)
        patch.start()
        self.addCleanup(patch.stop)
        os.environ.pop("ORCHBRIDGE_CACHE_DIR", None)

    def flags(self, declared: Permissions = NONE, settings: Settings = UNSET, version: Any = NODE_24) -> List[str]:
        return permission_flags(settings, declared, version, "/module")

    def file(self, name: str, text: str = "") -> str:
        path = os.path.join(self.folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def test_a_backend_that_declares_nothing_may_read_the_module_and_no_more(self) -> None:
        allowed = [flag for flag in self.flags(settings=Settings(backend="memory")) if flag.startswith("--allow")]
        self.assertEqual(allowed, ["--allow-fs-read=/module", "--allow-fs-read=/module/*"])
        self.assertIn("--permission", self.flags())

    def test_what_is_declared_is_allowed_and_folders_that_do_not_exist_yet_with_their_contents(self) -> None:
        declared = Permissions(read=("/a/b",), write=("/nowhere/",), childProcess=True, worker=True, addons=True)
        flags = self.flags(declared)
        for wanted in ("--allow-fs-read=/a/b", "--allow-fs-write=/nowhere", "--allow-fs-write=/nowhere/*"):
            self.assertIn(wanted, flags)
        for wanted in ("--allow-child-process", "--allow-worker", "--allow-addons"):
            self.assertIn(wanted, flags)
        self.assertNotIn("--allow-wasi", flags)

    def test_a_link_is_allowed_under_both_names(self) -> None:
        target = self.file("real/file")
        os.symlink(os.path.dirname(target), os.path.join(self.folder, "link"))
        flags = self.flags(Permissions(read=(f"{self.folder}/link",)))
        for name in ("link", "real"):
            self.assertIn(f"--allow-fs-read={self.folder}/{name}", flags)

    def test_the_whole_file_system_can_be_declared(self) -> None:
        self.assertIn("--allow-fs-write=*", self.flags(Permissions(write=("/",))))

    def test_the_network_has_a_flag_from_node_25_on(self) -> None:
        declared = Permissions(network=True)
        self.assertNotIn("--allow-net", self.flags(declared))
        self.assertIn("--allow-net", self.flags(declared, version=(25, 0)))
        self.assertNotIn("--allow-net", self.flags(version=(26, 1)))

    def test_the_compile_cache_and_the_recording_can_be_written(self) -> None:
        os.environ["ORCHBRIDGE_CACHE_DIR"] = "/cache"
        flags = self.flags(settings=Settings(record_path="/records/one.jsonl"))
        for path in ("/cache/*", "/records/one.jsonl"):
            self.assertIn(f"--allow-fs-write={path}", flags)
            self.assertIn(f"--allow-fs-read={path}", flags)
        self.assertEqual(permission_flags(UNSET, NONE, NODE_24, "/module", "/made"), self.flags(), "it goes before")
        del os.environ["ORCHBRIDGE_CACHE_DIR"]
        self.assertIn("--allow-fs-write=/made/*", permission_flags(UNSET, NONE, NODE_24, "/module", "/made"))

    def test_a_lone_backend_may_read_its_own_folder(self) -> None:
        backend = self.file("lone/own.ts")
        self.assertEqual(package_of(backend), [backend, f"{self.folder}/lone"])

    def test_a_backend_in_a_package_may_read_the_package_and_each_node_modules_above(self) -> None:
        backend = self.file("work/pkg/src/own.ts")
        self.file("work/pkg/package.json", "{}")
        self.file("work/node_modules/dep/index.js")
        self.assertEqual(package_of(backend), [backend, f"{self.folder}/work/pkg", f"{self.folder}/work/node_modules"])

    def test_a_backend_behind_a_link_may_read_where_it_really_lies(self) -> None:
        backend = self.file("lone/own.ts")
        link = os.path.join(self.folder, "link.ts")
        os.symlink(backend, link)
        self.assertEqual(package_of(link), [link, f"{self.folder}/lone"])

    def test_a_backend_in_the_root_folder_does_not_open_everything(self) -> None:
        self.assertEqual(package_of("/own.ts")[:2], ["/own.ts", "/own.ts"])


class Declared(unittest.TestCase):
    def test_the_answer_of_node_is_read(self) -> None:
        wire = {"read": ["/a"], "write": [], "childProcess": True, "environment": ["KUBECONFIG"]}
        declared = Permissions.from_wire(wire)
        self.assertEqual(declared, Permissions(read=("/a",), childProcess=True, environment=("KUBECONFIG",)))
        self.assertEqual(Permissions.from_wire(declared.to_json()), declared)

    def test_what_would_become_another_flag_is_refused(self) -> None:
        for wire in ({"read": ["a"]}, {"write": ["/a/*"]}, {"read": ["/a\0b"]}, {"environment": ["NODE_OPTIONS"]}, []):
            with self.assertRaises(ValueError):
                Permissions.from_wire(wire)

    def test_the_operator_reads_it_in_one_line(self) -> None:
        declared = Permissions(read=("/a", "/b"), write=("/b",), childProcess=True, environment=("KUBECONFIG",))
        self.assertEqual(declared.sentence("26.1.0"), "read /a, /b; write /b; start processes; environment KUBECONFIG")
        self.assertEqual(NONE.sentence("26.1.0"), "its own files only")
        self.assertEqual(NONE.sentence("24.21.0"), "network, which this Node cannot deny")
        self.assertEqual(Permissions(network=True).sentence("24.21.0"), "network")


if __name__ == "__main__":
    unittest.main()
