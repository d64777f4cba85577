"""Calls through the real module class to a stand-in peer in a real Node process."""

import json
import os
import signal
import threading
import time
from typing import Any, Dict, List
from unittest import mock

import orchestrator

from orchbridge.forward import MODERN

from .made import RunningTest, until


class Common(RunningTest):
    def test_status_tells_of_the_process_and_the_backend(self) -> None:
        answer = self.module.handle_command("", {"prefix": "orchbridge status", "format": "json"})
        self.assertEqual(answer.retval, 0)
        status = json.loads(answer.stdout)
        self.assertEqual((status["backend"]["name"], status["backend"]["available"]), ("stand-in", True))
        self.assertEqual((status["node"]["running"], status["node"]["restarts"]), (True, 0))
        self.assertEqual(status["bridge"]["version"], "0.0.0-stand-in")
        plain = self.module.handle_command("", {"prefix": "orchbridge status"}).stdout
        self.assertRegex(plain, r"Backend: stand-in\nAvailable: Yes\nPermissions: .+\nNode: \d")

    def test_features_follow_the_backend(self) -> None:
        answer = self.module.handle_command("", {"prefix": "orchbridge features", "format": "json"})
        features = json.loads(answer.stdout)
        self.assertEqual([name for name, has in features.items() if has], ["get_hosts"])

    def test_restart_gives_another_process(self) -> None:
        former = self.supervisor.hello["pid"]
        answer = self.module.handle_command("", {"prefix": "orchbridge restart"})
        self.assertEqual(answer.retval, 0, answer.stderr)
        self.assertNotEqual(self.supervisor.hello["pid"], former)
        until("the module to be available", lambda: self.module.available()[0])

    def test_an_unknown_command_is_refused(self) -> None:
        self.assertEqual(self.module.handle_command("", {"prefix": "orchbridge dance"}).retval, -22)

    def test_without_a_backend_it_says_which_option_to_set(self) -> None:
        del self.module.options["backend"]
        self.module.config_notify()
        text = "set a backend: ceph config set mgr mgr/orchbridge/backend NAME"
        until("the option to be seen", lambda: self.module.available()[1] == text)
        self.assertEqual(self.module.available(), (False, text, {}) if MODERN else (False, text))
        self.assertEqual(self.module.health, {})

    def test_a_bad_option_is_named_and_the_former_ones_stay_in_use_until_it_is_removed(self) -> None:
        self.module.options["call_timeout"] = 0
        self.module.config_notify()
        text = "call_timeout: expected seconds from 1 to 3600, got 0; the former configuration stays in use"
        until("the option to be refused", lambda: self.module.available()[1] == text)
        until("the health check", lambda: "ORCHBRIDGE_BACKEND_UNAVAILABLE" in self.module.health, 15)
        self.assertEqual(self.module.health["ORCHBRIDGE_BACKEND_UNAVAILABLE"]["detail"], [text])
        self.assertEqual(self.supervisor.connection.call("echo", {"a": 1}, 5), {"a": 1})
        self.module.removed.add("call_timeout")
        self.module.config_notify()
        until("the module to be available", lambda: self.module.available()[0])
        until("the health check to be gone", lambda: self.module.health == {})

    def test_a_backend_that_says_no_is_told_and_warned_of(self) -> None:
        self.module.options["backend_options"] = '{"reason": "the cluster is away"}'
        self.module.config_notify()
        until("the reason", lambda: self.module.available()[1] == "the cluster is away")
        until("the health check", lambda: "ORCHBRIDGE_BACKEND_UNAVAILABLE" in self.module.health, 15)

    def test_options_that_are_not_json_are_told(self) -> None:
        self.module.options["backend_options"] = "{hosts: 1}"
        self.module.config_notify()
        until("the reason", lambda: self.module.available()[1].startswith("backend_options: not JSON: "))

    def test_the_peer_can_ask_the_manager(self) -> None:
        ask = self.supervisor.connection.call
        given = ask("ask", {"method": "mgr/get", "params": {"name": "mgr_map"}}, 10)
        self.assertEqual(given, {"active_name": "x", "active_gid": 4242, "active_mgr_features": None})


def _asked(test: RunningTest, method: str, **params: Any) -> Any:
    return test.supervisor.connection.call("ask", {"method": method, "params": params}, 10)


class Port(RunningTest):
    def test_the_store_is_written_by_the_monitors_own_command(self) -> None:
        self.assertEqual(_asked(self, "mgr/store_set", key="op/1", value="v1"), {})
        self.assertEqual(self.module.store["mgr/orchbridge/op/1"], "v1")
        self.assertEqual(_asked(self, "mgr/store_get", key="op/1"), "v1")
        self.assertEqual(_asked(self, "mgr/store_list", prefix="op/"), {"op/1": "v1"})
        self.assertEqual(_asked(self, "mgr/store_set", key="op/1", value=None), {})
        self.assertNotIn("mgr/orchbridge/op/1", self.module.store)

    def test_a_value_that_monitors_would_lose_is_refused(self) -> None:
        error = _asked(self, "mgr/store_set", key="k", value="é" * 40_000)["error"]
        self.assertEqual(
            (error["code"], error["message"]), (-32602, "mgr/store_set: value: expected at most 65536 bytes, got 80000")
        )

    def test_a_command_gives_what_the_monitors_answer(self) -> None:
        self.assertEqual(_asked(self, "mgr/command", prefix="refuse"), {"retval": -22, "stdout": "", "stderr": "no"})

    def test_health_checks_of_both_sides_are_one_set(self) -> None:
        check = {"severity": "error", "summary": "s", "detail": ["d"]}
        self.assertEqual(_asked(self, "mgr/set_health_checks", checks={"ORCHBRIDGE_OPERATION_FAILED": check}), {})
        self.assertEqual(self.module.health["ORCHBRIDGE_OPERATION_FAILED"]["severity"], "error")
        self.assertEqual(_asked(self, "mgr/set_health_checks", checks={}), {})
        self.assertEqual(self.module.health, {})

    def test_progress_and_the_cluster_log_are_reached(self) -> None:
        self.assertEqual(_asked(self, "mgr/progress", id="e1", message="m", fraction=0.5), {})
        self.assertEqual(_asked(self, "mgr/progress", id="e1", message="m", fraction=1), {})
        until("both", lambda: len(self.module.remote_calls) == 2)
        self.assertEqual([call[1] for call in self.module.remote_calls], ["update", "complete"])
        self.assertEqual(_asked(self, "mgr/cluster_log", level="warn", message="careful"), {})
        self.assertEqual(self.module.cluster_logged, [("cluster", 3, "careful")])

    def test_options_are_read_and_unknown_ones_are_null(self) -> None:
        self.assertEqual(_asked(self, "mgr/option", name="backend"), "stand-in")
        self.assertIsNone(_asked(self, "mgr/option", name="unheard_of"))

    def test_bad_requests_get_a_sentence(self) -> None:
        self.assertEqual(_asked(self, "mgr/get", name=7)["error"]["message"], "mgr/get: name: expected string, got 7")
        self.assertEqual(_asked(self, "mgr/dance")["error"]["code"], -32601)
        self.assertIn("mgr/get failed: KeyError", _asked(self, "mgr/get", name="unheard_of")["error"]["message"])


if MODERN:

    class Modern(RunningTest):
        def test_hosts_come_back_in_the_releases_own_class(self) -> None:
            self.answer(orchestrator__get_hosts={"value": [{"hostname": "h1", "addr": "10.0.0.1", "labels": []}]})
            (host,) = orchestrator.raise_if_exception(self.module.get_hosts())
            self.assertEqual((type(host), host.hostname), (orchestrator.HostSpec, "h1"))

        def test_arguments_are_bound_by_name_and_what_is_not_given_is_left_out(self) -> None:
            self.answer(orchestrator__remove_host={"echo": True})
            sent = json.loads(orchestrator.raise_if_exception(self.module.remove_host("h1", offline=True)))
            context = sent.pop("_call")
            self.assertEqual(sent, {"host": "h1", "offline": True})
            self.assertLessEqual(context["deadline_ms"], 60_000)
            self.assertGreater(context["deadline_ms"], 55_000)

        def test_lists_may_come_in_pages(self) -> None:
            self.answer(
                orchestrator__get_hosts={"pages": [[{"hostname": "h1"}, {"hostname": "h2"}], [{"hostname": "h3"}]]}
            )
            self.assertEqual([host.hostname for host in self.module.get_hosts().result], ["h1", "h2", "h3"])

        def test_a_method_that_the_backend_lacks_is_not_supported(self) -> None:
            result = (
                self.module.node_proxy_fullreport()
                if hasattr(self.module, "node_proxy_fullreport")
                else self.module.plan([])
            )
            with self.assertRaises(NotImplementedError):
                orchestrator.raise_if_exception(result)

        def test_a_failed_list_is_empty_beside_its_error(self) -> None:
            error = {"code": 1005, "message": "away", "data": {"type": "UnavailableError"}}
            self.answer(orchestrator__describe_service={"error": error})
            result = self.module.describe_service("mds")
            self.assertEqual(result.result, [])
            with self.assertRaisesRegex(orchestrator.OrchestratorError, "away"):
                orchestrator.raise_if_exception(result)

        def test_calls_of_years_ago_get_an_error_not_an_exception(self) -> None:
            for result in (self.module.service_action("reload", "nfs", "a", "b"), self.module.get_hosts(unheard_of=1)):
                with self.assertRaises(orchestrator.OrchestratorValidationError):
                    orchestrator.raise_if_exception(result)

        def test_a_bug_of_the_shim_is_one_line_with_a_log_id(self) -> None:
            self.bridge.calls.modern = lambda *_args: 1 / 0
            with self.assertRaisesRegex(
                orchestrator.OrchestratorError,
                r"get_hosts failed .*ZeroDivisionError.*\(log id \w{8} in the mgr log\)$",
            ):
                orchestrator.raise_if_exception(self.module.get_hosts())

        def test_methods_without_an_answer_are_there_only_when_supported(self) -> None:
            self.assertFalse(hasattr(self.module, "pause"))
            self.supervisor.features = ["pause"]
            self.assertTrue(hasattr(self.module, "pause"))
            self.assertIsNone(self.module.pause())
            self.assertEqual(self.module.cluster_logged[0][1], 4, "its failure is in the cluster log")

        def test_set_unmanaged_flag_answers_as_a_command(self) -> None:
            self.answer(orchestrator__set_unmanaged_flag={"value": {"value": "done", "operations": []}})
            self.assertEqual(tuple(self.module.set_unmanaged_flag(True)), (0, "done", ""))
            self.answer()
            self.assertEqual(self.module.set_unmanaged_flag(True)[0], -95)

        def test_a_write_has_a_progress_event_until_it_is_effective(self) -> None:
            self.answer(orchestrator__add_host={"value": "Added host 'h1'", "effective_ms": 200})
            self.assertEqual(self.module.add_host(orchestrator.HostSpec("h1")).result, "Added host 'h1'")
            self.assertEqual(len(self.bridge.operations.titles()), 1)
            until("the event to end", lambda: [call[1] for call in self.module.remote_calls] == ["update", "complete"])
            _, _, args, kwargs = self.module.remote_calls[0]
            self.assertEqual(args[1:3], ("orchestrator/add_host of the stand-in", 0.0))
            self.assertEqual(kwargs, {"add_to_ceph_s": True})

        def test_an_operation_that_is_effective_at_once_leaves_no_event_behind(self) -> None:
            self.answer(orchestrator__add_host={"value": "ok", "effective_ms": 0})
            for n in range(20):
                self.module.add_host(orchestrator.HostSpec(f"h{n}"))
            until("all events to end", lambda: [call[1] for call in self.module.remote_calls].count("complete") == 20)
            self.assertEqual(self.bridge.operations.titles(), {})

        def test_a_hanging_method_ends_at_its_deadline(self) -> None:
            self.module.options["call_timeout"] = 1
            self.answer(orchestrator__get_hosts={"do": "hang"})
            began = time.monotonic()
            with self.assertRaisesRegex(
                orchestrator.OrchestratorError, "^timed out after 1 s in stand-in.getHosts: Node did not answer$"
            ):
                orchestrator.raise_if_exception(self.module.get_hosts())
            self.assertLess(time.monotonic() - began, 4)

        def test_a_killed_process_ends_its_calls_and_the_next_call_works(self) -> None:
            self.answer(orchestrator__get_hosts={"do": "hang"}, orchestrator__get_facts={"value": []})
            results: List[Any] = []
            thread = threading.Thread(target=lambda: results.append(self.module.get_hosts()))
            thread.start()
            until("the call to be sent", lambda: self.supervisor.connection.pending == 1)
            began = time.monotonic()
            os.kill(self.supervisor.hello["pid"], signal.SIGKILL)
            thread.join(5)
            self.assertLess(time.monotonic() - began, 1)
            with self.assertRaisesRegex(orchestrator.OrchestratorError, "was killed by SIGKILL"):
                orchestrator.raise_if_exception(results[0])
            self.assertEqual(orchestrator.raise_if_exception(self.module.get_facts()), [])


if not MODERN:

    class Classic(RunningTest):
        def waited(self, *completions: Any) -> Any:
            self.assertIs(self.module.wait(list(completions)), True)
            return completions[0] if len(completions) == 1 else completions

        def test_a_read_is_complete_after_wait_and_not_before(self) -> None:
            self.answer(classic__get_hosts={"value": [{"name": "h1", "devices": []}]})
            completion = self.module.get_hosts()
            self.assertEqual((completion.is_read, completion.is_complete, completion.should_wait), (True, False, True))
            self.waited(completion)
            self.assertEqual((completion.is_complete, completion.should_wait), (True, False))
            self.assertEqual(completion.result[0].name, "h1")

        def test_many_completions_are_one_batch(self) -> None:
            self.answer(
                classic__get_hosts={"value": []}, classic__add_host={"value": {"value": "ok", "operations": []}}
            )
            asked: List[Dict[str, Any]] = []
            connection = self.supervisor.connection
            call = connection.call
            connection.call = lambda method, params, *more, **named: (
                asked.append(params) if method == "bridge/wait" else None,
                call(method, params, *more, **named),
            )[1]
            self.waited(self.module.get_hosts(), self.module.add_host("h1"), self.module.add_host("h2"))
            self.assertEqual([len(params["calls"]) for params in asked], [3])

        def test_a_write_is_persistent_then_effective(self) -> None:
            self.answer(classic__add_host={"value": "Added", "effective_ms": 300})
            completion = self.module.add_host("h1")
            self.assertEqual(
                (completion.is_persistent, completion.is_effective, str(completion)), (False, False, "add host h1")
            )
            self.waited(completion)
            self.assertEqual((completion.is_persistent, completion.is_effective), (True, False))
            self.assertEqual(
                (completion.result, completion.is_complete, completion.should_wait), ("Added", False, False)
            )
            until("it to be effective", lambda: completion.is_effective)
            self.assertTrue(completion.is_complete)
            wanted = ("progress", "complete", (completion.progress_id,), {})
            until("the event to end", lambda: wanted in self.module.remote_calls)

        @mock.patch("orchbridge.second_stages.COMPLETED_AGAIN_AFTER", 0.5)
        def test_the_end_of_an_event_is_told_once_more_later(self) -> None:
            self.answer(classic__add_host={"value": "Added", "effective_ms": 0})
            completion = self.waited(self.module.add_host("h1"))
            until("it to be effective", lambda: completion.is_effective)

            def times() -> int:
                return [call[1] for call in self.module.remote_calls].count("complete")

            until("the first", lambda: times() == 1)
            until("the second", lambda: times() == 2)

        def test_an_error_is_on_the_completion_with_its_message(self) -> None:
            error = {"code": 1003, "message": "no host h9", "data": {"type": "NotFoundError"}}
            self.answer(classic__remove_host={"error": error})
            completion = self.waited(self.module.remove_host("h9"))
            self.assertEqual(
                (completion.is_errored, completion.is_complete, completion.should_wait), (True, True, False)
            )
            with self.assertRaisesRegex(orchestrator.OrchestratorError, "^no host h9$"):
                orchestrator.raise_if_exception(completion)

        def test_a_method_that_the_backend_lacks_is_not_supported(self) -> None:
            with self.assertRaises(NotImplementedError):
                orchestrator.raise_if_exception(self.waited(self.module.upgrade_status()))

        def test_pairs_of_host_and_network_are_sent_by_name(self) -> None:
            self.answer(classic__update_mons={"value": {"value": "ok", "operations": []}})
            completion = self.module.update_mons(3, [("h1", "10.0.0.0/24"), ("h2", None)])
            (entry,) = self.bridge.completions._submitted.values()
            wanted = [{"host": "h1", "network": "10.0.0.0/24"}, {"host": "h2", "network": None}]
            self.assertEqual(entry.params, {"num": 3, "hosts": wanted})
            self.waited(completion)

        def test_a_wrong_call_gives_a_failed_completion(self) -> None:
            completion = self.waited(self.module.add_host("a", "b", "c"))
            with self.assertRaisesRegex(orchestrator.OrchestratorValidationError, "add_host takes 1 arguments, got 3"):
                orchestrator.raise_if_exception(completion)

        def test_a_killed_process_fails_what_was_waited_for_and_keeps_the_rest(self) -> None:
            self.answer(classic__get_hosts={"value": []}, classic__get_inventory={"value": []})
            kept = self.module.get_inventory()
            os.kill(self.supervisor.hello["pid"], signal.SIGKILL)
            until("the next process", lambda: self.supervisor.starts == 2 and self.module.available()[0])
            self.waited(kept)
            self.assertIsNone(kept.exception)
            self.assertEqual(kept.result, [])

        def test_a_process_that_dies_in_wait_fails_it_at_once(self) -> None:
            connection = self.supervisor.connection
            connection.call("block", {"ms": 10}, 5)
            completion = self.module.get_hosts()
            pid = self.supervisor.hello["pid"]
            os.kill(pid, signal.SIGSTOP)
            thread = threading.Thread(target=self.module.wait, args=([completion],))
            thread.start()
            until("the wait to be sent", lambda: connection.pending == 1)
            os.kill(pid, signal.SIGKILL)
            thread.join(3)
            self.assertFalse(thread.is_alive())
            with self.assertRaisesRegex(orchestrator.OrchestratorError, "was killed by SIGKILL"):
                orchestrator.raise_if_exception(completion)

        def test_what_takes_too_long_is_an_error_at_its_deadline(self) -> None:
            self.module.options["call_timeout"] = 1
            self.module.config_notify()
            until("the option", lambda: self.supervisor.settings.call_timeout == 1)
            until("the module to be available", lambda: self.module.available()[0])
            os.kill(self.supervisor.hello["pid"], signal.SIGSTOP)
            completion = self.waited(self.module.get_hosts())
            with self.assertRaisesRegex(orchestrator.OrchestratorError, "^timed out after 1 s in stand-in.getHosts$"):
                orchestrator.raise_if_exception(completion)

        def test_what_its_owner_drops_is_dropped(self) -> None:
            completion = self.module.add_host("h1")
            progress_id = completion.progress_id
            del completion
            wanted = ("progress", "fail", (progress_id, "its caller dropped it"), {})
            until("the event to end", lambda: wanted in self.module.remote_calls)
            self.assertEqual(self.bridge.completions.counts(), {"submitted": 0, "running": 0})

        def test_what_nobody_waits_for_fails_in_the_end(self) -> None:
            completion = self.module.add_host("h1")
            (entry,) = self.bridge.completions._submitted.values()
            entry.at -= 601
            until("it to fail", lambda: completion.is_errored)
            until("the event to end", lambda: [call[1] for call in self.module.remote_calls] == ["fail"])
