"""The port to the manager: who waits behind whom."""

import threading
import unittest
from typing import Any, Dict, List, Set, Tuple

from .peer import list_log, until

from orchbridge.mgr_port import JOURNAL_THREADS, THREADS, WAITING, MgrPort  # isort: skip
from orchbridge.progress import ProgressEvents  # isort: skip


class Manager:
    """Monitors that answer commands of a backend only when the gate is open."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.held = 0
        self.stored: List[Tuple[str, Any]] = []
        self.writing: Set[int] = set()
        self.journal = threading.Event()
        self.journal.set()
        self.listed = threading.Event()

    def mon_command(self, command: Dict[str, Any], inbuf: Any = None) -> Tuple[int, str, str]:
        del inbuf
        if not command["prefix"].startswith("config-key"):
            self.held += 1
            self.gate.wait(20)
        elif command["prefix"] != "config-key dump":
            self.writing.add(threading.get_ident())
            self.journal.wait(20)
            self.stored.append((command["key"], command.get("val")))
        else:
            self.listed.set()
        return 0, "{}", ""


class Asked:
    """A connection that keeps the answers."""

    def __init__(self) -> None:
        self.answers: Dict[Any, Any] = {}
        self.waited = 0.0

    def respond(self, request_id: Any, result: Any) -> None:
        self.answers[request_id] = result

    def respond_error(self, request_id: Any, code: int, message: str, data: Any, timeout: float = 10.0) -> None:
        self.answers[request_id] = (code, message)
        if code == 1005:
            self.waited = timeout


class WhoWaits(unittest.TestCase):
    def setUp(self) -> None:
        self.manager = Manager()
        self.log, self.logged = list_log("port")
        self.told: List[Any] = []
        events = ProgressEvents(lambda _module, *call, **_more: self.told.append(call), True, self.log)
        self.port = MgrPort(self.manager, events, self.log)  # type: ignore[arg-type]
        self.connection = Asked()
        self.addCleanup(self.manager.gate.set)
        self.addCleanup(self.manager.journal.set)

    def ask(self, request_id: Any, method: str, **params: Any) -> None:
        self.port.request(self.connection, request_id, method, params)  # type: ignore[arg-type]

    def answered(self, *ids: Any) -> None:
        until(f"the answers to {ids}", lambda: all(name in self.connection.answers for name in ids))

    def flood(self) -> None:
        for n in range(THREADS + WAITING + 5):
            self.ask(n, "mgr/command", prefix="pg dump")
        until("all threads to be busy", lambda: self.manager.held == THREADS)

    def test_the_journal_does_not_wait_behind_a_backend_that_floods_the_port(self) -> None:
        self.flood()
        refused = [answer for answer in self.connection.answers.values() if answer[0] == 1005]
        self.assertTrue(refused)
        self.assertEqual(self.connection.waited, 0.0, "that thread reads the messages")
        self.ask("set", "mgr/store_set", key="op/c1", value="v")
        self.ask("list", "mgr/store_list", prefix="op/")
        self.ask("rm", "mgr/store_set", key="op/c1", value=None)
        self.answered("set", "list", "rm")
        self.assertEqual([self.connection.answers[name] for name in ("set", "list", "rm")], [{}, {}, {}])

    def test_other_keys_wait_with_the_rest(self) -> None:
        self.flood()
        self.ask("state", "mgr/store_set", key="state/op/x", value="v")
        code, message = self.connection.answers["state"]
        self.assertEqual(
            (code, message), (1005, f"mgr/store_set: {WAITING} requests to the manager are waiting already")
        )

    def test_what_happens_to_one_key_happens_in_order(self) -> None:
        self.manager.journal.clear()
        for n in range(50):
            self.ask(("a", n), "mgr/store_set", key="op/a", value=str(n))
            self.ask(("b", n), "mgr/store_set", key="op/b", value=str(n))
        self.manager.journal.set()
        self.answered(*((key, n) for key in "ab" for n in range(50)))
        for key in ("mgr/orchbridge/op/a", "mgr/orchbridge/op/b"):
            self.assertEqual([value for name, value in self.manager.stored if name == key], [str(n) for n in range(50)])

    def test_different_keys_are_written_side_by_side(self) -> None:
        self.manager.journal.clear()
        for n in range(100):
            self.ask(n, "mgr/store_set", key=f"op/{n}", value="v")

        until("all threads to be busy", lambda: len(self.manager.writing) == JOURNAL_THREADS)
        self.manager.journal.set()
        self.answered(*range(100))

    def test_a_list_of_the_journal_does_not_overtake_what_a_former_process_writes(self) -> None:
        for n in range(2 * JOURNAL_THREADS):  # whichever thread serves the key
            self.manager.journal.clear()
            self.manager.listed.clear()
            self.ask(("set", n), "mgr/store_set", key=f"op/{n}", value="v")
            self.ask(("list", n), "mgr/store_list", prefix="op/")
            self.assertFalse(self.manager.listed.wait(0.05))
            self.manager.journal.set()
            self.answered(("set", n), ("list", n))

    def test_progress_of_a_process_that_ended_ends_too(self) -> None:
        for event in ("drain", "done"):
            self.ask(event, "mgr/progress", id=event, message="m", fraction=0.5)
            self.answered(event)
        self.ask("end", "mgr/progress", id="done", message="m", fraction=1)
        until("the end", lambda: ("complete", "done") in self.told)
        self.port.connected()
        self.port.connected()
        until("the failure", lambda: ("fail", "drain", "the Node process that told of it has ended") in self.told)
        self.assertEqual([call[0] for call in self.told].count("fail"), 1)

    def test_a_value_is_never_told_in_an_error(self) -> None:
        self.ask(1, "mgr/store_set", key="op/a", value={"password": "MARKED"})
        self.answered(1)
        self.assertEqual(
            self.connection.answers[1], (-32602, "mgr/store_set: value: expected string or null, got dict")
        )


if __name__ == "__main__":
    unittest.main()
