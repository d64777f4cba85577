"""The lead of one manager over the orchestrator, through the real module class."""

import json
import os
import signal
from typing import Any
from unittest import mock

from orchbridge.forward import MODERN
from orchbridge.lease import KEY

from .made import RunningTest, until


class Lead(RunningTest):
    def leases(self) -> Any:
        return self.supervisor.connection.call("leases", {}, 5)

    def test_node_gets_the_token_of_this_load_and_leases(self) -> None:
        until("a lease", self.leases)
        owner = self.supervisor.connection.call("introduction", {}, 5)["owner"]
        key = json.loads(self.module.store[KEY])
        self.assertEqual(key, {"owner": owner, "name": "x", "gid": 4242})
        self.assertLessEqual(self.leases()[0]["ttl_ms"], 10_000)
        self.assertGreater(self.leases()[0]["fence_ms"], 5_000)

    def test_the_next_process_gets_what_is_left_without_a_question(self) -> None:
        until("a lease", self.leases)
        with mock.patch("orchbridge.lease.PERIOD", 30.0):
            until("the thread to sleep longer", lambda: len(self.leases()) >= 2)
            asked = len([cmd for cmd in self.module.mon_commands if cmd["prefix"] == "config-key get"])
            pid = self.supervisor.hello["pid"]
            os.kill(pid, signal.SIGKILL)
            until("the next process", lambda: self.supervisor.hello["pid"] != pid and self.supervisor.connection)
            self.assertEqual(len(self.leases()), 1)
            again = len([cmd for cmd in self.module.mon_commands if cmd["prefix"] == "config-key get"])
            self.assertEqual(again, asked)

    def test_status_tells_of_the_lease(self) -> None:
        until("the lease", lambda: self.bridge.lease.remaining)
        lease = json.loads(self.command("status", format="json").stdout)["lease"]
        self.assertTrue(lease["held"])
        self.assertTrue(0 < lease["seconds_left"] <= 10, lease)
        self.assertEqual(lease["owner"], {"token": self.bridge.lease.token, "name": "x", "gid": 4242})
        self.assertIn("\nLease: held by mgr.x, ", self.command("status").stdout)

    def test_another_manager_that_leads_ends_node_for_good(self) -> None:
        until("a lease", self.leases)
        self.module.leader = {"active_name": "y", "active_gid": 4300}
        self.module.store[KEY] = json.dumps({"owner": "t", "name": "y", "gid": 4300})
        text = "mgr.y has taken over the lead"
        until("the end", lambda: self.supervisor.last_end)
        self.assertEqual(self.supervisor.last_end, f"the Node process was ended: {text}")
        self.assertEqual(self.module.available(), (False, text, {}) if MODERN else (False, text))
        self.assertEqual(self.command("restart").stderr, f"Node does not run: {text}")
        self.assertIn(f"Node: not running ({text})", self.command("status").stdout)
        self.assertIn(f"Lease: not held ({text})", self.command("status").stdout)
        self.assertEqual(self.supervisor.starts, 1)

    def test_a_removed_key_is_claimed_again(self) -> None:
        until("a lease", self.leases)
        del self.module.store[KEY]
        until("the claim", lambda: KEY in self.module.store)
        self.assertTrue(self.module.available()[0])
