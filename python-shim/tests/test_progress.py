"""Progress events of operations: begun, kept over the end of a Node process, and always ended."""

import threading
import unittest
import weakref
from typing import Any, List
from unittest import mock

from .peer import list_log, until

from orchbridge.failure import WireError  # isort: skip
from orchbridge.followed import NOT_TAKEN_UP, REMEMBERED, TAKEN_UP_WITHIN, Followed  # isort: skip
from orchbridge.progress import Operations, ProgressEvents  # isort: skip
from orchbridge.second_stages import SecondStages  # isort: skip


class EventsTest(unittest.TestCase):
    """A progress module that keeps what it is told."""

    def setUp(self) -> None:
        self.told: List[Any] = []
        self.log, self.logged = list_log("events")
        self.operations = Operations(ProgressEvents(self.remote, True, self.log))

    def remote(self, *args: Any, **kwargs: Any) -> None:
        self.told.append((args, kwargs))

    def methods(self) -> List[str]:
        """In their order; of updates one after another, one may stand for all."""
        methods: List[str] = []
        for args, _ in self.told:
            if [*methods[-1:], args[1]] != ["update", "update"]:
                methods.append(args[1])
        return methods


class Events(EventsTest):
    def test_an_operation_is_one_event_from_begin_to_end(self) -> None:
        self.operations.begin("c1", "Scheduled mds.a update...")
        self.assertTrue(self.operations.report("c1", 0.5, "half"))
        self.assertEqual(self.operations.end("c1"), "Scheduled mds.a update...")
        until("both", lambda: self.methods() == ["update", "complete"])
        self.assertEqual({args[2] for args, _ in self.told}, {"orchbridge-c1"})

    def test_its_title_stays_in_what_is_shown(self) -> None:
        self.operations.begin("c1", "one")
        self.operations.report("c1", 0.5, "half")
        self.operations.report("c1", 0.75, "")
        until("all", lambda: [args[4] for args, _ in self.told][-1:] == [0.75])
        self.assertLessEqual([args[3] for args, _ in self.told], ["one", "one: half", "one"])

    def test_what_is_unknown_is_nobodys(self) -> None:
        self.assertFalse(self.operations.report("c9", 0.5, ""))
        self.assertIsNone(self.operations.end("c9"))

    def test_what_is_told_before_the_answer_is_dealt_with_is_not_lost(self) -> None:
        self.operations.report("c1", 0.25, "one quarter")
        self.operations.report("c1", 0.5, "half")
        self.operations.begin("c1", "one")
        until("the event", lambda: [args[3:5] for args, _ in self.told] == [("one", 0.5)])

    def test_what_a_former_process_told_of_others_is_forgotten(self) -> None:
        self.operations.report("c1", 0.5, "half")
        self.operations.connected()
        self.operations.begin("c1", "one")
        until("the event", lambda: [args[4] for args, _ in self.told] == [0.0])

    def test_a_progress_module_that_is_off_disturbs_nothing(self) -> None:
        operations = Operations(ProgressEvents(mock.Mock(side_effect=ImportError("off")), True, self.log))
        operations.begin("c1", "one")
        until("the line in the log", lambda: any("off" in text for text in self.logged.texts))


class Waiting(unittest.TestCase):
    """A progress module that stands still for a while."""

    def setUp(self) -> None:
        self.gate = threading.Event()
        self.addCleanup(self.gate.set)
        self.told: List[Any] = []
        self.log, self.logged = list_log("events")
        self.events = ProgressEvents(self.remote, True, self.log)

    def remote(self, _module: str, *call: Any, **_more: Any) -> None:
        self.gate.wait(60)
        self.told.append(call[:2])

    def test_the_last_update_of_each_is_told_and_no_end_is_dropped(self) -> None:
        self.events.update("first", "", 0.0)
        with mock.patch("orchbridge.progress.MOST_EVENTS", 2):
            for n in range(3):
                self.events.update("a", "", n / 10)
                self.events.update("b", "", n / 10)
                self.events.update("c", "", n / 10)
            self.events.complete("a")
            self.events.fail("first", "it was")
        self.gate.set()
        until("the ends", lambda: ("fail", "first") in self.told)
        self.assertEqual(self.told.count(("update", "a")), 1)
        self.assertIn(("complete", "a"), self.told)
        self.assertTrue(any("one was dropped" in text for text in self.logged.texts))


class Completion:
    """What the second stages need of a classic completion."""

    text = "create mds"
    progress = 0.0


class SecondStagesOfTheClassicInterface(EventsTest):
    def test_what_is_told_before_the_answer_is_dealt_with_is_not_lost(self) -> None:
        stages = SecondStages(ProgressEvents(self.remote, False, self.log))
        completion = Completion()
        self.assertFalse(stages.report("c1", 0.5, "half"))
        stages.begin("p1", weakref.ref(completion), ["c1"])
        self.assertEqual(completion.progress, 0.5)
        until("the event", lambda: [args[2:] for args, _ in self.told] == [("p1", "create mds", 0.5, ["orchestrator"])])


class OverTheEndOfAProcess(EventsTest):
    """What runs on without the process that began it."""

    def test_an_operation_stays_and_goes_on_where_the_next_process_takes_it_up(self) -> None:
        self.operations.begin("c1", "one")
        self.operations.connected()
        self.assertEqual(self.operations.titles(), {"c1": "one"})
        self.operations.take_up("c1", "one", 0.25)
        self.assertEqual(self.operations.sweep(0.0, True), [])
        self.assertEqual(self.operations.sweep(TAKEN_UP_WITHIN + 1, True), [])
        self.operations.end("c1")
        until("the end", lambda: self.methods() == ["update", "complete"])
        self.assertEqual(self.told[-2][0][4], 0.25)

    def test_one_that_nobody_takes_up_is_ended_in_the_end(self) -> None:
        self.operations.begin("c1", "one")
        self.operations.connected()
        self.operations.begin("c2", "of the new process")
        self.assertEqual(self.operations.sweep(100.0, True), [])
        self.assertEqual(self.operations.sweep(99.0 + TAKEN_UP_WITHIN, True), [])
        self.assertEqual(self.operations.sweep(100.0 + TAKEN_UP_WITHIN, True), [("c1", "one")])
        self.assertEqual(self.operations.titles(), {"c2": "of the new process"})
        failure = ("progress", "fail", "orchbridge-c1", NOT_TAKEN_UP)
        until("the failure", lambda: [args for args, _ in self.told if args[1] == "fail"] == [failure])
        self.assertEqual(self.operations.sweep(200.0 + TAKEN_UP_WITHIN, True), [])

    def test_a_process_that_is_not_ready_has_all_the_time(self) -> None:
        self.operations.begin("c1", "one")
        self.operations.connected()
        for now in (0.0, 1000.0, 2000.0):
            self.assertEqual(self.operations.sweep(now, False), [])
        self.assertEqual(self.operations.sweep(3000.0, True), [])
        self.assertEqual(self.operations.sweep(3001.0, False), [])
        self.assertEqual(self.operations.sweep(3000.0 + TAKEN_UP_WITHIN, True), [], "it begins anew")

    def test_the_next_process_but_one_has_its_own_time(self) -> None:
        self.operations.begin("c1", "one")
        self.operations.connected()
        self.operations.sweep(0.0, True)
        self.operations.connected()
        self.assertEqual(self.operations.sweep(TAKEN_UP_WITHIN, True), [])

    def test_one_of_before_a_failover_has_an_event_of_its_own(self) -> None:
        self.operations.connected()
        self.operations.take_up("c1", "one", 0.5)
        self.assertEqual(self.operations.end("c1"), "one")
        until("the end", lambda: self.methods() == ["update", "complete"])

    def test_a_failed_one_that_is_tried_again_gets_another_event(self) -> None:
        self.operations.begin("c1", "one")
        self.operations.end("c1", WireError(1001, "away"))
        self.operations.take_up("c1", "one", 0.0)
        self.operations.end("c1")
        until("both ends", lambda: self.methods() == ["update", "fail", "update", "complete"])

    def test_a_write_that_joins_one_makes_no_event_of_its_own(self) -> None:
        self.operations.begin("c1", "one")
        self.operations.report("c1", 0.5, "")
        self.operations.begin("c1", "one")
        self.operations.end("c1")
        until("the end", lambda: self.methods() == ["update", "complete"])

    def test_an_answer_that_names_one_that_has_ended_begins_nothing(self) -> None:
        self.operations.begin("c1", "one")
        self.operations.end("c1")
        self.operations.begin("c1", "one")
        self.assertEqual(self.operations.titles(), {})


class Memory(unittest.TestCase):
    def test_only_the_last_ends_are_remembered(self) -> None:
        followed = Followed()
        for n in range(REMEMBERED + 10):
            followed.ended(f"c{n}", None)
            followed.progressed(f"p{n}", 0.5, "half")
        self.assertFalse(followed.has_ended("c9"))
        self.assertIsNone(followed.progress_of("p9"))
        self.assertEqual(followed.progress_of("p10"), (0.5, "half"))
        self.assertTrue(followed.has_ended("c10"))
        self.assertTrue(followed.has_ended(f"c{REMEMBERED + 9}"))


if __name__ == "__main__":
    unittest.main()
