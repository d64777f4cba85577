"""Operations over the end of a Node process, and the commands for them, through the real module class."""

import errno
import json
import os
import signal
import time
from typing import Any, List
from unittest import mock

import orchestrator

from orchbridge.followed import NOT_TAKEN_UP
from orchbridge.forward import MODERN

from .made import RunningTest, until

ROW = {
    "call": "c1",
    "method": "applyService",
    "title": "Scheduled mds.a update...",
    "state": "failed",
    "since": "2026-11-22T19:00:00Z",
    "fraction": 0.25,
    "attempts": 2,
    "backend": "stand-in",
    "error": "no room\non h1",
}
RUNNING = {**ROW, "call": "another-c2", "state": "running", "error": None}


class OperationTest(RunningTest):
    """A write that was answered and is not effective for long."""

    def tell(self, method: str, **params: Any) -> None:
        """Lets the peer send a notification."""
        self.supervisor.connection.call("tell", {"method": method, "params": params}, 5)

    def kill(self) -> None:
        starts = self.supervisor.starts
        os.kill(self.supervisor.hello["pid"], signal.SIGKILL)
        until("the next process", lambda: self.supervisor.starts == starts + 1 and self.module.available()[0])

    def told(self) -> List[Any]:
        """What the progress module was told, without the updates of fractions."""
        return [call[1:3] for call in self.module.remote_calls if call[1] != "update"]


class Commands(OperationTest):
    def test_the_list_is_a_table_as_cephs_own(self) -> None:
        self.answer(bridge__operations={"value": {"operations": [ROW, RUNNING]}})
        answer = self.command("op ls")
        self.assertEqual((answer.retval, answer.stderr), (0, ""))
        lines = answer.stdout.splitlines()
        self.assertEqual(
            lines[0].split(), ["ID", "STATE", "PROGRESS", "ATTEMPTS", "SINCE", "BACKEND", "METHOD", "TITLE", "ERROR"]
        )
        self.assertEqual(lines[1][: len("c1          failed")], "c1          failed")
        self.assertTrue(lines[1].endswith("Scheduled mds.a update...  no room on h1"), lines[1])
        self.assertTrue(lines[2].endswith("Scheduled mds.a update...  -"), lines[2])
        self.assertEqual([line.index("stand-in") for line in lines[1:]], [lines[0].index("BACKEND")] * 2)
        self.assertIn(" 25% ", lines[1])

    def test_the_list_is_json_when_asked_for(self) -> None:
        self.answer(bridge__operations={"value": {"operations": [ROW]}})
        plain, pretty = (self.command("op ls", format=name).stdout for name in ("json", "json-pretty"))
        self.assertEqual((json.loads(plain), json.loads(pretty)), ([ROW], [ROW]))
        self.assertEqual((len(plain.splitlines()), len(pretty.splitlines())), (1, 13))

    def test_an_empty_list_says_so(self) -> None:
        self.answer(bridge__operations={"value": {"operations": []}})
        self.assertEqual(self.command("op ls").stdout, "No operations")
        self.assertEqual(self.command("op ls", format="json").stdout, "[]")

    def test_show_tells_all_of_one(self) -> None:
        operation = {**ROW, "params": {"spec": {"service_type": "mds"}}, "result": "Scheduled"}
        self.give({"answers": {"bridge/operation show c1": {"value": {"operation": operation}}}})
        answer = self.command("op show", id="c1")
        self.assertEqual((answer.retval, answer.stderr), (0, ""))
        shown = answer.stdout
        self.assertTrue(shown.startswith("ID: c1\nTitle: Scheduled mds.a update...\nState: failed\nProgress: 25%\n"))
        self.assertIn('\nParams:\n  {\n    "spec": {\n', shown)
        self.assertIn("\nResult: Scheduled", shown)
        self.assertEqual(json.loads(self.command("op show", id="c1", format="json").stdout), operation)

    def test_retry_and_forget_say_what_node_says(self) -> None:
        self.give(
            {
                "answers": {
                    "bridge/operation retry c1": {"value": {"message": "operation c1 is tried again"}},
                    "bridge/operation forget c1": {"value": {"message": "operation c1 is forgotten"}},
                }
            }
        )
        self.assertEqual(tuple(self.command("op retry", id="c1")), (0, "operation c1 is tried again", ""))
        forgotten = self.command("op forget", id="c1", yes_i_really_mean_it=True)
        self.assertEqual(tuple(forgotten), (0, "operation c1 is forgotten", ""))

    def test_forget_without_the_flag_says_what_would_be_lost(self) -> None:
        self.give({"answers": {"bridge/operation show c1": {"value": {"operation": ROW}}}})
        refused = self.command("op forget", id="c1")
        self.assertEqual((refused.retval, refused.stdout), (-errno.EPERM, ""))
        self.assertTrue(refused.stderr.startswith("Operation c1 (Scheduled mds.a update..., failed) would be stopped"))
        self.assertIn("--yes-i-really-mean-it", refused.stderr)

    def test_an_unknown_one_is_not_found(self) -> None:
        for words in ("op show", "op retry", "op forget"):
            answer = self.command(words, id="c9")
            self.assertEqual((answer.retval, answer.stdout), (-errno.ENOENT, ""), words)
            self.assertIn("c9", answer.stderr)

    def test_without_node_they_say_why_and_do_not_wait_for_long(self) -> None:
        self.supervisor.stand_down("mgr.y has taken over the lead")
        until("the end", lambda: self.supervisor.connection is None)
        for words in ("op ls", "op show", "op retry", "op forget"):
            began = time.monotonic()
            answer = self.command(words, id="c1")
            self.assertEqual(answer.retval, -errno.EAGAIN)
            text = "Node does not run, and only it knows the operations: mgr.y has taken over the lead"
            self.assertEqual(answer.stderr, text)
            self.assertLess(time.monotonic() - began, 1)

    @mock.patch("orchbridge.op_commands.PATIENCE", 0.5)
    def test_a_node_that_does_not_answer_is_not_waited_for(self) -> None:
        self.answer(bridge__operations={"do": "hang"})
        began = time.monotonic()
        answer = self.command("op ls")
        self.assertEqual(answer.retval, -errno.ETIMEDOUT)
        self.assertIn("bridge/operations: Node did not answer", answer.stderr)
        self.assertLess(time.monotonic() - began, 3)

    def test_nonsense_is_told_as_such(self) -> None:
        self.answer(bridge__operations={"value": [1]})
        self.assertEqual(self.command("op ls").stderr, "operations: expected list, got NoneType")


class Failures(OperationTest):
    def test_failed_operations_are_a_health_check_also_while_node_is_away(self) -> None:
        sentence = "operation c1 (Scheduled mds.a update...) failed: no room"
        self.give({"failures": [sentence]})
        until("the check", lambda: "ORCHBRIDGE_OPERATION_FAILED" in self.module.health)
        self.assertEqual(self.module.health["ORCHBRIDGE_OPERATION_FAILED"]["detail"], [sentence])
        status = json.loads(self.command("status", format="json").stdout)
        self.assertEqual(status["failures"], [sentence])
        self.assertIn(f"\n  {sentence}", self.command("status").stdout)
        with mock.patch("orchbridge.restarts.FIRST", 3.0):
            os.kill(self.supervisor.hello["pid"], signal.SIGKILL)
            until("Node to be away", lambda: self.supervisor.connection is None)
            self.bridge._look()
            self.assertIn("ORCHBRIDGE_OPERATION_FAILED", self.module.health)
        until("the next process", lambda: self.module.available()[0])
        self.give({"failures": []})
        until("the check to be gone", lambda: self.module.health == {})


if MODERN:

    class Modern(OperationTest):
        def begun(self) -> str:
            self.answer(orchestrator__add_host={"value": "ok", "effective_ms": 600_000})
            self.module.add_host(orchestrator.HostSpec("h1"))
            (call,) = self.bridge.operations.titles()
            return str(call)

        def test_an_operation_goes_on_when_the_next_process_takes_it_up(self) -> None:
            call = self.begun()
            self.kill()
            self.assertEqual((list(self.bridge.operations.titles()), self.told()), ([call], []))
            self.tell("bridge/resumed", call=call, title="taken up", fraction=0.5)
            until("the update", lambda: self.module.remote_calls[-1][2][1:3] == ("taken up", 0.5))
            self.tell("bridge/effective", call=call)
            until("the end", lambda: self.told() == [("complete", (f"orchbridge-{call}",))])

        @mock.patch("orchbridge.followed.TAKEN_UP_WITHIN", 0.0)
        @mock.patch("orchbridge.lease.FENCE", 0.0)
        def test_one_that_is_not_taken_up_is_ended_and_told(self) -> None:
            call = self.begun()
            self.kill()
            until("the end", lambda: self.told() == [("fail", (f"orchbridge-{call}", NOT_TAKEN_UP))])
            self.assertEqual(self.bridge.stats.errors()[-1]["message"], NOT_TAKEN_UP)

        def test_one_of_before_a_failover_is_followed_to_its_failure(self) -> None:
            self.tell("bridge/resumed", call="c7", title="of another manager", fraction=0.1)
            until("the event", lambda: self.bridge.operations.titles() == {"c7": "of another manager"})
            error = {"code": 1001, "message": "no room", "data": {"type": "OrchestratorError"}}
            self.tell("bridge/failed", call="c7", error=error)
            until("the end", lambda: self.told() == [("fail", ("orchbridge-c7", "no room"))])

else:

    class Classic(OperationTest):
        def begun(self) -> Any:
            self.answer(classic__add_host={"value": "ok", "effective_ms": 600_000})
            completion = self.module.add_host("h1")
            self.module.wait([completion])
            self.assertEqual((completion.is_persistent, completion.is_effective), (True, False))
            return completion

        def test_a_completion_is_effective_when_the_next_process_says_so(self) -> None:
            completion = self.begun()
            self.kill()
            self.assertEqual((completion.is_errored, self.told()), (False, []))
            self.tell("bridge/resumed", call=completion.call_id, title="taken up", fraction=0.5)
            until("the progress", lambda: completion.progress == 0.5)
            self.tell("bridge/effective", call=completion.call_id)
            until("the end", lambda: completion.is_effective)
            self.assertEqual(self.bridge.operations.titles(), {})
            until("the event to end", lambda: self.told() == [("complete", (completion.progress_id,))])

        @mock.patch("orchbridge.followed.TAKEN_UP_WITHIN", 0.0)
        @mock.patch("orchbridge.lease.FENCE", 0.0)
        def test_one_that_is_not_taken_up_is_ended_and_told(self) -> None:
            completion = self.begun()
            self.kill()
            until("the end", lambda: completion.is_errored)
            with self.assertRaisesRegex(orchestrator.OrchestratorError, NOT_TAKEN_UP):
                orchestrator.raise_if_exception(completion)
            until("the event to end", lambda: self.told() == [("fail", (completion.progress_id, NOT_TAKEN_UP))])
            self.assertEqual(self.bridge.completions.counts(), {"submitted": 0, "running": 0})

        def test_one_whose_completion_is_of_another_manager_has_an_event_of_its_own(self) -> None:
            self.tell("bridge/resumed", call="c7", title="of another manager", fraction=0.1)
            self.tell("bridge/effective", call="c7")
            until("the end", lambda: self.told() == [("complete", ("orchbridge-c7",))])

        def test_equal_writes_that_joined_are_effective_together(self) -> None:
            one, two = self.begun(), self.begun()
            stages = self.bridge.completions.second_stages
            stages.end(two.call_id)
            stages.begin(two.progress_id, self.weak(two), [one.call_id])
            self.assertEqual(stages.count(), 2)
            two.effective = False
            self.tell("bridge/effective", call=one.call_id)
            until("both", lambda: one.is_effective and two.is_effective)
            self.assertEqual(stages.count(), 0)

        def test_an_answer_that_names_one_that_has_ended_is_effective_at_once(self) -> None:
            completion = self.begun()
            stages = self.bridge.completions.second_stages
            self.tell("bridge/effective", call=completion.call_id)
            until("the end", lambda: completion.is_effective)
            other = self.module.add_host("h2")
            stages.begin(other.progress_id, self.weak(other), [completion.call_id])
            self.assertEqual((other.is_effective, stages.count()), (True, 0))

        def test_the_failure_of_one_of_many_ends_them_all(self) -> None:
            completion = self.begun()
            stages = self.bridge.completions.second_stages
            other = self.module.add_host("h2")
            stages.begin(other.progress_id, self.weak(other), ["c.1", "c.2"])
            error = {"code": 1001, "message": "no room", "data": {"type": "OrchestratorError"}}
            self.tell("bridge/failed", call="c.2", error=error)
            until("the failure", lambda: other.is_errored)
            self.assertEqual((completion.is_errored, stages.count()), (False, 1))

        @staticmethod
        def weak(completion: Any) -> Any:
            import weakref

            return weakref.ref(completion)
