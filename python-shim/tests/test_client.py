"""A Python program with a backend in the real Node process: how it starts and ends, and what goes wrong."""

import os
import signal
import subprocess
import sys
import threading
import unittest
from unittest import mock

from .installed import HELD, ClientTest, cluster, module_folder
from .peer import NODE, alive, until

from orchbridge.client.completions import SHAPES  # isort: skip
from orchbridge.failure import BadAnswer  # isort: skip
from orchbridge.generated.methods import CLASSIC  # isort: skip
from orchbridge.client import (  # isort: skip
    DriveGroupSpec,
    Orchestrator,
    OrchestratorError,
    OrchestratorValidationError,
    OsdCreationSpec,
)

SPEC = OsdCreationSpec(node="node1", drive_group=DriveGroupSpec(devices=["/dev/sdb"]))


def node_pid(orchestrator: Orchestrator) -> int:
    pid: int = orchestrator._session.supervisor.hello["pid"]
    return pid


class Start(ClientTest):
    def test_an_unknown_backend_is_refused(self) -> None:
        with self.assertRaisesRegex(OrchestratorValidationError, '^backend: there is no built-in backend "nonsense"'):
            self.start({}, "nonsense")

    def test_wrong_options_are_refused_with_their_place(self) -> None:
        with self.assertRaisesRegex(
            OrchestratorValidationError, r"^backend_options.hosts\[0\].hostname: expected string, got 7"
        ):
            self.start({"hosts": [{"hostname": 7}]})

    def test_options_that_are_no_json_are_refused_with_their_place(self) -> None:
        with self.assertRaisesRegex(OrchestratorValidationError, r"^options.hosts\[0\]: cannot send a object$"):
            self.start({"hosts": [object()]})

    def test_a_timeout_out_of_bounds_is_refused(self) -> None:
        with self.assertRaisesRegex(
            OrchestratorValidationError, "^call_timeout: expected seconds from 1 to 3600, got 0"
        ):
            self.start(call_timeout=0)

    def test_another_node_is_named_by_a_parameter(self) -> None:
        with self.assertRaisesRegex(
            OrchestratorError, r"cannot run /dev/null: .*; name another: Orchestrator\(…, node="
        ):
            self.start(node="/dev/null")
        self.assertEqual(self.start(node=NODE).available(), (True, ""))

    def test_a_process_that_ends_at_its_start_is_told(self) -> None:
        with self.assertRaisesRegex(OrchestratorError, "^the Node process exited with code 3"):
            self.start({"create": "ends"}, HELD)

    def test_a_backend_that_cannot_reach_its_orchestrator_is_unavailable_and_may_come(self) -> None:
        orchestrator = self.start({"create": "throws"}, HELD)
        self.assertEqual(orchestrator.available(), (False, "no route to the orchestrator"))
        available = orchestrator.upgrade_available()
        orchestrator.wait([available])
        with self.assertRaisesRegex(OrchestratorError, "^no route to the orchestrator$"):
            available.get_result()

    def test_a_backend_file_may_be_named_by_a_relative_path(self) -> None:
        self.assertEqual(self.start({}, os.path.relpath(HELD)).available(), (True, ""))

    def test_nothing_is_left_of_a_start_that_failed(self) -> None:
        before = threading.active_count()
        with self.assertRaises(OrchestratorError):
            self.start({}, "nonsense")
        until("its threads to end", lambda: threading.active_count() <= before, 60)


class End(ClientTest):
    def test_close_ends_the_process_and_its_threads(self) -> None:
        before = threading.active_count()
        with self.start() as orchestrator:
            pid = node_pid(orchestrator)
            self.assertTrue(alive(pid))
        self.assertFalse(alive(pid))
        until("its threads to end", lambda: threading.active_count() <= before, 60)
        orchestrator.close()

    def test_the_process_ends_with_a_program_that_is_killed(self) -> None:
        script = (
            "import sys, time; sys.path.insert(0, sys.argv[1])\n"
            "from orchbridge.client import Orchestrator\n"
            "orchestrator = Orchestrator('memory')\n"
            "print(orchestrator._session.supervisor.hello['pid'], flush=True)\n"
            "time.sleep(600)\n"
        )
        command = [sys.executable, "-c", script, os.path.dirname(module_folder())]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as program:
            assert program.stdout is not None
            pid = int(program.stdout.readline())
            self.assertTrue(alive(pid))
            program.kill()
        until("the Node process to end", lambda: not alive(pid), 60)

    def test_a_program_may_end_without_closing(self) -> None:
        script = (
            "import sys; sys.path.insert(0, sys.argv[1])\n"
            "from orchbridge.client import Orchestrator\n"
            "orchestrator = Orchestrator('memory')\n"
            "print(orchestrator._session.supervisor.hello['pid'], repr(orchestrator.upgrade_available()))\n"
        )
        command = [sys.executable, "-c", script, os.path.dirname(module_folder())]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
        pid, _, shown = ended.stdout.strip().partition(" ")
        self.assertEqual((shown, ended.stderr), ("<ReadCompletion upgrade available: not waited for>", ""))
        until("the Node process to end", lambda: not alive(int(pid)), 60)

    def test_an_installed_module_needs_the_standard_library_only(self) -> None:
        script = (
            "import sys; sys.path.insert(0, sys.argv[1]); before = set(sys.modules)\n"
            "import orchbridge.client as client\n"
            "with client.Orchestrator('memory') as orchestrator: available = orchestrator.available()\n"
            "packages = {name.partition('.')[0] for name in set(sys.modules) - before} - {'orchbridge', '__future__'}\n"
            "names = getattr(sys, 'stdlib_module_names', packages)\n"
            "print(available, sorted(packages - set(names)))\n"
        )
        command = [sys.executable, "-I", "-c", script, os.path.dirname(module_folder())]
        answer = subprocess.run(command, capture_output=True, text=True, check=True, env={"PATH": os.environ["PATH"]})
        self.assertEqual((answer.stdout, answer.stderr), ("(True, '') []\n", ""))


class Failures(ClientTest):
    def test_the_next_process_finishes_what_is_persistent_when_one_dies(self) -> None:
        orchestrator = self.start({}, HELD)
        created = orchestrator.create_osds(SPEC)
        orchestrator.wait([created])
        self.assertEqual((created.is_persistent, created.is_effective), (True, False))
        former = node_pid(orchestrator)
        os.kill(former, signal.SIGKILL)
        self.assertTrue(orchestrator.wait_effective([created], 120))
        self.assertTrue(created.is_effective)
        self.assertNotEqual(node_pid(orchestrator), former)

    def test_what_a_backend_keeps_outlives_its_process_and_there_is_no_cluster_to_ask(self) -> None:
        orchestrator = self.start({}, HELD)
        first = orchestrator.upgrade_available()
        orchestrator.wait([first])
        self.assertEqual(first.get_result()[0], "null")
        no_map = "no cluster here: the backend is used by a Python program, so there is no osd_map"
        self.assertIn(no_map, first.get_result()[1])
        os.kill(node_pid(orchestrator), signal.SIGKILL)
        until("the next process", lambda: orchestrator._session.supervisor.starts == 2, 60)
        until("the backend", lambda: orchestrator.available()[0], 60)
        second = orchestrator.upgrade_available()
        orchestrator.wait([second])
        self.assertEqual(second.get_result()[0], "13.2.10")

    def test_a_call_that_is_under_way_when_the_process_dies_is_errored(self) -> None:
        orchestrator = self.start(cluster(faults={"getInventory": "exit"}))
        inventory = orchestrator.get_inventory()
        self.assertTrue(orchestrator.wait([inventory]))
        self.assertTrue(inventory.is_errored and inventory.is_complete)
        with self.assertRaisesRegex(OrchestratorError, "^the Node process exited with code "):
            inventory.get_result()

    def test_a_method_that_the_backend_has_not_is_told_as_such(self) -> None:
        orchestrator = self.start({}, HELD)
        inventory, available = orchestrator.get_inventory(), orchestrator.upgrade_available()
        orchestrator.wait([inventory, available])
        self.assertIs(type(inventory.exception), NotImplementedError)
        self.assertFalse(available.is_errored, "an error of one completion is no error of another")

    def test_a_backend_that_hangs_is_given_up_at_the_deadline(self) -> None:
        orchestrator = self.start(cluster(faults={"getInventory": "hang"}), call_timeout=1)
        inventory = orchestrator.get_inventory()
        orchestrator.wait([inventory])
        with self.assertRaisesRegex(OrchestratorError, "^timed out after 1 s in memory.getInventory") as caught:
            inventory.get_result()
        self.assertEqual(caught.exception.errno, 110)

    def test_a_write_may_fail_after_it_was_persistent(self) -> None:
        orchestrator = self.start(cluster(faults={"createOsds": "fail"}))
        created = orchestrator.create_osds(SPEC)
        self.assertTrue(orchestrator.wait_effective([created], 60))
        self.assertEqual((created.is_persistent, created.is_effective, created.is_errored), (True, False, True))
        with self.assertRaises(OrchestratorError):
            created.get_result()

    def test_what_cannot_be_sent_is_an_error_of_its_completion_with_its_place(self) -> None:
        orchestrator = self.start()
        created = orchestrator.create_osds(OsdCreationSpec(node="node1", extended={"at": object()}))
        self.assertTrue(created.is_errored)
        self.assertTrue(orchestrator.wait([created]))
        with self.assertRaisesRegex(OrchestratorValidationError, "osd_spec.extended.at: cannot send a object"):
            created.get_result()

    def test_an_answer_of_another_shape_is_an_error_that_names_the_class(self) -> None:
        for answer in (None, [{"name": "node1"}], ["node1"]):
            with self.assertRaisesRegex(BadAnswer, r"^InventoryNode\[\]: the answer has another shape: "):
                SHAPES.native(CLASSIC["get_inventory"], answer)

    def test_a_node_that_is_missing_is_told_with_the_cure(self) -> None:
        nowhere = mock.patch("orchbridge.client.session.program_folder", lambda: "/nowhere/orchbridge")
        missing = "^/nowhere/orchbridge/js/main.mjs is missing: run npx "
        with nowhere, self.assertRaisesRegex(OrchestratorError, missing):
            Orchestrator("memory")


if __name__ == "__main__":
    unittest.main()
