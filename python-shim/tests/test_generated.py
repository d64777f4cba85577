"""The generated tables and data classes."""

import json
import subprocess
import sys
import unittest
from pathlib import Path
from typing import Any, Dict, List

from orchbridge.generated import classes, methods

ROOT = Path(__file__).resolve().parents[2]
SAMPLES = ROOT / "test" / "fixtures" / "samples"


def samples(kind: str, name: str) -> List[Any]:
    rows: List[Any] = json.loads((SAMPLES / kind / f"{name}.json").read_text(encoding="utf-8"))
    return rows


def data_classes() -> Dict[str, Any]:
    found = vars(classes).items()
    return {name: cls for name, cls in found if isinstance(cls, type) and issubclass(cls, classes.Data)}


class DataClassesTest(unittest.TestCase):
    def test_valid_samples_come_back_as_they_were(self) -> None:
        names = [name for name in data_classes() if name != "Data"]
        self.assertGreater(len(names), 25)
        for name in names:
            for sample in samples("valid", name):
                with self.subTest(name=name, sample=sample):
                    built = data_classes()[name].from_json(sample)
                    self.assertEqual(built.to_json(), sample)
                    self.assertEqual(built, data_classes()[name].from_json(built.to_json()))

    def test_a_missing_required_field_is_an_error(self) -> None:
        with self.assertRaises(KeyError):
            classes.HostSpec.from_json({})
        with self.assertRaises(TypeError):
            classes.HostSpec()  # type: ignore[call-arg]

    def test_unknown_fields_are_left_out(self) -> None:
        host = classes.HostSpec.from_json({"hostname": "node1", "colour": "red"})
        self.assertEqual(host.to_json(), {"hostname": "node1"})

    def test_inner_objects_become_classes(self) -> None:
        host = classes.InventoryHost.from_json({"name": "node1", "devices": [{"path": "/dev/sda"}]})
        self.assertIsInstance(host.devices[0], classes.Device)
        placement = classes.PlacementSpec.from_json({"host_pattern": {"pattern": "node.*", "pattern_type": "regex"}})
        self.assertIsInstance(placement.host_pattern, classes.HostPattern)
        self.assertEqual(classes.PlacementSpec.from_json({"host_pattern": "node*"}).host_pattern, "node*")

    def test_what_is_printed_of_an_object_holds_no_secret(self) -> None:
        host = classes.HostSpec(hostname="node1", oob={"password": "hunter2"})
        self.assertIn("node1", repr(host))
        self.assertNotIn("hunter2", repr(host))

    def test_objects_of_different_classes_are_not_equal(self) -> None:
        self.assertNotEqual(classes.UpgradeSpec(), classes.ClassicPlacementSpec())
        self.assertNotEqual(classes.UpgradeSpec(), {})

    def test_a_class_is_found_by_the_name_ceph_gives_it(self) -> None:
        names = classes.CEPH_NAMES
        self.assertIs(names["classic"]["ServiceDescription"], classes.ClassicServiceDescription)
        self.assertIs(names["seed"]["ServiceDescription"], classes.SeedServiceDescription)
        self.assertIs(names["modern"]["PlacementSpec"], classes.PlacementSpec)


class TablesTest(unittest.TestCase):
    def test_the_method_tables_are_complete(self) -> None:
        self.assertEqual(len(methods.CLASSIC), 20)
        self.assertGreaterEqual(len(methods.METHODS), 109)
        inventory = methods.METHODS["get_inventory"]
        self.assertEqual((inventory.kind, inventory.result, inventory.page), ("read", "InventoryHost[]", True))
        self.assertEqual(inventory.params, {"host_filter": "InventoryFilter?", "refresh": "boolean"})
        self.assertTrue(methods.METHODS["available"].local)
        self.assertTrue(methods.METHODS["cert_store_get_key"].secret)
        self.assertEqual(dict(methods.CLASSIC["describe_service"].results), {"mimic": "SeedServiceDescription"})

    def test_every_error_has_an_exception_the_shim_can_raise(self) -> None:
        known = {"OrchestratorError", "OrchestratorValidationError", "NotImplementedError"}
        self.assertEqual({kind.exception for kind in methods.ERRORS.values()}, known)
        self.assertEqual(methods.ERRORS[1003], methods.ErrorKind("NotFoundError", "OrchestratorError", 2))
        self.assertTrue(all(kind.errno > 0 for kind in methods.ERRORS.values()))

    def test_both_languages_have_the_same_hash(self) -> None:
        typescript = (ROOT / "src" / "orchestrator" / "generated" / "methods.ts").read_text(encoding="utf-8")
        self.assertIn(f'SCHEMA_HASH = "{methods.SCHEMA_HASH}"', typescript)

    def test_secrets_are_named(self) -> None:
        self.assertLessEqual({"password", "ssl_key", "api_password"}, methods.SECRET_FIELDS)


class ImportTest(unittest.TestCase):
    def test_importing_has_no_side_effects_and_needs_the_standard_library_only(self) -> None:
        script = (
            "import json, sys; sys.path.insert(0, sys.argv[1]); before = set(sys.modules); "
            "import orchbridge.generated.classes, orchbridge.generated.methods; "
            "print(json.dumps(sorted(set(sys.modules) - before)))"
        )
        command = [sys.executable, "-I", "-c", script, str(ROOT / "python-shim")]
        answer = subprocess.run(command, capture_output=True, text=True, check=True)
        packages = {name.partition(".")[0] for name in json.loads(answer.stdout)}
        self.assertLessEqual(packages - {"orchbridge"}, {"__future__", *sys.stdlib_module_names})


if __name__ == "__main__":
    unittest.main()
