"""What a manager adds to the environment of its Node process, and the compile cache with the real one."""

import logging
import os
import tempfile
import unittest
from typing import Any, Dict
from unittest import mock

from .installed import module_folder
from .peer import NODE, list_log

from orchbridge import surroundings as subject  # isort: skip
from orchbridge.node import node_command  # isort: skip
from orchbridge.permissions import NONE  # isort: skip
from orchbridge.process import NodeProcess, child_environment  # isort: skip
from orchbridge.settings import Settings  # isort: skip
from orchbridge.surroundings import Surroundings, logs_debug  # isort: skip


class ManagerStandIn:
    """Stands in for a manager: its data folder, its log and its options."""

    def __init__(self, data: str) -> None:
        self.log, self.logged = list_log("surroundings")
        self.options: Dict[str, Any] = {"mgr_data": data, "debug_mgr": "2/5"}

    def get_ceph_option(self, name: str) -> Any:
        return self.options[name]


class SurroundingsTest(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.cache = os.path.join(folder.name, "orchbridge-cache")
        self.mgr = ManagerStandIn(folder.name)
        patch = mock.patch.dict(os.environ)
        patch.start()
        self.addCleanup(patch.stop)
        for name in ("ORCHBRIDGE_CACHE_DIR", "ORCHBRIDGE_LOG_LEVEL"):
            os.environ.pop(name, None)
        patched = mock.patch.object(subject, "FOLDER", module_folder())
        patched.start()
        self.addCleanup(patched.stop)

    def variables(self) -> Dict[str, str]:
        return Surroundings(self.mgr, modern=True).variables([NODE])


class Level(SurroundingsTest):
    def test_node_tells_debug_lines_when_a_handler_of_the_manager_takes_them(self) -> None:
        handler = self.mgr.log.handlers[0]
        for level, wanted in ((logging.INFO, None), (logging.DEBUG, "debug"), (logging.CRITICAL, None)):
            handler.setLevel(level)
            self.assertEqual(self.variables().get("ORCHBRIDGE_LOG_LEVEL"), wanted)

    def test_on_nautilus_it_does_when_the_manager_writes_them(self) -> None:
        for level, wanted in (("1/5", False), ("19", False), ("20/20", True), ("30", True), ("", False)):
            self.mgr.options["debug_mgr"] = level
            self.assertEqual(logs_debug(self.mgr, modern=False), wanted)

    def test_what_the_manager_itself_was_given_goes_before(self) -> None:
        given = {"ORCHBRIDGE_LOG_LEVEL": "debug", "ORCHBRIDGE_CACHE_DIR": "/made"}
        environment = child_environment({"ORCHBRIDGE_LOG_LEVEL": "warn"}, (), given)
        self.assertEqual(environment, {"ORCHBRIDGE_LOG_LEVEL": "warn", "ORCHBRIDGE_CACHE_DIR": "/made"})


class Cache(SurroundingsTest):
    def refused(self, why: str) -> None:
        self.assertNotIn("ORCHBRIDGE_CACHE_DIR", self.variables())
        self.assertEqual([level for level, _ in self.mgr.logged.lines], [logging.DEBUG])
        self.assertIn(why, self.mgr.logged.texts[0])

    def test_it_is_a_private_folder_in_the_managers_data(self) -> None:
        part = self.variables()["ORCHBRIDGE_CACHE_DIR"]
        self.assertEqual(os.path.dirname(part), self.cache)
        for folder in (self.cache, part):
            self.assertEqual(os.stat(folder).st_mode & 0o777, 0o700)
        self.assertEqual(self.variables()["ORCHBRIDGE_CACHE_DIR"], part, "the next manager finds it again")

    def test_what_another_version_left_there_is_removed(self) -> None:
        os.makedirs(os.path.join(self.cache, "former", "v22.18.0"), 0o700)
        os.chmod(self.cache, 0o700)
        part = self.variables()["ORCHBRIDGE_CACHE_DIR"]
        self.assertEqual(os.listdir(self.cache), [os.path.basename(part)])

    def test_one_into_which_others_can_write_is_not_used(self) -> None:
        os.mkdir(self.cache)
        os.chmod(self.cache, 0o770)
        self.refused(f"{self.cache} must be a folder of the manager's user with mode 0700")
        self.assertEqual(os.listdir(self.cache), [])

    def test_one_of_somebody_else_is_not_used(self) -> None:
        os.mkdir(self.cache, 0o700)
        with mock.patch("os.geteuid", return_value=4711):
            self.refused("must be a folder of the manager's user")

    def test_one_that_lies_elsewhere_is_not_used(self) -> None:
        with tempfile.TemporaryDirectory() as elsewhere:
            os.symlink(elsewhere, self.cache)
            self.refused("must be a folder of the manager's user")

    def test_without_a_data_folder_there_is_none(self) -> None:
        for data in ("/nowhere/mgr", "", None):
            self.mgr.logged.lines.clear()
            self.mgr.options["mgr_data"] = data
            self.refused("No such file or directory: '/nowhere")

    def test_the_second_start_of_node_finds_what_the_first_left(self) -> None:
        surroundings = Surroundings(self.mgr, modern=True)
        with mock.patch("orchbridge.surroundings.node_command", self.command_of_the_module):
            first = self.run_node(surroundings)
            self.assertGreater(len(first), 1)
            # A file that is written anew is another one.
            self.assertEqual(self.run_node(surroundings), first)

    def command_of_the_module(self, settings: Settings, declared: Any, cache: Any) -> Any:
        return node_command(settings, declared, module_folder(), cache=cache)

    def run_node(self, surroundings: Surroundings) -> Dict[str, int]:
        """Lets a process start and end in good order; gives the files of the cache."""
        command = surroundings.command(Settings(node_path=NODE), NONE)
        process = NodeProcess(command, self.mgr.log, (), surroundings.variables(command))
        process.watch(lambda _: None)
        os.close(process.write_fd)
        self.assertTrue(process.wait(60))
        os.close(process.read_fd)
        self.assertEqual(process.end, "the Node process exited with code 0")
        found = (os.path.join(folder, name) for folder, _, names in os.walk(self.cache) for name in names)
        return {path: os.stat(path).st_ino for path in found}


if __name__ == "__main__":
    unittest.main()
