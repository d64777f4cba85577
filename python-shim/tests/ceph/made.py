"""A module as a manager makes it, for the checks."""

import json
import os
import threading
import unittest
from typing import Any, Dict
from unittest import mock

import orchbridge
from orchbridge import node
from tests.peer import until

HERE = os.path.dirname(os.path.abspath(__file__))
PEER = os.path.join(os.path.dirname(HERE), "fixtures", "stand-in-peer.mjs")
NODE = os.environ.get("ORCHBRIDGE_TEST_NODE", "node")

Module: Any = orchbridge.Module
_registered = False


def make_module() -> Any:
    """A new instance, as after the start of a manager."""
    global _registered
    if not _registered:
        _registered = True
        if hasattr(Module, "_register_options"):
            Module._register_options("orchbridge")
            Module._register_commands("orchbridge")
        else:
            Module._register_commands()
    module = Module("orchbridge", None, None)
    # The options that Ceph itself adds.
    module.options.update({"log_level": "debug", "log_to_file": False, "log_to_cluster": False})
    module.options.update({"log_to_cluster_level": "info"})
    return module


def command_of_peer(settings: Any, permissions: Any) -> Any:
    """The stand-in peer instead of the installed JavaScript."""
    del settings, permissions
    return [NODE, PEER, "serve", "--fd", "3", "4"]


class RunningTest(unittest.TestCase):
    """A test with a module that serves, and a stand-in peer as its Node process."""

    backend_options: Dict[str, Any] = {}

    def setUp(self) -> None:
        self.module = make_module()
        self.module.options.update({"backend": "stand-in", "backend_options": json.dumps(self.backend_options)})
        self.bridge = self.module._bridge
        self.supervisor = self.bridge.supervisor
        self.supervisor._command = command_of_peer
        self.serving = threading.Thread(target=self.module.serve, daemon=True)
        self.serving.start()
        self.addCleanup(self.end)
        until("the module to be available", lambda: self.module.available()[0])

    def end(self) -> None:
        self.bridge.stop()
        self.serving.join(15)
        self.assertFalse(self.serving.is_alive())

    def command(self, words: str, **arguments: Any) -> Any:
        """A command of the module, as a manager runs it."""
        return self.module.handle_command("", {"prefix": f"orchbridge {words}", **arguments})

    def answer(self, **answers: Any) -> None:
        """Lets the peer answer methods so, by way of changed options."""
        given = {
            **self.backend_options,
            "answers": {name.replace("__", "/"): answer for name, answer in answers.items()},
        }
        self.give(given)

    def _peers_options(self) -> Any:
        connection = self.supervisor.connection
        return None if connection is None else connection.call("options", {}, 5)

    def give(self, given: Dict[str, Any]) -> None:
        """Changes the backend's options, and waits until the peer has them."""
        self.module.options["backend_options"] = json.dumps(given)
        self.module.config_notify()
        until("the options to be there", lambda: self._peers_options() == given)
        until("the module to be available", lambda: self.module.available()[0])


__all__ = ["RunningTest", "make_module", "mock", "node", "until"]
