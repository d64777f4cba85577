"""The Node process: its launcher, life line, output and end, with real processes."""

import logging
import os
import signal
import subprocess
import sys
import unittest
from unittest import mock

from .peer import HERE, NODE, PEER, PeerTest, alive, list_log, until

from orchbridge.failure import ConnectionLost  # isort: skip
from orchbridge.log_lines import LineLog, parse  # isort: skip
from orchbridge.process import CHILD_VARIABLE, NodeProcess, child_environment, reap_former  # isort: skip

MANAGER = os.path.join(HERE, "fixtures", "stand_in_manager.py")


class Output(PeerTest):
    def test_nothing_printed_reaches_the_protocol(self) -> None:
        text = "Content-Length: 5"
        self.assertEqual(self.peer.call("print", {"text": text}), text)
        self.assertEqual(self.peer.call("echo", {"still": "fine"}), {"still": "fine"})
        until("the four prints in the log", lambda: self.peer.logged.texts.count(text) == 4)

    def test_a_line_of_pino_is_logged_at_its_level(self) -> None:
        lines = [
            '{"level":20,"msg":"quiet"}',
            '{"level":40,"time":1,"msg":"careful","call":"c1","method":"get_hosts"}',
            "plain",
        ]
        self.peer.call("log", {"lines": lines})
        until("three lines", lambda: len(self.peer.logged.lines) == 3)
        self.assertEqual(
            self.peer.logged.lines,
            [(logging.DEBUG, "quiet"), (logging.WARNING, "careful method=get_hosts call=c1"), (logging.INFO, "plain")],
        )

    def test_stdin_is_not_the_protocol_either(self) -> None:
        self.assertEqual(self.peer.call("echo", {}), {})
        with open(f"/proc/{self.peer.call('pid', {})}/fdinfo/0", encoding="ascii") as info:
            self.assertTrue(info.read())
        self.assertEqual(os.readlink(f"/proc/{self.peer.call('pid', {})}/fd/0"), "/dev/null")


class Environment(PeerTest):
    def test_only_a_few_variables_are_handed_on(self) -> None:
        given = {
            "PATH": "/bin",
            "HOME": "/h",
            "LANG": "C",
            "TZ": "UTC",
            "SECRET": "s",
            "ORCHBRIDGE_X": "1",
            CHILD_VARIABLE: "1 2",
        }
        self.assertEqual(sorted(child_environment(given)), ["HOME", "LANG", "ORCHBRIDGE_X", "PATH", "TZ"])

    def test_the_process_sees_no_more(self) -> None:
        bash = {"SHLVL", "_"} if os.path.basename(os.path.realpath("/bin/sh")) == "bash" else set()
        seen = {name for name in self.peer.call("environment", {}) if not name.startswith("ORCHBRIDGE_")}
        self.assertLessEqual(seen, {"PATH", "HOME", "LANG", "TZ", *bash})


class Files(PeerTest):
    def test_what_it_writes_is_nobody_elses(self) -> None:
        self.assertEqual(self.peer.call("umask", {}), 0o077)

    def test_its_memory_is_dumped_nowhere(self) -> None:
        self.assertRegex(self.peer.call("limits", {}), r"Max core file size +0 +0 ")


class Ends(PeerTest):
    def end_of(self, method: str, **params: object) -> str:
        with self.assertRaises(ConnectionLost) as caught:
            self.peer.call(method, dict(params))
        self.assertEqual(str(caught.exception), self.peer.process.end)
        return self.peer.process.end

    def test_an_exit_code_is_told(self) -> None:
        self.assertEqual(self.end_of("exit", code=42), "the Node process exited with code 42")

    def test_a_signal_is_told_by_its_name(self) -> None:
        node = self.peer.call("pid", {})
        os.kill(node, signal.SIGKILL)
        self.assertTrue(self.peer.process.wait(5))
        self.assertEqual(self.peer.process.end, "the Node process was killed by SIGKILL")

    def test_an_abort_is_told(self) -> None:
        self.assertIn("was killed by SIGABRT", self.end_of("abort"))

    def test_a_crash_is_told_with_its_error_not_its_last_line(self) -> None:
        self.peer.call("crash", {})
        self.assertTrue(self.peer.process.wait(5))
        told = "the Node process exited with code 1; its last log line: TypeError: the peer fell over"
        self.assertEqual(self.peer.process.end, told)

    def test_an_orderly_end_follows_the_end_of_its_input(self) -> None:
        self.peer.connection.close("stopped on request")
        self.assertTrue(self.peer.process.wait(5))
        self.assertEqual(self.peer.process.end, "the Node process exited with code 0")

    def test_an_end_that_was_asked_for_is_told_as_such(self) -> None:
        self.peer.process.expect_end("a restart was requested")
        self.peer.connection.close("a restart was requested")
        self.assertTrue(self.peer.process.wait(5))
        self.assertEqual(self.peer.process.end, "the Node process was ended on request: a restart was requested")

    def test_children_of_node_end_with_it(self) -> None:
        child = self.peer.call("child", {"seconds": 600})
        self.assertTrue(alive(child))
        self.end_of("exit", code=1)
        until("the child to be gone", lambda: not alive(child), 2)

    def test_no_zombie_stays(self) -> None:
        pid = self.peer.process.pid
        self.end_of("exit", code=0)
        self.assertFalse(os.path.exists(f"/proc/{pid}"))

    def test_no_descriptor_stays_open(self) -> None:
        self.end_of("exit", code=0)

        def count() -> int:
            return len(os.listdir("/proc/self/fd"))

        before = count()
        for _ in range(5):
            log, _lines = list_log("more")
            process = NodeProcess([NODE, PEER, "serve", "--fd", "3", "4"], log)
            process.watch(lambda _end: None)
            os.close(process.write_fd)
            self.assertTrue(process.wait(5))
            os.close(process.read_fd)
        until("the descriptors to be closed", lambda: count() <= before)


class NoThreads(unittest.TestCase):
    def test_a_process_that_nobody_could_listen_to_is_ended(self) -> None:
        log, _logged = list_log("threads")
        before = os.listdir("/proc/self/fd")
        with (
            mock.patch("threading.Thread.start", side_effect=RuntimeError("can't start new thread")),
            self.assertRaisesRegex(OSError, "^can't start new thread$"),
        ):
            NodeProcess([NODE, PEER, "serve", "--fd", "3", "4"], log)
        self.assertEqual(os.listdir("/proc/self/fd"), before)
        self.assertEqual(os.environ[CHILD_VARIABLE], "")


class LifeLine(unittest.TestCase):
    """A manager that is killed, or replaces itself, in a process of its own (a stand-in for ceph-mgr)."""

    def start(self, how: str) -> "subprocess.Popen[str]":
        manager = subprocess.Popen([sys.executable, MANAGER, how, NODE], stdout=subprocess.PIPE, text=True)
        self.addCleanup(manager.wait)
        self.addCleanup(manager.kill)
        assert manager.stdout is not None
        self.addCleanup(manager.stdout.close)
        return manager

    def read(self, manager: "subprocess.Popen[str]") -> str:
        assert manager.stdout is not None
        return manager.stdout.readline().strip()

    def test_node_is_gone_when_the_manager_is_killed(self) -> None:
        manager = self.start("idle")
        node = int(self.read(manager))
        self.assertTrue(alive(node))
        manager.kill()
        until("node to be gone", lambda: not alive(node), 2)

    def test_node_is_gone_out_of_a_busy_loop(self) -> None:
        manager = self.start("busy")
        node = int(self.read(manager))
        manager.kill()
        until("node to be gone", lambda: not alive(node), 2)

    def test_a_stopped_node_is_gone_too(self) -> None:
        manager = self.start("idle")
        node = int(self.read(manager))
        os.kill(node, signal.SIGSTOP)
        manager.kill()
        until("node to be gone", lambda: not alive(node), 2)

    def test_the_former_child_is_reaped_after_execv(self) -> None:
        manager = self.start("execv")
        former = int(self.read(manager))
        launcher = int(self.read(manager))
        self.assertEqual(self.read(manager), f"reaped {launcher}")
        self.assertFalse(alive(former))
        self.assertFalse(os.path.exists(f"/proc/{launcher}"), "no zombie may stay")

    def test_a_stranger_with_the_recorded_pid_is_left_alone(self) -> None:
        stranger = subprocess.Popen(["sleep", "60"])
        self.addCleanup(stranger.wait)
        self.addCleanup(stranger.kill)
        with mock.patch.dict(os.environ, {CHILD_VARIABLE: f"{stranger.pid} 1"}):
            self.assertIsNone(reap_former(0.1))
        with mock.patch.dict(os.environ, {CHILD_VARIABLE: "nonsense"}):
            self.assertIsNone(reap_former(0.1))
        self.assertIsNone(stranger.poll())


class Lines(unittest.TestCase):
    def test_an_error_of_pino_is_shown_with_its_stack(self) -> None:
        error = '{"message":"boom","stack":"Error: boom\\n    at x"}'
        line = '{"level":50,"msg":"get_hosts failed","log_id":"a1","err":' + error + "}"
        self.assertEqual(parse(line), (logging.ERROR, "get_hosts failed log_id=a1\nError: boom\n    at x"))

    def test_a_line_that_only_looks_like_json_is_shown_as_it_is(self) -> None:
        self.assertEqual(parse("{ not json"), (logging.INFO, "{ not json"))
        self.assertEqual(parse("{}"), (logging.INFO, "{}"))

    def test_a_flood_is_cut_and_counted(self) -> None:
        log, logged = list_log("flood")
        lines = LineLog(log)
        for n in range(3000):
            lines.take(f"line {n}")
        self.assertLess(len(logged.lines), 1500)
        self.assertEqual(lines.last_words(), "line 2999")
        lines._allowance = 5
        lines.take("after the flood")
        self.assertRegex(logged.texts[-2], r"\d+ lines of the Node process were dropped")

    def test_a_long_line_is_cut(self) -> None:
        log, logged = list_log("long")
        LineLog(log).take("x" * 100_000)
        self.assertLess(len(logged.texts[0]), 20_000)

    def test_what_a_log_written_in_c_cannot_take_is_replaced(self) -> None:
        self.assertEqual(parse("a\0b\ud800")[1], "a\\0b?")
        self.assertEqual(parse('{"level": 30, "msg": "a\\u0000b\\ud800"}'), (logging.INFO, "a\\0b?"))

    def test_json_nested_too_deep_is_shown_as_it_is(self) -> None:
        line = '{"level": 30, "msg": ' + "[" * 5000 + "]" * 5000 + "}"
        self.assertEqual(parse(line), (logging.INFO, line))

    def test_the_last_words_are_the_error(self) -> None:
        log, _logged = list_log("words")
        lines = LineLog(log)
        for line in [
            "hello",
            "file:///x/main.mjs:12",
            "  throw new Error('x')",
            "  ^",
            "",
            "Error: x",
            "    at y (z:1:2)",
            "",
            "Node.js v24.21.0",
        ]:
            lines.take(line)
        self.assertEqual(lines.last_words(), "Error: x")


if __name__ == "__main__":
    unittest.main()
