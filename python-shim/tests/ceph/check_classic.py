"""Specs to the wire and answers from it, with the real classes of 14.2."""

import unittest
from typing import Any

import orchestrator

from orchbridge.errors import to_exception
from orchbridge.failure import WireError
from orchbridge.generated.methods import ERRORS
from orchbridge.native import to_native
from orchbridge.wire import to_wire


class ToWire(unittest.TestCase):
    def test_drive_groups(self) -> None:
        group = orchestrator.DriveGroupSpec("h*", data_devices=orchestrator.DeviceSelection(paths=["/dev/sdb"]))
        wire = to_wire(group, "drive_group")
        self.assertEqual(wire["host_pattern"], "h*")
        self.assertEqual(wire["data_devices"]["paths"], ["/dev/sdb"])
        self.assertIsNone(wire["db_devices"])
        self.assertEqual((wire["objectstore"], wire["encrypted"], wire["osd_id_claims"]), ("bluestore", False, {}))

    def test_stateless_services_filters_and_upgrades(self) -> None:
        spec = orchestrator.StatelessServiceSpec()
        spec.name, spec.extended = "n1", {"pool": "p"}
        wanted = {"placement": {"label": None}, "name": "n1", "count": 1, "extended": {"pool": "p"}}
        self.assertEqual(to_wire(spec, "spec"), wanted)
        self.assertEqual(to_wire(orchestrator.InventoryFilter(nodes=["h1"]), "f"), {"labels": None, "nodes": ["h1"]})
        self.assertEqual(to_wire(orchestrator.UpgradeSpec(), "u"), {"target_version": None})


class FromWire(unittest.TestCase):
    def test_inventory(self) -> None:
        device = {"type": "hdd", "blank": True, "id": "/dev/sdb", "size": 1000, "rotates": True, "available": True}
        (node,) = to_native("InventoryNode[]", [{"name": "h1", "devices": [{**device, "unheard_of": 1}]}])
        self.assertIs(type(node), orchestrator.InventoryNode)
        self.assertEqual({key: node.to_json()["devices"][0][key] for key in device}, device)
        self.assertIn("/dev/sdb", node.devices[0].pretty_print())

    def test_services_can_be_sorted_whatever_they_lack(self) -> None:
        rows = to_native(
            "ClassicServiceDescription[]", [{"service_type": "mds", "nodename": "h1"}, {"service_type": "mds"}]
        )
        rows.sort(key=lambda row: (row.service_type, row.nodename, row.service_instance))
        self.assertEqual([row.nodename for row in rows], ["", "h1"])

    def test_upgrade_status(self) -> None:
        status = to_native(
            "ClassicUpgradeStatusSpec", {"in_progress": True, "services_complete": ["mon"], "message": "m"}
        )
        self.assertEqual((status.in_progress, status.services_complete, status.message), (True, ["mon"], "m"))


class Errors(unittest.TestCase):
    def test_the_message_reaches_the_caller_as_14_2_copies_exceptions(self) -> None:
        for code, row in ERRORS.items():
            completion: Any = orchestrator.TrivialReadCompletion(None)
            completion.exception = to_exception(WireError(code, "no host h9", {"type": row.type}))
            with self.assertRaises(Exception) as caught:
                orchestrator.raise_if_exception(completion)
            self.assertEqual(type(caught.exception).__name__, row.exception)
            self.assertEqual(str(caught.exception), "no host h9")

    def test_nothing_but_the_message_is_copied(self) -> None:
        # An attribute that is None would make 14.2 raise AttributeError instead.
        exception = to_exception(WireError(1002, "x", {"type": "ValidationError", "errno": 22}))
        self.assertEqual(exception.__dict__, {"args": ("x",)})
