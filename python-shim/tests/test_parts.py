"""The small parts of the shim, each alone."""

import os
import stat
import tempfile
import threading
import time
import unittest
from typing import Any, Dict, List
from unittest import mock

from .peer import list_log, until

from orchbridge import node, settings  # isort: skip
from orchbridge.failure import BadValue  # isort: skip
from orchbridge.health import GRACE, INHERITED, MOST_LINES, Health  # isort: skip
from orchbridge.mgr_port import plain  # isort: skip
from orchbridge.restarts import Restarts  # isort: skip
from orchbridge.settings import Settings, SettingsError, read_settings  # isort: skip
from orchbridge.stats import Stats  # isort: skip
from orchbridge.wire import to_wire  # isort: skip
from orchbridge.workers import Workers  # isort: skip


class Delays(unittest.TestCase):
    def test_the_first_is_below_a_second_and_each_is_longer(self) -> None:
        restarts = Restarts()
        delays = [restarts.ended(float(n)) for n in range(9)]
        self.assertLess(delays[0], 1)
        self.assertEqual(delays, sorted(delays))
        self.assertEqual(delays[-1], 15)

    def test_what_lies_long_enough_back_is_forgotten(self) -> None:
        restarts = Restarts()
        for n in range(5):
            restarts.ended(float(n))
        self.assertEqual(restarts.ended(100.0), restarts.ended(1000.0))

    def test_an_operator_begins_anew(self) -> None:
        restarts = Restarts()
        first = restarts.ended(0.0)
        restarts.ended(1.0)
        restarts.forget()
        self.assertEqual(restarts.ended(2.0), first)


class OptionRules(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory(dir="/var/tmp")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.file = os.path.join(self.folder, "backend.ts")
        with open(self.file, "w", encoding="utf-8"):
            pass
        os.chmod(self.file, 0o644)

    def read(self, **values: Any) -> Settings:
        return read_settings(values.get)

    def refused(self, why: str, **values: Any) -> None:
        with self.assertRaisesRegex(SettingsError, why):
            self.read(**values)

    def test_nothing_set_is_fine(self) -> None:
        self.assertEqual(self.read(), Settings())
        self.assertEqual(self.read(backend="", node_path=""), Settings())

    def test_numbers_have_bounds_that_the_monitors_do_not_hold(self) -> None:
        self.refused("^call_timeout: expected seconds from 1 to 3600, got 0$", call_timeout=0)
        self.refused("^call_timeout: expected seconds from 1 to 3600, got nan$", call_timeout=float("nan"))
        self.refused("^memory_limit: expected MB from 32 to 1048576, got 0$", memory_limit=0)
        self.assertEqual(self.read(call_timeout=2.5).call_timeout, 2.5)

    def test_all_broken_rules_are_told_together(self) -> None:
        self.refused("^call_timeout: .*; memory_limit: .*", call_timeout=0, memory_limit=1)

    def test_options_of_the_backend_are_a_json_object(self) -> None:
        self.assertEqual(self.read(backend_options='{"a": [1]}').backend_options, {"a": [1]})
        for text, why in (
            ("{", "backend_options: not JSON: "),
            ("[1]", "backend_options: expected a JSON object, got [1]"),
            ('{"a": NaN}', "backend_options: not JSON: NaN is not a number"),
            ('{"a": {"b": 9007199254740992}}', "backend_options.a.b: 9007199254740992 is outside of"),
        ):
            read = self.read(backend_options=text)
            self.assertIsNone(read.backend_options)
            self.assertTrue(str(read.options_error).startswith(why), read.options_error)

    def test_a_backend_is_a_name_or_a_file_that_others_cannot_write(self) -> None:
        self.assertEqual(self.read(backend="memory").backend, "memory")
        self.assertEqual(self.read(backend=self.file).backend, self.file)
        os.chmod(self.file, 0o666)
        self.refused(f"^backend: {self.file} must not be writable by others; run chmod go-w", backend=self.file)
        self.refused("^backend: expected a built-in name or the absolute path", backend="./x.ts")
        self.refused("^backend: cannot read .*: No such file", backend=os.path.join(self.folder, "no.ts"))

    def test_a_folder_in_which_others_could_replace_the_file_is_refused(self) -> None:
        os.chmod(self.folder, 0o777)
        self.refused(f"^backend: {self.folder}, in which .* lies, must not be writable by others", backend=self.file)
        os.chmod(self.folder, 0o1777)
        self.assertEqual(self.read(backend=self.file).backend, self.file)

    def test_a_strangers_file_is_refused(self) -> None:
        with mock.patch("os.geteuid", return_value=4711), mock.patch("os.stat") as look:
            look.return_value = mock.Mock(st_mode=stat.S_IFREG | 0o644, st_uid=99)
            self.refused("^backend: .* must be owned by root or the manager's user", backend=self.file)

    def test_places_that_a_packaged_manager_cannot_see_are_refused(self) -> None:
        for path in (*(f"{folder}/node" for folder in settings.HIDDEN_FOLDERS), "/var/../tmp/node"):
            self.refused("^node_path: .* a packaged manager cannot see; move it$", node_path=path)
        link = os.path.join(self.folder, "link")
        os.symlink("/tmp/hidden", link)
        self.refused("^node_path: .* lies under /tmp", node_path=link)

    def test_node_must_be_executable_and_recordings_writable(self) -> None:
        os.chmod(self.file, 0o644)
        if os.geteuid() != 0 or not os.access(self.file, os.X_OK):
            self.refused("^node_path: .* is not executable", node_path=self.file)
        self.refused("^record_path: expected an absolute path, got 'x'", record_path="x")
        self.refused("^record_path: /nowhere is not a folder", record_path="/nowhere/x")
        wanted = os.path.join(self.folder, "session.jsonl")
        self.assertEqual(self.read(record_path=wanted).record_path, wanted)

    def test_only_some_changes_need_another_process(self) -> None:
        one = Settings(backend="a")
        self.assertFalse(one.needs_new_process(Settings(backend="b", call_timeout=3)))
        for other in (
            Settings(node_path="/n"),
            Settings(memory_limit=64),
            Settings(record_path="/r"),
            Settings(attach="/a"),
        ):
            self.assertTrue(one.needs_new_process(other))

    def test_every_declared_option_is_read(self) -> None:
        asked: List[str] = []
        read_settings(lambda name: asked.append(name))
        self.assertEqual(sorted(asked), sorted(row["name"] for row in settings.DECLARED))


class WhichNode(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        os.makedirs(os.path.join(self.folder, "js"))
        os.makedirs(os.path.join(self.folder, "bin"))
        with open(os.path.join(self.folder, "js", "main.mjs"), "w", encoding="utf-8"):
            pass

    def install(self, answer: str, name: str = "bin/node") -> str:
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as script:
            script.write(f"#!/bin/sh\necho '{answer}'\n")
        os.chmod(path, 0o755)
        return path

    def test_the_installed_copy_comes_before_the_path(self) -> None:
        path = self.install("v24.1.0")
        command = node.node_command(Settings(memory_limit=64), folder=self.folder)
        program = os.path.join(self.folder, "js", "main.mjs")
        self.assertEqual(command[:3], [path, "--max-old-space-size=64", "--permission"])
        self.assertEqual(command[-5:], [program, "serve", "--fd", "3", "4"])

    def test_the_option_comes_before_both(self) -> None:
        self.install("v24.1.0")
        other = self.install("v22.18.0", "other")
        self.assertEqual(node.node_command(Settings(node_path=other), folder=self.folder)[0], other)

    def test_one_that_is_too_old_is_refused_with_what_to_do(self) -> None:
        self.install("v22.17.9")
        with self.assertRaisesRegex(
            node.NodeMissing, r"is Node 22.17.9, too old: install Node 22.18 or later, or name"
        ):
            node.node_command(Settings(), folder=self.folder)
        self.install("v22.18.0 ")
        self.assertTrue(node.node_command(Settings(), folder=self.folder), "a replaced binary is asked again")

    def test_none_at_all_is_told(self) -> None:
        with (
            mock.patch("shutil.which", return_value=None),
            self.assertRaisesRegex(
                node.NodeMissing,
                "^Node is not installed: install Node 22.18 or later, or name one: ceph config set mgr",
            ),
        ):
            node.node_command(Settings(), folder=self.folder)

    def test_something_else_is_told(self) -> None:
        self.install("hello")
        with self.assertRaisesRegex(node.NodeMissing, "is not Node: --version answers 'hello'"):
            node.node_command(Settings(), folder=self.folder)

    def test_missing_files_are_told(self) -> None:
        os.remove(os.path.join(self.folder, "js", "main.mjs"))
        with self.assertRaisesRegex(node.NodeMissing, "main.mjs is missing: run npx orchbridge install --mgr-dir"):
            node.node_command(Settings(), folder=self.folder)


class HealthChecks(unittest.TestCase):
    def setUp(self) -> None:
        self.published: List[Dict[str, Any]] = []
        self.health = Health(self.published.append)

    def test_a_short_end_is_nothing_to_hear_of(self) -> None:
        self.health.look(0.0, "gone", None, False)
        self.health.look(1.0, None, None, False)
        self.assertEqual(self.published, [{}])

    def test_a_lasting_one_is_and_it_clears(self) -> None:
        self.health.look(0.0, "gone", None, False)
        self.health.look(GRACE, "gone", None, False)
        self.health.look(GRACE + 1, None, None, False)
        self.assertEqual([sorted(checks) for checks in self.published], [[], ["ORCHBRIDGE_DOWN"], []])

    def test_what_needs_an_operator_is_told_at_once(self) -> None:
        self.health.look(0.0, "Node is not installed", None, True)
        self.assertEqual(self.published[0]["ORCHBRIDGE_DOWN"]["detail"], ["Node is not installed"])

    def test_both_sides_are_one_set_and_are_set_only_when_changed(self) -> None:
        self.health.set_of_node(
            {"ORCHBRIDGE_OPERATION_FAILED": {"severity": "warning", "summary": "s", "detail": ["d"]}}
        )
        self.health.look(0.0, "gone", None, True)
        self.health.look(1.0, "gone", None, True)
        self.assertEqual(sorted(self.published[-1]), ["ORCHBRIDGE_DOWN", "ORCHBRIDGE_OPERATION_FAILED"])
        self.assertEqual(len(self.published), 2)

    def test_what_a_former_process_reported_stands_until_the_next_one_has_had_its_time(self) -> None:
        self.health.set_of_node({"LOCAL": {"severity": "warning", "summary": "s", "detail": []}})
        self.health.connected(100.0)
        self.health.look(99.0 + INHERITED, None, None, False)
        self.assertEqual(sorted(self.published[-1]), ["LOCAL"])
        self.health.look(100.0 + INHERITED, None, None, False)
        self.assertEqual(self.published[-1], {})

    def test_what_the_next_process_reports_stays(self) -> None:
        self.health.connected(100.0)
        self.health.set_of_node({"LOCAL": {"severity": "warning", "summary": "s", "detail": []}})
        self.health.look(1000.0, None, None, False)
        self.assertEqual(sorted(self.published[-1]), ["LOCAL"])

    def test_failed_operations_are_told_at_once_and_cleared(self) -> None:
        self.health.look(0.0, None, None, False, ["operation c1 (Scheduled mds.a) failed: away"])
        self.health.look(1.0, "gone", None, False, ["operation c1 (Scheduled mds.a) failed: away"])
        self.health.look(2.0, None, None, False, [])
        wanted = {
            "severity": "warning",
            "summary": "1 operation of orchbridge failed or cannot be taken up again",
            "count": 1,
            "detail": ["operation c1 (Scheduled mds.a) failed: away"],
        }
        self.assertEqual(self.published, [{"ORCHBRIDGE_OPERATION_FAILED": wanted}, {}])

    def test_of_very_many_failed_operations_the_count_is_right_and_the_first_are_told(self) -> None:
        self.health.look(0.0, None, None, False, [f"operation {n} failed" for n in range(10_000)])
        check = self.published[0]["ORCHBRIDGE_OPERATION_FAILED"]
        self.assertEqual((check["count"], len(check["detail"])), (10_000, MOST_LINES + 1))
        self.assertEqual(check["detail"][-1], "and 9950 more: ceph orchbridge op ls")
        self.assertTrue(check["summary"].startswith("10000 operations of orchbridge failed"))


class Threads(unittest.TestCase):
    def test_work_runs_side_by_side_up_to_the_bound_and_is_refused_beyond(self) -> None:
        log, logged = list_log("workers")
        workers = Workers("test", threads=2, waiting=3, log=log)
        gate = threading.Event()
        running: List[int] = []

        def work() -> None:
            running.append(1)
            gate.wait(10)

        self.assertTrue(workers.submit(work) and workers.submit(work))
        until("both to run", lambda: len(running) == 2)
        self.assertEqual([workers.submit(work) for _ in range(5)], [True, True, True, False, False])
        time.sleep(0.05)
        self.assertEqual(len(running), 2)
        gate.set()
        until("the rest to run", lambda: len(running) == 5)
        self.assertEqual(logged.texts, [])

    def test_work_is_refused_when_no_thread_can_be_had_and_taken_again_later(self) -> None:
        log, logged = list_log("workers")
        workers = Workers("test", threads=1, waiting=2, log=log)
        done: List[int] = []
        with mock.patch("threading.Thread.start", side_effect=RuntimeError("can't start new thread")):
            for _ in range(3):
                self.assertFalse(workers.submit(lambda: done.append(0)))
        self.assertIn("can't start new thread", logged.texts[0])
        self.assertTrue(workers.submit(lambda: done.append(1)))
        until("the work that was taken", lambda: done == [1])

    def test_a_bug_ends_no_thread(self) -> None:
        log, logged = list_log("workers")
        workers = Workers("test", threads=1, waiting=10, log=log)
        done: List[int] = []
        workers.submit(lambda: 1 / 0)  # type: ignore[arg-type,return-value]
        workers.submit(lambda: done.append(1))
        until("the second", lambda: done)
        self.assertEqual(len(logged.texts), 1)

    def test_idle_threads_end(self) -> None:
        log, _logged = list_log("workers")
        with mock.patch("orchbridge.workers.IDLE", 0.05):
            workers = Workers("test-idle", threads=3, waiting=10, log=log)
            for _ in range(5):
                workers.submit(lambda: None)
            until("no thread to be left", lambda: not [t for t in threading.enumerate() if t.name == "test-idle"])
            done: List[int] = []
            workers.submit(lambda: done.append(1))
            until("new work to be done", lambda: done)


class Counts(unittest.TestCase):
    def test_calls_are_counted_and_only_the_last_errors_kept(self) -> None:
        stats = Stats()
        for n in range(15):
            stats.begin()
            stats.end("get_hosts", f"error {n}")
        stats.begin()
        stats.end("get_hosts")
        stats.begin()
        self.assertEqual(stats.counts(), {"answered": 1, "failed": 15, "pending": 1})
        self.assertEqual([row["message"] for row in stats.errors()], [f"error {n}" for n in range(5, 15)])


class Values(unittest.TestCase):
    def test_unsafe_integers_name_their_place(self) -> None:
        with self.assertRaisesRegex(BadValue, r"^specs\[0\]\.spec\.size: -9007199254740992 is outside of ±\(2\^53-1\)"):
            to_wire([{"spec": {"size": -(2**53)}}], "specs")
        self.assertEqual(to_wire(2**53 - 1, "x"), 2**53 - 1)

    def test_endless_depth_is_an_error(self) -> None:
        deep: List[Any] = []
        deep.append(deep)
        with self.assertRaisesRegex(BadValue, "more than 100 levels deep"):
            to_wire(deep, "x")

    def test_what_the_manager_gives_is_made_fit_for_javascript(self) -> None:
        given = {"features": 2**63, 7: (1, b"x"), "load": float("nan"), "ok": [True, None, "s", 1.5]}
        self.assertEqual(plain(given), {"features": None, "7": [1, "x"], "load": None, "ok": [True, None, "s", 1.5]})


if __name__ == "__main__":
    unittest.main()
