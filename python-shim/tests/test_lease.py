"""The lease: claiming, renewing, losing; with monitors that stand in."""

import json
import threading
import time
import unittest
from typing import Any, Dict, List, Optional, Tuple
from unittest import mock

from .peer import list_log, until

from orchbridge import lease as subject  # isort: skip
from orchbridge.failure import ConnectionLost  # isort: skip
from orchbridge.lease import FENCE, KEY, TTL, Lease  # isort: skip


class Monitors:
    """A store and a manager map, for the managers of a test."""

    def __init__(self) -> None:
        self.store: Dict[str, str] = {}
        self.active: Dict[str, Any] = {"active_name": "x", "active_gid": 1}
        self.asked: List[str] = []
        self.error: Optional[Tuple[int, str, str]] = None
        self.quorum = threading.Event()
        self.quorum.set()

    def command(self, cmd: Dict[str, Any]) -> Tuple[int, str, str]:
        self.asked.append(cmd["prefix"])
        self.quorum.wait(20)
        if self.error is not None:
            return self.error
        if cmd["prefix"] == "mgr dump":
            return 0, json.dumps(self.active), ""
        if cmd["prefix"] == "config-key set":
            self.store[cmd["key"]] = cmd["val"]
            return 0, "", "set"
        return (0, self.store[KEY], "") if KEY in self.store else (-2, "", f"no such key '{KEY}'")

    def owner(self) -> Any:
        return json.loads(self.store[KEY])["owner"] if KEY in self.store else None

    def take_over(self, name: str, gid: int) -> None:
        """As another manager does: active first, then it claims."""
        self.active = {"active_name": name, "active_gid": gid}
        self.claim_of(name, gid)

    def claim_of(self, name: str, gid: int) -> None:
        self.store[KEY] = json.dumps({"owner": f"token-{gid}", "name": name, "gid": gid})


class Node:
    """A connection that keeps what it is told."""

    def __init__(self) -> None:
        self.told: List[Dict[str, int]] = []
        self.gone = False

    def notify(self, method: str, params: Dict[str, Any]) -> None:
        assert method == "bridge/lease"
        if self.gone:
            raise ConnectionLost("the Node process was killed")
        self.told.append(params)


class LeaseTest(unittest.TestCase):
    def setUp(self) -> None:
        self.faster(PERIOD=0.02)
        self.monitors = Monitors()
        self.log, self.logged = list_log("lease")
        self.lost: List[str] = []
        self.node = Node()
        self.lease = self.make("x", 1)

    def faster(self, **values: float) -> None:
        for name, value in values.items():
            patch = mock.patch.object(subject, name, value)
            patch.start()
            self.addCleanup(patch.stop)

    def make(self, name: str, gid: Optional[int]) -> Lease:
        lease = Lease(
            identity=lambda: {"name": name, "gid": gid},
            mon_command=self.monitors.command,
            lost=self.lost.append,
            log=self.log,
        )
        self.addCleanup(self.monitors.quorum.set)
        self.addCleanup(lease.stop)
        return lease

    def start(self) -> None:
        self.lease.connected(self.node)
        self.lease.start()
        until("the lease", lambda: self.node.told)

    def tearDown(self) -> None:
        self.assertEqual([text for text in self.logged.texts if "bug" in text], [])


class Claims(LeaseTest):
    def test_the_claim_names_this_load_of_the_module(self) -> None:
        self.start()
        self.assertEqual(json.loads(self.monitors.store[KEY]), {"owner": self.lease.token, "name": "x", "gid": 1})
        self.assertEqual(self.monitors.asked[:3], ["config-key set", "mgr dump", "config-key get"])

    def test_it_is_made_once_and_then_only_looked_at(self) -> None:
        self.start()
        until("some renewals", lambda: len(self.node.told) > 5)
        self.assertEqual(self.monitors.asked.count("config-key set"), 1)
        self.assertEqual(self.monitors.asked.count("mgr dump"), 1)

    def test_its_owner_is_known_while_a_key_that_was_removed_is_claimed_again(self) -> None:
        self.start()
        owners: List[Any] = []
        command = self.monitors.command

        def noting(cmd: Dict[str, Any]) -> Tuple[int, str, str]:
            owners.append(self.lease.owner)
            return command(cmd)

        self.lease._mon_command = noting
        del self.monitors.store[KEY]
        until("the second claim", lambda: self.monitors.owner() == self.lease.token)
        self.assertNotIn(None, owners)

    def test_it_takes_over_from_whoever_was_there_and_fences_him_off(self) -> None:
        self.monitors.claim_of("y", 7)
        self.start()
        self.assertEqual(self.lost, [])
        ttl, fence = self.node.told[0]["ttl_ms"], self.node.told[0]["fence_ms"]
        self.assertTrue(TTL * 1000 - 2000 < ttl <= TTL * 1000, ttl)
        self.assertTrue(FENCE * 1000 - 2000 < fence <= FENCE * 1000, fence)
        self.assertFalse(self.lease.settled)

    def test_the_fence_goes_down_to_nothing(self) -> None:
        self.faster(FENCE=0.2)
        self.start()
        until("the fence to be gone", lambda: self.node.told[-1]["fence_ms"] == 0)
        self.assertTrue(self.lease.settled)

    def test_two_loads_have_two_tokens(self) -> None:
        self.assertNotEqual(self.lease.token, self.make("x", 2).token)

    def test_a_claim_that_arrives_when_another_manager_leads_gives_no_lease(self) -> None:
        self.monitors.take_over("y", 7)
        self.lease.connected(self.node)
        self.lease.start()
        until("the loss", lambda: self.lost)
        self.assertEqual((self.lost, self.node.told), (["mgr.y has taken over the lead"], []))

    def test_nothing_is_asked_before_the_start(self) -> None:
        self.lease.connected(self.node)
        self.assertEqual((self.monitors.asked, self.node.told, self.lease.remaining), ([], [], 0))


class Renews(LeaseTest):
    def test_a_new_process_gets_the_rest_at_once(self) -> None:
        self.start()
        self.monitors.quorum.clear()
        before = len(self.monitors.asked)
        until("the monitors to be asked in vain", lambda: len(self.monitors.asked) > before)
        other = Node()
        self.lease.connected(other)
        self.assertEqual(len(other.told), 1)
        self.assertTrue(0 < other.told[0]["ttl_ms"] <= TTL * 1000)

    def test_a_process_that_is_gone_disturbs_nothing(self) -> None:
        self.start()
        self.node.gone = True
        before = len(self.monitors.asked)
        until("more renewals", lambda: len(self.monitors.asked) > before + 3)
        other = Node()
        self.lease.connected(other)
        until("its renewals", lambda: len(other.told) > 3)

    def test_monitors_without_quorum_let_it_run_out_and_nobody_waits_for_them(self) -> None:
        self.faster(TTL=0.4)
        self.start()
        self.monitors.quorum.clear()
        until("the lease to run out", lambda: self.lease.remaining == 0)
        until("the reason", lambda: (self.lease.problem or "").startswith("the monitors have not answered for"))
        began = time.monotonic()
        self.lease.connected(Node())
        self.lease.stop()
        self.assertLess(time.monotonic() - began, 0.2)

    def test_it_goes_on_when_the_monitors_do(self) -> None:
        self.faster(TTL=0.4)
        self.start()
        self.monitors.quorum.clear()
        until("the lease to run out", lambda: self.lease.remaining == 0)
        told = len(self.node.told)
        self.monitors.quorum.set()
        until("the lease", lambda: len(self.node.told) > told + 2)
        self.assertEqual((self.lost, self.lease.problem), ([], None))

    def test_the_time_that_the_monitors_took_is_taken_off(self) -> None:
        self.start()
        self.monitors.quorum.clear()
        before = len(self.monitors.asked)
        until("the question", lambda: len(self.monitors.asked) > before)
        asked, told = time.monotonic(), len(self.node.told)
        until("some time to pass", lambda: time.monotonic() - asked > 0.5)
        self.monitors.quorum.set()
        until("the renewal", lambda: len(self.node.told) > told)
        self.assertLess(self.node.told[told]["ttl_ms"], (TTL - 0.5) * 1000 + 100)

    def test_an_error_is_no_renewal_and_is_told_once(self) -> None:
        self.faster(TTL=0.3)
        self.start()
        self.monitors.error = (-13, "", "access denied")
        until("the lease to run out", lambda: self.lease.remaining == 0)
        self.assertEqual(self.lease.problem, "config-key get: access denied")
        self.assertEqual([text for text in self.logged.texts if "access denied" in text], self.logged.texts)
        self.assertEqual(len(self.logged.texts), 1)
        self.monitors.error = None
        until("the lease", lambda: self.lease.remaining > 0)
        self.assertEqual(self.lost, [])


class Loses(LeaseTest):
    def test_another_manager_is_named_and_nothing_more_is_asked_or_granted(self) -> None:
        self.start()
        self.monitors.take_over("y", 7)
        until("the loss", lambda: self.lost)
        until("the thread to end", lambda: not [t for t in threading.enumerate() if t.name == "orchbridge-lease"])
        other = Node()
        self.lease.connected(other)
        self.assertEqual((self.lost, other.told), (["mgr.y has taken over the lead"], []))
        self.assertEqual((self.lease.remaining, self.lease.problem), (0, self.lost[0]))
        self.assertEqual(self.monitors.owner(), "token-7")

    def test_a_manager_that_replaced_itself_is_told_as_such(self) -> None:
        self.start()
        self.monitors.take_over("x", 8)
        until("the loss", lambda: self.lost)
        self.assertEqual(self.lost, ["a new process of mgr.x has taken over the lead"])

    def test_a_key_that_vanished_is_claimed_again(self) -> None:
        self.start()
        fence = self.lease.fence
        del self.monitors.store[KEY]
        until("the claim", lambda: self.monitors.owner() == self.lease.token)
        self.assertEqual(self.lost, [])
        self.assertLessEqual(self.lease.fence, fence, "nobody else has led since")

    def test_a_key_out_of_a_backup_or_of_a_manager_that_hung_is_claimed_again(self) -> None:
        self.start()
        for value in ('{"owner": "token-5", "name": "y", "gid": 5}', "", "[]", "{"):
            self.monitors.store[KEY] = value
            until("the claim", lambda: self.lease.token in self.monitors.store[KEY])
        told = len(self.node.told)
        until("renewals", lambda: len(self.node.told) > told)
        self.assertEqual(self.lost, [])

    def test_a_key_that_vanished_when_another_manager_leads_is_left_alone(self) -> None:
        self.start()
        del self.monitors.store[KEY]
        self.monitors.active = {"active_name": "y", "active_gid": 7}
        until("the loss", lambda: self.lost)
        self.assertNotIn(KEY, self.monitors.store)

    def test_without_an_active_manager_nothing_is_decided(self) -> None:
        self.start()
        self.monitors.active = {"active_name": "", "active_gid": 0}
        del self.monitors.store[KEY]
        until("the problem", lambda: self.lease.problem == "mgr dump: no active manager is named")
        self.assertEqual(self.lost, [])

    def test_of_two_managers_the_active_one_wins(self) -> None:
        self.start()
        other = self.make("y", 7)
        node = Node()
        other.connected(node)
        self.monitors.active = {"active_name": "y", "active_gid": 7}
        other.start()
        until("the loss", lambda: self.lost)
        until("the other's lease", lambda: node.told)
        self.assertEqual(self.lost, ["mgr.y has taken over the lead"])

    def test_a_manager_that_does_not_know_itself_goes_by_the_key(self) -> None:
        self.lease = self.make("x", None)
        self.start()
        del self.monitors.store[KEY]
        until("the claim", lambda: self.monitors.owner() == self.lease.token)
        self.monitors.claim_of("y", 7)
        until("the loss", lambda: self.lost)
        self.assertNotIn("mgr dump", self.monitors.asked)


if __name__ == "__main__":
    unittest.main()
