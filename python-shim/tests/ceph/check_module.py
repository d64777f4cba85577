"""What every release's manager needs of the module class."""

import gc
import inspect
import unittest
from typing import Any
from unittest import mock

import mgr_module
import orchestrator

import orchbridge
from orchbridge.forward import MODERN, public_methods
from orchbridge.surroundings import logs_debug

from .made import Module, make_module

LOCAL = ("is_orchestrator_module", "available", "get_feature_set", "wait")


class ModuleClass(unittest.TestCase):
    def test_the_package_shows_one_subclass_of_mgr_module(self) -> None:
        found = [
            name
            for name, value in vars(orchbridge).items()
            if isinstance(value, type) and issubclass(value, mgr_module.MgrModule)
        ]
        self.assertEqual(found, ["Module"])

    def test_every_public_method_is_defined_by_the_module_itself(self) -> None:
        missing = [name for name in public_methods() if name not in vars(Module)]
        self.assertEqual(missing, [])

    def test_every_method_has_the_parameters_of_the_interface_and_needs_none(self) -> None:
        for name in public_methods():
            theirs = list(inspect.signature(getattr(orchestrator.Orchestrator, name)).parameters)
            ours = inspect.signature(getattr(Module, name)).parameters
            self.assertEqual(list(ours), theirs, name)
            needed = [key for key, value in ours.items() if value.default is value.empty and key != "self"]
            self.assertEqual(needed, ["completions"] if name == "wait" else [], name)

    def test_no_method_is_unknown_to_the_table(self) -> None:
        from orchbridge.forward import TABLE

        self.assertEqual([name for name in public_methods() if name not in TABLE], [])

    def test_commands_and_options_are_declared_as_a_manager_reads_them(self) -> None:
        module = make_module()
        prefixes = [command["cmd"].split(" name=")[0] for command in module.COMMANDS]
        words = ("activate", "deactivate", "status", "features", "restart", "op ls", "op show", "op retry", "op forget")
        wanted = [f"orchbridge {word}" for word in words]
        self.assertEqual([prefix.strip() for prefix in prefixes[: len(wanted)]], wanted)
        self.assertEqual([prefix for prefix in prefixes if not prefix.startswith("orchbridge ")], [])
        own = [
            option["name"] for option in module.MODULE_OPTIONS if not option["name"].startswith(("log_", "sqlite3_"))
        ]
        wanted = ["backend", "backend_options", "node_path", "call_timeout", "memory_limit", "record_path", "attach"]
        self.assertEqual(own, wanted)

    def test_node_tells_debug_lines_while_the_managers_log_takes_them(self) -> None:
        gc.collect()  # on 16.2, a module of another test that goes later takes the log handlers of all with it
        module: Any = make_module()

        def told(option: str, level: str) -> bool:
            if MODERN:
                module.options["log_level"] = option
            with mock.patch.object(module, "get_ceph_option", lambda name: {"debug_mgr": level}.get(name)):
                if MODERN:
                    module._config_notify()
                return logs_debug(module, MODERN)

        self.assertEqual([told("", level) for level in ("2/5", "20/20", "2/5")], [False, True, False])
        if MODERN:
            self.assertEqual([told(option, "2/5") for option in ("debug", "info", "")], [True, False, False])

    def test_commands_are_found_where_the_release_looks(self) -> None:
        module: Any = make_module()
        answer = module._handle_command("", {"prefix": "orchbridge status"})
        self.assertEqual(answer[0], 0)
        self.assertIn("Backend: (none)", answer[1])

    def test_features_have_the_names_of_the_release_itself(self) -> None:
        if not MODERN:
            self.skipTest("14.2 has no features")
        theirs = orchestrator.Orchestrator.get_feature_set(make_module())
        ours = make_module().get_feature_set()
        self.assertEqual(list(ours), list(theirs))
        self.assertEqual({str(row) for row in ours.values()}, {"{'available': False}"})
