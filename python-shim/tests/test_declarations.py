"""A process gets what its backend declares, and one whose memory grows is ended; with the stand-in peer."""

import os
import unittest
from typing import Any, List
from unittest import mock

from .peer import NODE, PEER, until
from .test_supervisor import SupervisorTest

from orchbridge import supervisor as subject  # isort: skip
from orchbridge.failure import ConnectionLost  # isort: skip
from orchbridge.permissions import NONE, Permissions, permission_flags  # isort: skip
from orchbridge.settings import Settings  # isort: skip


def chosen(**check: Any) -> Settings:
    """A choice of the stand-in, which answers `bridge/check` so."""
    return Settings(backend="stand-in", backend_options={"check": check})


class Declares(SupervisorTest):
    def setUp(self) -> None:
        super().setUp()
        self.commands: List[Permissions] = []

    def command(self, settings: Settings, permissions: Permissions = NONE) -> List[str]:
        flags = permission_flags(settings, permissions, (24, 0), os.path.dirname(PEER))
        self.commands.append(permissions)
        return [NODE, *flags, PEER, "serve", "--fd", "3", "4"]

    def change(self, settings: Settings) -> None:
        self.settings = settings
        self.supervisor.options_changed()

    def test_nothing_declared_is_one_start(self) -> None:
        self.start()
        self.assertEqual((self.supervisor.starts, self.supervisor.last_end), (1, None))
        self.assertEqual(self.supervisor.permissions, NONE)
        self.assertIn("--permission", self.call("arguments"))

    def test_what_is_declared_becomes_flags_without_a_crash_or_a_delay(self) -> None:
        self.settings = chosen(permissions={"write": ["/var/tmp/orchbridge-x"], "childProcess": True})
        with mock.patch("orchbridge.restarts.FIRST", 60.0):
            self.start()
        arguments = self.call("arguments")
        self.assertIn("--allow-child-process", arguments)
        self.assertIn("--allow-fs-write=/var/tmp/orchbridge-x", arguments)
        self.assertEqual((self.supervisor.starts, self.supervisor.crashes), (1, 0))
        self.assertEqual(self.supervisor.permissions.write, ("/var/tmp/orchbridge-x",))

    def test_it_is_remembered_when_the_process_ends_by_itself(self) -> None:
        self.settings = chosen(permissions={"worker": True})
        self.start()
        self.commands.clear()
        self.kill_node()
        until("the crash", lambda: self.supervisor.crashes)
        self.available()
        self.assertEqual([permissions.worker for permissions in self.commands], [True])
        self.assertFalse(self.supervisor.last_end_requested)

    def test_an_operators_restart_asks_again(self) -> None:
        self.settings = chosen(permissions={"worker": True})
        self.start()
        self.commands.clear()
        self.supervisor.restart()
        self.available()
        self.assertEqual(self.commands, [NONE, Permissions(worker=True)])

    def test_variables_that_are_declared_are_handed_on(self) -> None:
        self.settings = chosen(permissions={"environment": ["KUBECONFIG"]})
        with mock.patch.dict(os.environ, {"KUBECONFIG": "/k", "SECRET": "s"}):
            self.start()
        seen = self.call("environment")
        self.assertEqual((seen.get("KUBECONFIG"), seen.get("SECRET")), ("/k", None))

    def test_options_that_need_more_start_another_process_and_others_do_not(self) -> None:
        self.start()
        former = self.supervisor.hello["pid"]
        self.change(Settings(backend="stand-in", backend_options={"reason": "away"}))
        until("the new state", lambda: self.supervisor.available().reason == "away")
        self.assertEqual(self.supervisor.hello["pid"], former)
        self.change(chosen(permissions={"worker": True}))
        until("another process", lambda: self.supervisor.hello["pid"] != former)
        self.available()
        self.assertEqual((self.supervisor.permissions.worker, self.supervisor.crashes), (True, 0))
        self.assertEqual(
            self.supervisor.last_end, "the Node process was ended on request: its backend needs other permissions"
        )
        self.assertTrue(self.supervisor.last_end_requested)
        self.change(Settings(backend="stand-in"))
        until("the right to be gone", lambda: self.supervisor.permissions == NONE and self.supervisor.connection)

    def test_a_refused_backend_elsewhere_leaves_the_former_process_in_use(self) -> None:
        self.start()
        former = self.supervisor.hello["pid"]
        self.change(Settings(backend="/nowhere/own.ts", backend_options={"check": {"refused": "/nowhere/own.ts: no"}}))
        until("the refusal", lambda: not self.supervisor.available().available)
        wanted = "/nowhere/own.ts: no; the former configuration stays in use"
        self.assertEqual(self.supervisor.available().reason, wanted)
        self.assertEqual((self.supervisor.hello["pid"], self.supervisor.settings.backend), (former, "stand-in"))
        self.assertEqual(self.call("echo", a=1), {"a": 1})
        self.change(Settings(backend="stand-in"))
        self.available()

    def test_a_backend_that_ends_the_process_that_looks_at_it_is_refused(self) -> None:
        self.start()
        self.change(Settings(backend="/nowhere/own.ts", backend_options={"check": {"crash": True}}))
        until("the refusal", lambda: not self.supervisor.available().available)
        self.assertIn("the Node process exited with code 1", self.supervisor.available().reason)
        self.assertEqual((self.supervisor.crashes, self.call("echo", a=1)), (0, {"a": 1}))

    def test_options_whose_check_takes_too_long_leave_the_former_ones_in_use(self) -> None:
        self.start()
        former = self.supervisor.hello["pid"]
        with mock.patch("orchbridge.lifecycle.START_TIMEOUT", 0.5):
            self.change(chosen(hang=True))
            until("the problem to be known", lambda: self.supervisor.settings_error)
        wanted = "backend stand-in: it was not loaded within 0.5 s; the former configuration stays in use"
        self.assertEqual(self.supervisor.available().reason, wanted)
        self.assertEqual(self.call("echo", a=1), {"a": 1})
        self.assertEqual((self.supervisor.hello["pid"], self.supervisor.crashes), (former, 0))
        self.change(Settings(backend="stand-in"))
        self.available()

    def test_a_file_that_changed_is_asked_again(self) -> None:
        known = self.supervisor._declarations
        with mock.patch("orchbridge.declarations._file_state", return_value=1):
            known._known = ((mock.ANY, 1), Permissions(worker=True))
            self.assertIsNotNone(known.known(self.settings))
        with mock.patch("orchbridge.declarations._file_state", return_value=2):
            self.assertIsNone(known.known(self.settings))


class Memory(SupervisorTest):
    @mock.patch.object(subject, "TICK", 0.05)
    def test_a_process_that_occupies_too_much_is_ended_as_a_crash(self) -> None:
        with mock.patch.object(Settings, "resident_limit", 400):
            self.start()
            self.assertEqual(self.call("echo", a=1), {"a": 1})
            with self.assertRaisesRegex(ConnectionLost, r"was ended: it occupies \d+ MB of memory, and may 400; "):
                self.call("hoard", mb=600)
                self.call("hang")
        until("another process", lambda: self.supervisor.crashes == 1 and self.supervisor.connection)
        self.assertIn("raise memory_limit: ceph config set mgr mgr/orchbridge/memory_limit MB", self.lost())
        self.assertFalse(self.supervisor.last_end_requested)

    def test_a_full_heap_is_told_with_the_option(self) -> None:
        self.settings = Settings(backend="stand-in", memory_limit=40)
        self.start()
        with self.assertRaises(ConnectionLost):
            self.call("leak", timeout=60)
        until("the end", lambda: self.supervisor.crashes)
        self.assertIn(
            "ran out of memory: its JavaScript objects need more than the 40 MB of memory_limit; ", self.lost()
        )

    def lost(self) -> str:
        return self.supervisor.last_end or ""

    def test_the_bound_leaves_room_for_node_itself(self) -> None:
        bounds = [Settings(memory_limit=limit).resident_limit for limit in (32, 512, 4096, None)]
        self.assertEqual(bounds, [288, 768, 6144, 1536])


if __name__ == "__main__":
    unittest.main()
