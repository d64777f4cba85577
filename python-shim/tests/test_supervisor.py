"""Supervision of the Node process: start, restart, watchdog, changed options; with the stand-in peer."""

import os
import signal
import threading
import time
import unittest
from typing import Any, Dict, List, Optional
from unittest import mock

from .peer import NODE, PEER, alive, list_log, until

from orchbridge import link  # isort: skip
from orchbridge import supervisor as subject  # isort: skip
from orchbridge.connection import Connection  # isort: skip
from orchbridge.failure import BridgeFailure, ConnectionLost, Unavailable  # isort: skip
from orchbridge.node import NodeMissing  # isort: skip
from orchbridge.permissions import NONE, Permissions  # isort: skip
from orchbridge.settings import Settings, SettingsError  # isort: skip
from orchbridge.supervisor import Supervisor  # isort: skip


class SupervisorTest(unittest.TestCase):
    """A supervisor that runs in a thread of its own."""

    def setUp(self) -> None:
        self.settings = Settings(backend="stand-in")
        self.problem: Optional[Exception] = None
        self.missing: Optional[NodeMissing] = None
        self.connections: List[Any] = []
        self.told: List[Any] = []
        self.introductions = 0
        self.log, self.logged = list_log("supervisor")
        self.supervisor = Supervisor(
            settings=self.read,
            command=self.command,
            session=self.introduction,
            peer=self,
            look=lambda: None,
            log=self.log,
        )
        self.thread = threading.Thread(target=self.supervisor.run, daemon=True)
        self.addCleanup(self.end)

    def read(self) -> Settings:
        if self.problem is not None:
            raise self.problem
        return self.settings

    def command(self, settings: Settings, permissions: Permissions = NONE) -> List[str]:
        if self.missing is not None:
            raise self.missing
        if settings.node_path is not None:
            raise NodeMissing(f"{settings.node_path} is not Node: --version answers ''; name another")
        flags = [] if settings.memory_limit is None else [f"--max-old-space-size={settings.memory_limit}"]
        return [NODE, *flags, PEER, "serve", "--fd", "3", "4"]

    def introduction(self) -> Dict[str, Any]:
        self.introductions += 1
        return {"schema_hash": "x"}

    # Peer

    def connected(self, connection: Any) -> None:
        self.connections.append(connection)

    def notification(self, method: str, params: Any) -> None:
        self.told.append((method, params))

    def request(self, connection: Any, request_id: Any, method: str, params: Any) -> None:
        pass

    # Steps

    def start(self) -> None:
        self.thread.start()
        self.available()

    def available(self) -> None:
        until("the backend to be available", lambda: self.supervisor.available().available)

    def call(self, method: str, timeout: float = 10.0, **params: Any) -> Any:
        connection = self.supervisor.wait_connected(time.monotonic() + timeout)
        return connection.call(method, params, timeout)

    def kill_node(self) -> None:
        os.kill(self.supervisor.hello["pid"], signal.SIGKILL)

    def end(self) -> None:
        self.supervisor.stop()
        if self.thread.is_alive():
            self.thread.join(15)
        self.assertFalse(self.thread.is_alive())
        bugs = [text for text in self.logged.texts if "bug in orchbridge" in text]
        self.assertEqual(bugs, [])


class Starts(SupervisorTest):
    def test_a_call_made_too_early_waits_for_the_start(self) -> None:
        self.thread.start()
        self.assertEqual(self.call("echo", a=1), {"a": 1})

    def test_the_state_of_the_backend_is_known_from_memory(self) -> None:
        self.assertFalse(self.supervisor.available().available)
        self.start()
        state = self.supervisor.available()
        self.assertEqual((state.backend, state.reason, state.features), ("stand-in", "", ["get_hosts"]))
        self.assertIsNone(self.supervisor.down)

    def test_failures_are_kept_while_there_is_no_process(self) -> None:
        self.settings = Settings(backend="stand-in", backend_options={"failures": ["operation c1 failed"]})
        self.start()
        self.assertEqual(self.supervisor.failures, ["operation c1 failed"])
        with mock.patch("orchbridge.restarts.FIRST", 20.0):
            self.kill_node()
            until("the end", lambda: self.supervisor.last_end)
        self.assertEqual(self.supervisor.failures, ["operation c1 failed"])

    def test_without_a_backend_it_says_which_option_to_set(self) -> None:
        self.settings = Settings()
        self.thread.start()
        until("node to run", lambda: self.supervisor.connection)
        wanted = "set a backend: ceph config set mgr mgr/orchbridge/backend NAME"
        self.assertEqual(self.supervisor.available().reason, wanted)

    def test_a_missing_node_is_told_at_once_and_looked_for_again(self) -> None:
        self.missing = NodeMissing("Node is not installed: install it")
        self.thread.start()
        until("the problem to be known", lambda: self.supervisor.lasting)
        began = time.monotonic()
        with self.assertRaisesRegex(Unavailable, "^Node is not installed: install it$"):
            self.call("echo")
        self.assertLess(time.monotonic() - began, 0.5)
        self.missing = None
        self.supervisor._next_start = 0.0
        self.available()

    def test_bad_options_are_told_and_nothing_is_started(self) -> None:
        self.problem = SettingsError("memory_limit: expected MB from 32 to 1048576, got 0")
        self.thread.start()
        until("the problem to be known", lambda: self.supervisor.settings_error)
        with self.assertRaisesRegex(Unavailable, "^memory_limit: expected MB from 32"):
            self.call("echo")
        self.assertEqual((self.supervisor.starts, self.supervisor.down), (0, str(self.problem)))
        self.problem = None
        self.supervisor.options_changed()
        self.available()

    @mock.patch("orchbridge.lifecycle.START_TIMEOUT", 0.5)
    def test_a_process_that_does_not_introduce_itself_is_ended(self) -> None:
        with mock.patch.object(self, "command", lambda *_: ["/bin/sleep", "60"]):
            self.supervisor._command = self.command
            self.thread.start()
            until("the end", lambda: self.supervisor.last_end)
            wanted = (
                "the Node process was ended: it did not answer within 0.5 s of its start, "
                "when it was to load the backend stand-in"
            )
            self.assertEqual(self.supervisor.last_end, wanted)

    def test_a_program_that_cannot_run_is_told_with_its_last_words(self) -> None:
        self.supervisor._command = lambda *_: [NODE, "-e", "throw new Error('no such thing')"]
        self.thread.start()
        until("the end", lambda: self.supervisor.last_end)
        wanted = "the Node process exited with code 1; its last log line: Error: no such thing"
        self.assertEqual(self.supervisor.last_end, wanted)


class Restarts(SupervisorTest):
    def test_a_killed_process_is_replaced_within_a_second(self) -> None:
        self.start()
        former = self.supervisor.hello["pid"]
        self.kill_node()
        began = time.monotonic()
        until("another process", lambda: self.supervisor.hello["pid"] != former)
        self.assertLess(time.monotonic() - began, 1.5)
        self.available()
        self.assertEqual((self.supervisor.starts, len(self.connections)), (2, 2))
        self.assertEqual(self.supervisor.last_end, "the Node process was killed by SIGKILL")

    def test_a_call_after_the_end_waits_for_the_next_process(self) -> None:
        self.start()
        with self.assertRaises(ConnectionLost):
            self.call("exit", code=5)
        self.assertEqual(self.call("echo", a=1), {"a": 1})

    def test_twenty_ends_in_a_row_leave_no_process_thread_or_descriptor_behind(self) -> None:
        with mock.patch("orchbridge.restarts.LONGEST", 0.05):
            self.start()
            pids = []

            def counts() -> Any:
                return threading.active_count(), len(os.listdir("/proc/self/fd"))

            before = counts()
            for _ in range(20):
                self.available()
                pids.append(self.supervisor.hello["pid"])
                errors: List[BridgeFailure] = []

                def hang(into: List[BridgeFailure]) -> None:
                    try:
                        self.call("hang")
                    except BridgeFailure as failure:
                        into.append(failure)

                caller = threading.Thread(target=hang, args=(errors,))
                caller.start()
                until("the call", lambda: self.supervisor.connection and self.supervisor.connection.pending)
                self.kill_node()
                caller.join(1)
                self.assertEqual([str(error) for error in errors], ["the Node process was killed by SIGKILL"])
            self.available()
            self.assertEqual(len(set(pids)), 20)
            self.assertEqual([pid for pid in pids if alive(pid)], [])
            until("threads and descriptors to be as before", lambda: all(a <= b for a, b in zip(counts(), before)))

    def test_the_delay_is_told_to_callers_when_it_is_long(self) -> None:
        self.start()
        with mock.patch("orchbridge.restarts.FIRST", 20.0):
            self.kill_node()
            until("the end", lambda: self.supervisor.last_end)
            began = time.monotonic()
            with self.assertRaisesRegex(Unavailable, "killed by SIGKILL"):
                self.call("echo")
            self.assertLess(time.monotonic() - began, 1)
            self.assertFalse(self.supervisor.available().available)

    def test_a_requested_restart_is_no_crash_and_does_not_wait(self) -> None:
        self.start()
        former = self.supervisor.hello["pid"]
        with mock.patch("orchbridge.restarts.FIRST", 60.0):
            self.supervisor.restart()
            self.assertFalse(alive(former), "the former one ends before the next starts")
            self.available()
        self.assertNotEqual(self.supervisor.hello["pid"], former)
        self.assertEqual([text for level, text in self.logged.lines if level >= 40], [])

    def test_a_process_that_does_not_end_on_request_is_killed(self) -> None:
        self.start()
        former = self.supervisor.hello["pid"]
        os.kill(former, signal.SIGSTOP)
        with mock.patch.object(link, "STOP_TIMEOUT", 0.3):
            self.supervisor.restart()
        until("its end", lambda: not alive(former))
        self.available()


class Failures(SupervisorTest):
    """Something raises here, in the manager's own process, where a start needs it."""

    def fail_once(self, *_: Any) -> Any:
        if self.raised:
            return mock.DEFAULT
        self.raised = True
        raise RuntimeError("can't start new thread")

    def setUp(self) -> None:
        super().setUp()
        self.raised = False

    def end(self) -> None:
        lines = self.logged.lines
        told = [line for line in lines if "a bug in orchbridge's supervision" in line[1]]
        self.assertEqual(len(told), 1)
        lines.remove(told[0])
        super().end()

    def crashed_and_started_again(self) -> None:
        self.available()
        self.assertTrue(self.raised)
        self.assertEqual(self.supervisor.crashes, 1)
        self.assertIn("its start failed in orchbridge", self.supervisor.last_end or "")
        self.assertEqual(self.call("echo", a=1), {"a": 1})

    def test_an_introduction_that_cannot_be_made_is_a_crash(self) -> None:
        with mock.patch.object(self.supervisor, "_session", mock.Mock(side_effect=self.fail_once, return_value={})):
            self.thread.start()
            self.crashed_and_started_again()

    def test_a_peer_that_raises_is_a_crash(self) -> None:
        with mock.patch.object(self, "connected", mock.Mock(side_effect=self.fail_once)):
            self.thread.start()
            self.crashed_and_started_again()

    def test_a_reading_thread_that_cannot_be_started_is_a_crash(self) -> None:
        start = Connection.start

        def once(connection: Connection) -> None:
            self.fail_once()
            start(connection)

        with mock.patch.object(Connection, "start", once):
            self.thread.start()
            self.crashed_and_started_again()

    def test_a_failed_look_at_the_options_is_made_again_and_they_are_taken(self) -> None:
        self.start()
        self.settings = Settings(backend="stand-in", backend_options={"reason": "away"})
        apply = self.supervisor._apply

        def once(*changed: Settings) -> None:
            self.fail_once()
            apply(*changed)

        with mock.patch.object(self.supervisor, "_apply", once):
            self.supervisor.options_changed()
            until("the new state", lambda: self.supervisor.available().reason == "away")
        self.assertEqual((self.supervisor.starts, self.supervisor.crashes), (1, 0))


class GivesUpAStart(SupervisorTest):
    """An operator's restart, or the end of the module, while a process starts."""

    def setUp(self) -> None:
        super().setUp()
        patch = mock.patch("orchbridge.lifecycle.START_TIMEOUT", 600.0)
        patch.start()
        self.addCleanup(patch.stop)

    def hang(self, **options: Any) -> None:
        self.settings = Settings(backend="stand-in", backend_options=options)
        self.thread.start()

    def hang_in_check(self) -> None:
        self.hang(check={"hang": True})
        until("the check to be asked", self.pending)

    def hang_in_introduction(self) -> None:
        self.hang(hang=True)
        until("the introduction to be asked", lambda: self.introductions and self.pending())

    def pending(self) -> bool:
        link = self.supervisor._link
        return link is not None and link.connection.pending > 0

    def in_time(self, what: Any) -> None:
        thread = threading.Thread(target=what, daemon=True)
        thread.start()
        thread.join(60)
        self.assertFalse(thread.is_alive(), "it waits for the start")

    def restarts_well(self) -> None:
        self.settings = Settings(backend="stand-in")
        with mock.patch("orchbridge.restarts.FIRST", 60.0):
            self.in_time(self.supervisor.restart)
            self.available()
        self.assertEqual(self.supervisor.crashes, 0)
        self.assertRegex(self.supervisor.last_end or "", "was ended on request.*: a restart was requested$")
        self.assertTrue(self.supervisor.last_end_requested)

    def ends_well(self) -> None:
        self.in_time(self.supervisor.stop)
        self.thread.join(60)
        self.assertFalse(self.thread.is_alive())
        self.assertEqual((self.supervisor.crashes, self.supervisor.connection), (0, None))

    def test_a_restart_does_not_wait_for_a_backend_that_hangs_while_it_is_loaded(self) -> None:
        self.hang_in_check()
        self.restarts_well()

    def test_a_restart_does_not_wait_for_an_introduction_that_is_not_answered(self) -> None:
        self.hang_in_introduction()
        self.restarts_well()

    def test_a_restart_gives_up_what_was_about_to_be_started_when_it_came(self) -> None:
        about, go_on = threading.Event(), threading.Event()

        def command(settings: Settings, permissions: Permissions) -> List[str]:
            about.set()
            go_on.wait(60)
            return self.command(settings)

        self.supervisor._command = command
        self.hang(check={"hang": True})
        self.assertTrue(about.wait(60))
        threading.Timer(0.2, go_on.set).start()
        self.restarts_well()

    def test_the_end_of_the_module_does_not_wait_for_a_check(self) -> None:
        self.hang_in_check()
        self.ends_well()

    def test_the_end_of_the_module_does_not_wait_for_an_introduction(self) -> None:
        self.hang_in_introduction()
        self.ends_well()


class StandsDown(SupervisorTest):
    """Another manager leads."""

    reason = "mgr.y has taken over the lead"

    def test_the_process_is_ended_at_once_and_no_other_is_started(self) -> None:
        self.start()
        pid = self.supervisor.hello["pid"]
        os.kill(pid, signal.SIGSTOP)
        began = time.monotonic()
        self.supervisor.stand_down(self.reason)
        until("the end", lambda: self.supervisor.last_end)
        self.assertLess(time.monotonic() - began, 1)
        self.assertFalse(alive(pid))
        self.assertEqual(self.supervisor.last_end, f"the Node process was ended: {self.reason}")
        self.supervisor.restart()
        self.supervisor.options_changed()
        until("the options to be looked at", lambda: not self.supervisor._options_changed)
        self.assertEqual((self.supervisor.starts, self.supervisor.connection), (1, None))

    def test_everybody_who_asks_is_told_who_leads(self) -> None:
        self.start()
        self.supervisor.failures = ["operation c1 failed"]
        self.supervisor.stand_down(self.reason)
        self.assertEqual((self.supervisor.down, self.supervisor.available().reason), (self.reason, self.reason))
        self.assertFalse(self.supervisor.available().available)
        with self.assertRaisesRegex(Unavailable, self.reason):
            self.supervisor.wait_connected(time.monotonic() + 10)
        self.assertEqual(self.supervisor.failures, [], "the other manager tells them now")

    def test_a_process_that_is_just_starting_is_ended_too(self) -> None:
        def command(settings: Settings, permissions: Permissions) -> List[str]:
            self.supervisor.stand_down(self.reason)
            return self.command(settings)

        self.supervisor._command = command
        self.thread.start()
        until("the end", lambda: self.supervisor.last_end)
        self.assertEqual((self.supervisor.starts, self.connections), (1, []))
        self.assertIn(self.reason, self.supervisor.last_end or "")


class Watchdog(SupervisorTest):
    def setUp(self) -> None:
        super().setUp()
        for module, name, value in ((link, "QUIET", 0.3), (link, "PING_TIMEOUT", 0.5), (subject, "TICK", 0.1)):
            patch = mock.patch.object(module, name, value)
            patch.start()
            self.addCleanup(patch.stop)

    def test_a_blocked_event_loop_ends_the_process_as_a_crash(self) -> None:
        self.start()
        former = self.supervisor.hello["pid"]
        with self.assertRaisesRegex(ConnectionLost, "its event loop was blocked, it said nothing for"):
            self.call("block", ms=60_000, timeout=20)
        until("another process", lambda: self.supervisor.hello["pid"] != former)
        self.assertFalse(alive(former))

    def test_a_stopped_process_is_ended_too(self) -> None:
        self.start()
        former = self.supervisor.hello["pid"]
        os.kill(former, signal.SIGSTOP)
        until("another process", lambda: self.supervisor.hello["pid"] != former)

    def test_a_slow_call_of_a_living_process_is_left_alone(self) -> None:
        self.start()
        self.assertEqual(self.call("sleep", ms=3000), 3000)
        self.assertEqual(self.supervisor.starts, 1)


class Options(SupervisorTest):
    def test_another_backend_is_handed_to_the_same_process(self) -> None:
        self.start()
        former = self.supervisor.hello["pid"]
        self.settings = Settings(backend="stand-in", backend_options={"reason": "away"})
        self.supervisor.options_changed()
        until("the new state", lambda: self.supervisor.available().reason == "away")
        self.assertEqual(self.supervisor.hello["pid"], former)

    def test_another_memory_limit_needs_another_process(self) -> None:
        self.start()
        former = self.supervisor.hello["pid"]
        self.settings = Settings(backend="stand-in", memory_limit=100)
        self.supervisor.options_changed()
        until("another process", lambda: self.supervisor.hello["pid"] != former)
        self.available()
        with open(f"/proc/{self.supervisor.hello['pid']}/cmdline", encoding="utf-8") as cmdline:
            self.assertIn("--max-old-space-size=100", cmdline.read())

    def test_bad_options_leave_the_former_ones_in_use(self) -> None:
        self.start()
        self.problem = SettingsError("call_timeout: expected seconds from 1 to 3600, got 0")
        self.supervisor.options_changed()
        until("the problem to be known", lambda: not self.supervisor.available().available)
        self.assertIn("the former configuration stays in use", self.supervisor.available().reason)
        self.assertEqual(self.call("echo", a=1), {"a": 1})
        self.kill_node()
        until("the end", lambda: self.supervisor.last_end)
        self.assertEqual(self.call("echo", a=1), {"a": 1})

    def test_a_node_that_is_none_leaves_the_former_one_running(self) -> None:
        self.start()
        former = self.supervisor.hello["pid"]
        self.settings = Settings(backend="stand-in", node_path="/bin/true")
        self.supervisor.options_changed()
        until("the problem to be known", lambda: self.supervisor.settings_error)
        wanted = "/bin/true is not Node: --version answers ''; name another; the former configuration stays in use"
        self.assertEqual(self.supervisor.available().reason, wanted)
        self.assertEqual((self.supervisor.hello["pid"], self.supervisor.down), (former, None))
        self.assertEqual(self.call("echo", a=1), {"a": 1})
        self.settings = Settings(backend="stand-in")
        self.supervisor.options_changed()
        self.available()
        self.assertEqual((self.supervisor.hello["pid"], self.supervisor.starts), (former, 1))

    def test_a_node_that_is_none_is_told_as_such_when_nothing_runs(self) -> None:
        self.settings = Settings(backend="stand-in", node_path="/bin/true")
        self.thread.start()
        until("the problem to be known", lambda: self.supervisor.lasting)
        self.assertIn("/bin/true is not Node", self.supervisor.down or "")
        self.settings = Settings(backend="stand-in")
        self.supervisor.options_changed()
        self.available()

    def test_unchanged_options_disturb_nothing(self) -> None:
        self.start()
        before = self.supervisor.state
        self.supervisor.options_changed()
        self.assertEqual(self.call("echo"), {})
        until("the look at them", lambda: not self.supervisor._options_changed)
        self.assertIs(self.supervisor.state, before)


if __name__ == "__main__":
    unittest.main()
