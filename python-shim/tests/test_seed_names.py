"""Every name of Ceph's first document on orchestrator modules, used through the real Node process.

`fixtures/seed-names.txt` lists the names; `uses` says which test uses which, and the last class compares the two.
"""

import inspect
import json
import os
import unittest
from typing import Any, Callable, Dict, List, Set, TypeVar

from .installed import HELD, ROOT, ClientTest, cluster
from .peer import HERE

from orchbridge import client  # isort: skip
from orchbridge.client import (  # isort: skip
    DriveGroupSpec,
    InventoryDevice,
    InventoryFilter,
    InventoryNode,
    Orchestrator,
    OsdCreationSpec,
    PlacementSpec,
    ReadCompletion,
    ServiceDescription,
    ServiceLocation,
    StatelessServiceSpec,
    UpgradeSpec,
    UpgradeStatusSpec,
    WriteCompletion,
)

F = TypeVar("F", bound=Callable[..., Any])
# Name to the tests that use it.
USED: Dict[str, List[Callable[..., Any]]] = {}


def uses(*names: str) -> Callable[[F], F]:
    def mark(test: F) -> F:
        for name in names:
            USED.setdefault(name, []).append(test)
        return test

    return mark


def osds(node: str, *devices: str, **more: Any) -> OsdCreationSpec:
    return OsdCreationSpec(format="bluestore", node=node, drive_group=DriveGroupSpec(devices=list(devices)), **more)


class SeedTest(ClientTest):
    def locations(self, orchestrator: Orchestrator, service_type: str, service_id: str) -> List[Any]:
        described = orchestrator.describe_service(service_type, service_id)
        orchestrator.wait([described])
        return sorted((place.nodename, place.daemon_name) for place in described.get_result().locations)

    def effective(self, orchestrator: Orchestrator, *writes: WriteCompletion) -> List[str]:
        self.assertTrue(orchestrator.wait_effective(writes, 60))
        return [write.get_result() for write in writes]


class Completions(SeedTest):
    @uses("completion", "ReadCompletion", "Orchestrator.wait")
    def test_a_read_completion_is_complete_once_it_was_waited_for(self) -> None:
        orchestrator = self.start()
        completion = orchestrator.upgrade_available()
        self.assertIs(type(completion), ReadCompletion)
        self.assertTrue(completion.is_read)
        self.assertEqual((completion.is_complete, completion.should_wait, completion.result), (False, True, None))
        with self.assertRaisesRegex(client.OrchestratorError, "upgrade available: there is no result yet"):
            completion.get_result()
        self.assertIs(orchestrator.wait([completion]), True)
        self.assertEqual((completion.is_complete, completion.is_errored, completion.should_wait), (True, False, False))
        self.assertEqual(completion.get_result(), completion.result)
        self.assertIs(orchestrator.wait([completion]), True)

    @uses("WriteCompletion", "persistent", "effective")
    def test_a_write_completion_is_persistent_before_it_is_effective(self) -> None:
        orchestrator = self.start({}, HELD)
        completion = orchestrator.create_osds(osds("node1", "/dev/sdb"))
        self.assertIs(type(completion), WriteCompletion)
        self.assertFalse(completion.is_read)
        self.assertEqual((completion.is_persistent, completion.is_effective, completion.progress), (False, False, 0.0))
        orchestrator.wait([completion])
        self.assertEqual((completion.is_persistent, completion.is_effective), (True, False))
        self.assertEqual((completion.should_wait, completion.is_complete, completion.is_errored), (False, False, False))
        self.assertEqual(completion.get_result(), "Created")
        self.assertFalse(orchestrator.wait_effective([completion], 0.01))
        # In this backend, OSDs come up when others are removed.
        orchestrator.wait([orchestrator.remove_osds("node1", ["0"])])
        self.assertTrue(orchestrator.wait_effective([completion], 60))
        self.assertEqual((completion.is_effective, completion.is_complete, completion.progress), (True, True, 1.0))

    @uses("batching")
    def test_nothing_is_done_before_wait_and_what_is_waited_for_together_is_one_batch(self) -> None:
        orchestrator = self.start()
        created = orchestrator.create_osds(osds("node1", "/dev/sdb"))
        before = orchestrator.describe_service("osd", "0")
        orchestrator.wait([before])
        self.assertEqual(before.get_result().locations, [])
        self.assertFalse(created.is_persistent)
        rest = [orchestrator.create_osds(osds(node, "/dev/sdb")) for node in ("node2", "node3")]
        self.assertTrue(orchestrator.wait_effective([created, *rest]))
        # The writes of a batch are done in its order.
        texts = [f"Created osd(s) {at} on host 'node{at + 1}'" for at in range(3)]
        self.assertEqual([write.get_result() for write in (created, *rest)], texts)

    @uses("Orchestrator.available", "Orchestrator")
    def test_available_is_answered_without_a_completion(self) -> None:
        with self.start() as orchestrator:
            self.assertIs(type(orchestrator), Orchestrator)
            self.assertEqual(orchestrator.available(), (True, ""))
        with self.assertRaisesRegex(client.OrchestratorError, "this Orchestrator is closed"):
            orchestrator.available()


class Inventory(SeedTest):
    @uses("Orchestrator.get_inventory", "InventoryNode", "InventoryDevice")
    def test_the_inventory_lists_the_devices_of_the_nodes(self) -> None:
        orchestrator = self.start()
        inventory = orchestrator.get_inventory()
        orchestrator.wait([inventory])
        nodes = inventory.get_result()
        self.assertEqual({type(node) for node in nodes}, {InventoryNode})
        self.assertEqual([node.name for node in nodes], ["node1", "node2", "node3"])
        self.assertEqual({type(found) for found in nodes[0].devices}, {InventoryDevice})
        seen = sorted((found.id, found.type, found.blank, found.size) for found in nodes[0].devices)
        size = 4_000_000_000_000
        wanted = [("/dev/nvme0n1", "nvme"), ("/dev/sdb", "hdd"), ("/dev/sdc", "ssd")]
        self.assertEqual(seen, [(path, kind, True, size) for path, kind in wanted])
        # What Nautilus added is not told to Mimic.
        self.assertEqual({(found.rotates, found.available, found.dev_id) for found in nodes[0].devices}, {(None,) * 3})
        self.assertEqual(nodes[0].devices[0].extended["path"], nodes[0].devices[0].id)

    @uses("InventoryFilter", "label")
    def test_an_inventory_filter_chooses_by_name_and_by_label(self) -> None:
        orchestrator = self.start()
        by_name = orchestrator.get_inventory(InventoryFilter(nodes=["node3"]))
        by_label = orchestrator.get_inventory(InventoryFilter(labels=["fast"]))
        orchestrator.wait([by_name, by_label])
        self.assertEqual([node.name for node in by_name.get_result()], ["node3"])
        self.assertEqual([node.name for node in by_label.get_result()], ["node1", "node2"])

    @uses("source of truth")
    def test_the_inventory_is_the_backends_own_and_never_a_copy(self) -> None:
        orchestrator = self.start()
        self.effective(orchestrator, orchestrator.create_osds(osds("node1", "/dev/sdb")))
        inventory = orchestrator.get_inventory(InventoryFilter(nodes=["node1"]))
        orchestrator.wait([inventory])
        blank = {found.id: found.blank for found in inventory.get_result()[0].devices}
        self.assertEqual(blank, {"/dev/sdb": False, "/dev/sdc": True, "/dev/nvme0n1": True})

    @uses("Orchestrator.describe_service", "ServiceDescription", "ServiceLocation", "stateful service")
    def test_a_service_is_described_by_the_locations_of_its_daemons(self) -> None:
        orchestrator = self.start()
        self.effective(orchestrator, orchestrator.create_osds(osds("node2", "/dev/sdb")))
        described = orchestrator.describe_service("osd", "0")
        unknown = orchestrator.describe_service("osd", "77")
        orchestrator.wait([described, unknown])
        self.assertIs(type(described.get_result()), ServiceDescription)
        (place,) = described.get_result().locations
        self.assertIs(type(place), ServiceLocation)
        self.assertEqual((place.nodename, place.daemon_name), ("node2", "0"))
        self.assertTrue(place.container_id)
        self.assertEqual(unknown.get_result(), ServiceDescription(locations=[]))


class StatelessServices(SeedTest):
    @uses("stateless service")
    def test_a_stateless_service_is_added_updated_and_removed(self) -> None:
        orchestrator = self.start()
        spec = StatelessServiceSpec(name="home", min_size=1, max_size=3)
        self.effective(orchestrator, orchestrator.add_stateless_service("mds", spec))
        self.assertEqual(len(self.locations(orchestrator, "mds", "home")), 1)
        spec.min_size = 2
        self.effective(orchestrator, orchestrator.update_stateless_service("mds", "home", spec))
        self.assertEqual(len(self.locations(orchestrator, "mds", "home")), 2)
        self.effective(orchestrator, orchestrator.remove_stateless_service("mds", "home"))
        self.assertEqual(self.locations(orchestrator, "mds", "home"), [])

    @uses("placement")
    def test_where_it_runs_is_left_to_the_orchestrator_or_told_by_a_label(self) -> None:
        orchestrator = self.start()
        anywhere = StatelessServiceSpec(name="zone", count=3)
        told = StatelessServiceSpec(name="home", count=2, placement=PlacementSpec(label="fast"))
        self.effective(
            orchestrator,
            orchestrator.add_stateless_service("rgw", anywhere),
            orchestrator.add_stateless_service("mds", told),
        )
        hosts = [node for node, _ in self.locations(orchestrator, "rgw", "zone")]
        self.assertEqual(hosts, ["node1", "node2", "node3"])
        self.assertEqual([node for node, _ in self.locations(orchestrator, "mds", "home")], ["node1", "node2"])

    def test_a_service_keeps_its_name(self) -> None:
        orchestrator = self.start()
        completion = orchestrator.update_stateless_service("mds", "home", StatelessServiceSpec(name="other"))
        orchestrator.wait([completion])
        with self.assertRaisesRegex(client.OrchestratorValidationError, "id_: expected other, .* got home"):
            completion.get_result()


class Osds(SeedTest):
    @uses("Orchestrator.create_osds", "OsdCreationSpec", "DriveGroupSpec", "drive group")
    def test_create_osds_makes_one_on_each_device_of_the_drive_group(self) -> None:
        orchestrator = self.start()
        group = DriveGroupSpec(devices=["/dev/sdb", "/dev/sdc"])
        spec = OsdCreationSpec(format="bluestore", node="node1", drive_group=group)
        texts = self.effective(orchestrator, orchestrator.create_osds(spec))
        self.assertEqual(texts, ["Created osd(s) 0,1 on host 'node1'"])
        self.assertEqual(self.locations(orchestrator, "osd", "1"), [("node1", "1")])

    @uses("Orchestrator.replace_osds")
    def test_replace_osds_gives_the_new_osd_the_id_of_the_old_one(self) -> None:
        orchestrator = self.start()
        self.effective(orchestrator, orchestrator.create_osds(osds("node1", "/dev/sdb", "/dev/sdc")))
        spec = osds("node1", "/dev/nvme0n1", osd_id_claims={"/dev/nvme0n1": 1})
        self.assertEqual(
            self.effective(orchestrator, orchestrator.replace_osds(spec)), ["Created osd(s) 1 on host 'node1'"]
        )
        inventory = orchestrator.get_inventory(InventoryFilter(nodes=["node1"]))
        orchestrator.wait([inventory])
        blank = {found.id: found.blank for found in inventory.get_result()[0].devices}
        self.assertEqual(blank, {"/dev/sdb": False, "/dev/sdc": True, "/dev/nvme0n1": False})

    @uses("Orchestrator.remove_osds")
    def test_remove_osds_removes_them_by_their_ids(self) -> None:
        orchestrator = self.start()
        self.effective(orchestrator, orchestrator.create_osds(osds("node1", "/dev/sdb", "/dev/sdc")))
        removed = orchestrator.remove_osds("node1", ["0"])
        self.assertEqual(self.effective(orchestrator, removed), ["Scheduled OSD(s) for removal."])
        self.assertEqual(self.locations(orchestrator, "osd", "0"), [])
        self.assertEqual(self.locations(orchestrator, "osd", "1"), [("node1", "1")])


class Upgrades(SeedTest):
    @uses("Orchestrator.upgrade_available", "Orchestrator.upgrade_start", "UpgradeSpec")
    def test_upgrade_start_goes_to_a_version_that_upgrade_available_lists(self) -> None:
        orchestrator = self.start()
        available = orchestrator.upgrade_available()
        orchestrator.wait([available])
        newest = available.get_result()[0]
        started = orchestrator.upgrade_start(UpgradeSpec(target_version=newest))
        self.assertIn(f"v{newest}", self.effective(orchestrator, started)[0])
        again = orchestrator.upgrade_available()
        orchestrator.wait([again])
        self.assertEqual(again.get_result(), [])

    @uses("Orchestrator.upgrade_status", "UpgradeStatusSpec")
    def test_upgrade_status_tells_how_an_upgrade_goes(self) -> None:
        mgr = {"daemon_type": "mgr", "daemon_id": "x", "hostname": "node1", "status": 1, "version": "13.2.10"}
        orchestrator = self.start(cluster(daemons=[mgr], delays={"effective_ms": 3_600_000}))
        before = orchestrator.upgrade_status()
        orchestrator.wait([before])
        self.assertIs(type(before.get_result()), UpgradeStatusSpec)
        self.assertFalse(before.get_result().in_progress)
        started = orchestrator.upgrade_start(UpgradeSpec(target_version="16.2.15"))
        orchestrator.wait([started])
        self.assertTrue(started.is_persistent)
        running = orchestrator.upgrade_status()
        orchestrator.wait([running])
        wanted = UpgradeStatusSpec(in_progress=True, services_complete=[], message="Currently upgrading mgr daemons")
        self.assertEqual(running.get_result(), wanted)


class EveryName(unittest.TestCase):
    def names(self) -> List[str]:
        with open(os.path.join(HERE, "fixtures", "seed-names.txt"), encoding="utf-8") as file:
            return [line.strip() for line in file if line.strip() and not line.startswith("#")]

    def test_has_a_test_that_uses_it(self) -> None:
        self.assertEqual(sorted(USED), sorted(self.names()))
        for name, tests in USED.items():
            word = name.rpartition(".")[2]
            if not word.isidentifier() or word.islower() and "." not in name:
                continue  # a word of the text, not a name of the interface
            for test in tests:
                self.assertRegex(inspect.getsource(test), rf"\n(?!    @uses).*\b{word}\b", f"{test.__name__}: {name}")

    def test_is_exported_under_that_name(self) -> None:
        exported: Set[str] = set(client.__all__)
        for name in self.names():
            first, _, method = name.partition(".")
            if first[0].isupper():
                self.assertIn(first, exported)
                self.assertTrue(method == "" or callable(getattr(Orchestrator, method)))

    def test_has_the_signature_that_the_schema_gives_it_for_mimic(self) -> None:
        with open(os.path.join(ROOT, "schemas", "openrpc.json"), encoding="utf-8") as file:
            rows = [row for row in json.load(file)["methods"] if row["name"].startswith("classic/")]
        methods = {row["name"].partition("/")[2]: row for row in rows}
        compared = []
        for name, method in methods.items():
            wanted = method["x-signatures"].get("mimic")
            # A program has no other modules to tell from orchestrators.
            if wanted is None or name == "is_orchestrator_module":
                continue
            own = inspect.signature(getattr(Orchestrator, name))
            plain = [each.replace(annotation=inspect.Parameter.empty) for each in own.parameters.values()][1:]
            self.assertEqual(str(inspect.Signature(plain)), wanted, name)
            compared.append(name)
        public = {name for name in vars(Orchestrator) if not name.startswith("_")}
        self.assertEqual(public - set(compared), {"available", "close", "wait_effective"})

    def test_completions_have_the_fields_that_the_schemas_name(self) -> None:
        for made in (ReadCompletion(), WriteCompletion()):
            path = os.path.join(ROOT, "schemas", "types", f"{type(made).__name__}.json")
            with open(path, encoding="utf-8") as file:
                fields = set(json.load(file)["properties"])
            for field in fields - {"call"}:
                self.assertTrue(hasattr(made, field), f"{type(made).__name__}.{field}")
            self.assertEqual(made.call_id, "")


if __name__ == "__main__":
    unittest.main()
