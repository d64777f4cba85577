"""Specs to the wire and answers from it, with the real classes of 16 and later."""

import json
import pickle
import sys
import unittest
from typing import Any
from unittest import mock

import orchestrator
from ceph.deployment.drive_group import DriveGroupSpec
from ceph.deployment.hostspec import HostSpec
from ceph.deployment.service_spec import PlacementSpec, ServiceSpec

from orchbridge import specs
from orchbridge.errors import to_exception
from orchbridge.failure import BadAnswer, BadValue, CallTimeout, ConnectionLost, Unavailable, WireError
from orchbridge.generated.methods import ERRORS
from orchbridge.native import empty, to_native
from orchbridge.wire import to_wire

TIME = "2026-01-02T03:04:05.000678Z"


class ToWire(unittest.TestCase):
    def test_a_host_says_that_it_is_one(self) -> None:
        wire = to_wire(HostSpec("h1", "10.0.0.1", ["a"]), "host_spec")
        self.assertEqual(wire["service_type"], "host")
        self.assertEqual((wire["hostname"], wire["addr"], wire["labels"]), ("h1", "10.0.0.1", ["a"]))

    def test_a_service_is_sent_as_ceph_writes_it(self) -> None:
        spec = ServiceSpec(
            "mds", service_id="fs1", placement=PlacementSpec(count=2, hosts=["h1", "h2"]), preview_only=True
        )
        self.assertEqual(to_wire(spec, "spec"), json.loads(json.dumps(spec.to_json())))
        self.assertIs(to_wire(spec, "spec")["spec"]["preview_only"], True)

    def test_osds_are_sent_with_their_devices(self) -> None:
        given = {
            "service_type": "osd",
            "service_id": "d",
            "placement": {"host_pattern": "*"},
            "data_devices": {"all": True},
        }
        wire = to_wire([DriveGroupSpec.from_json(given)], "specs")
        self.assertEqual(wire[0]["spec"]["data_devices"], {"all": True})

    def test_filters_and_places_of_lights_are_sent_by_their_fields(self) -> None:
        self.assertEqual(to_wire(orchestrator.InventoryFilter(hosts=["h1"]), "f"), {"labels": None, "hosts": ["h1"]})
        place = orchestrator.DeviceLightLoc("h1", "dev1", "/dev/sda")
        self.assertEqual(to_wire([place], "l"), [{"host": "h1", "dev": "dev1", "path": "/dev/sda"}])

    def test_an_enum_is_sent_as_its_value_and_a_time_as_ceph_writes_it(self) -> None:
        from ceph.utils import str_to_datetime

        self.assertEqual(to_wire(orchestrator.DaemonDescriptionStatus.error, "s"), -1)
        self.assertEqual(to_wire(str_to_datetime(TIME), "t"), TIME)

    def test_what_cannot_be_sent_names_its_place(self) -> None:
        for value, why in (
            (2**53, "outside of"),
            (float("nan"), "nan is not a number"),
            (object(), "cannot send a object"),
        ):
            with self.assertRaisesRegex(BadValue, r"specs\[1\]\.count: .*" + why):
                to_wire([1, {"count": value}], "specs")

    def test_a_foreign_object_is_told_by_what_it_has(self) -> None:
        # As from another interpreter: the same class, loaded a second time.
        import importlib.util

        import ceph.deployment.hostspec as original

        found = importlib.util.spec_from_file_location("again", original.__file__)
        assert found is not None and found.loader is not None
        again = importlib.util.module_from_spec(found)
        found.loader.exec_module(again)
        foreign = again.HostSpec("h1")
        self.assertNotIsInstance(foreign, HostSpec)
        self.assertEqual(to_wire(foreign, "h"), to_wire(HostSpec("h1"), "h"))


DEVICE = {
    "path": "/dev/sdb",
    "available": False,
    "rejected_reasons": ["locked", "LVM detected"],
    "sys_api": {"rotational": "1", "size": 1000},
    "lvs": [{"name": "lv1"}],
    "device_id": "ID1",
    "created": TIME,
    "human_readable_type": "hdd",
    "ceph_device_lvm": True,
    "crush_device_class": "hdd",
    "being_replaced": False,
}
DAEMON = {
    "daemon_type": "mds",
    "daemon_id": "fs1.h1.abc",
    "service_name": "mds.fs1",
    "daemon_name": "mds.fs1.h1.abc",
    "hostname": "h1",
    "status": 1,
    "status_desc": "running",
    "started": TIME,
    "last_refresh": "2026-01-02T03:04:05Z",
    "ports": [6800],
    "memory_usage": 2**40,
    "systemd_unit": "ceph@mds",
    "pending_daemon_config": False,
    "events": [f'{TIME} daemon:mds.fs1.h1.abc [INFO] "it runs"'],
}


class FromWire(unittest.TestCase):
    def test_hosts(self) -> None:
        wire = {"hostname": "h1", "addr": "10.0.0.1", "labels": ["a"], "status": "Offline", "location": {"rack": "r1"}}
        (host,) = to_native("HostSpec[]", [{**wire, "service_type": "host", "oob": {"username": "u", "password": "p"}}])
        self.assertIs(type(host), HostSpec)
        self.assertEqual({key: host.to_json().get(key) for key in wire}, wire)

    def test_inventory(self) -> None:
        (host,) = to_native("InventoryHost[]", [{"name": "h1", "addr": "a", "labels": ["x"], "devices": [DEVICE]}])
        self.assertIs(type(host), orchestrator.InventoryHost)
        (device,) = host.devices.devices
        self.assertEqual(device.rejected_reasons, ["LVM detected", "locked"])
        self.assertEqual(device.human_readable_type, "hdd")
        self.assertIs(getattr(device, "ceph_device_lvm", getattr(device, "ceph_device", None)), True)
        self.assertEqual(device.to_json()["created"], TIME)
        again = orchestrator.InventoryHost.from_json(json.loads(json.dumps(host.to_json())))
        self.assertEqual(again.to_json(), host.to_json())

    def test_daemons(self) -> None:
        (daemon,) = to_native("DaemonDescription[]", [DAEMON])
        self.assertIs(type(daemon), orchestrator.DaemonDescription)
        self.assertIs(daemon.status, orchestrator.DaemonDescriptionStatus.running)
        self.assertEqual((daemon.name(), daemon.service_name(), daemon.hostname), ("mds.fs1.h1.abc", "mds.fs1", "h1"))
        self.assertEqual(daemon.to_json()["started"], TIME)
        self.assertEqual(daemon.events[0].message, "it runs")
        self.assertEqual(orchestrator.DaemonDescription.from_json(daemon.to_json()).to_json(), daemon.to_json())

    def test_daemons_without_a_service_have_none(self) -> None:
        (daemon,) = to_native(
            "DaemonDescription[]", [{"daemon_type": "osd", "daemon_id": "3", "service_name": "osd.3"}]
        )
        self.assertEqual(daemon.service_name(), "osd")

    def test_services_of_every_type_the_release_knows(self) -> None:
        for service_type in ServiceSpec.KNOWN_SERVICE_TYPES:
            wire = {"service_type": service_type, "service_id": "x", "placement": {"count": 1}}
            wire["spec"] = SPECS.get(service_type, {})
            with self.subTest(service_type):
                (row,) = to_native("ServiceDescription[]", [{**wire, "status": {"size": 2, "running": 1}}])
                self.assertIs(type(row), orchestrator.ServiceDescription)
                self.assertEqual((row.spec.service_type, row.size, row.running), (service_type, 2, 1))
                again = orchestrator.ServiceDescription.from_json(json.loads(json.dumps(row.to_json())))
                self.assertEqual(again.to_json(), row.to_json())

    def test_what_a_service_says_of_itself_arrives(self) -> None:
        wire = {
            "service_type": "nfs",
            "service_id": "n1",
            "service_name": "nfs.n1",
            "unmanaged": True,
            "placement": {"hosts": ["h1"]},
            "spec": {"port": 2049, "unheard_of": 1},
            "unheard_of": 1,
            "status": {
                "size": 1,
                "running": 1,
                "ports": [2049],
                "virtual_ip": "10.0.0.9/24",
                "created": TIME,
                "last_refresh": TIME,
                "unheard_of": 1,
            },
            "events": [f'{TIME} service:nfs.n1 [INFO] "service was created"'],
        }
        (row,) = to_native("ServiceDescription[]", [wire])
        self.assertEqual(row.spec.port, 2049)
        self.assertEqual((row.virtual_ip, row.ports, row.spec.unmanaged), ("10.0.0.9/24", [2049], True))
        self.assertEqual(row.to_dict()["events"][0]["message"], "service was created")
        self.assertEqual(row.to_json()["status"]["created"], TIME)

    def test_a_service_type_that_the_release_does_not_know_is_left_out(self) -> None:
        rows = [{"service_type": "of-tomorrow", "status": {}}, {"service_type": "mgr", "status": {}}]
        self.assertEqual([row.spec.service_type for row in to_native("ServiceDescription[]", rows)], ["mgr"])

    def test_a_service_that_is_invalid_as_a_request_can_be_shown(self) -> None:
        (row,) = to_native("ServiceDescription[]", [{"service_type": "osd", "service_id": "d", "status": {"size": 1}}])
        self.assertEqual(row.spec.service_name(), "osd.d")

    def test_specs_answer_json_made_beforehand_where_interpreters_share_objects(self) -> None:
        shared = sys.version_info >= (3, 12) and not specs._pickled
        for service_type in ("crash", "mds", "osd"):
            wire = {"service_type": service_type, "service_id": "x", "placement": {"host_pattern": "*"}}
            wire.update(spec=SPECS.get(service_type, {}), status={})
            (row,) = to_native("ServiceDescription[]", [wire])
            own = type(ServiceSpec.__new__(ServiceSpec, service_type))
            self.assertIsInstance(row.spec, own)
            self.assertEqual(type(row.spec) is own, not shared)
            if shared:
                with mock.patch.object(own, "to_json", side_effect=AssertionError):
                    row.to_json()
            self.assertEqual(row.to_json(), row.to_json(), "each call gives a new answer")
            self.assertNotIn("status", row.spec.to_json())
            self.assertEqual(ServiceSpec.from_json(row.spec.to_json()).to_json(), row.spec.to_json())

    def test_upgrade_status(self) -> None:
        wire = {
            "in_progress": True,
            "target_image": "i",
            "services_complete": ["mon"],
            "message": "m",
            "is_paused": True,
        }
        status = to_native("UpgradeStatusSpec", {**wire, "which": "all", "progress": "1/2", "unheard_of": 1})
        self.assertIs(type(status), orchestrator.UpgradeStatusSpec)
        self.assertEqual({name: getattr(status, name) for name in wire}, wire)

    def test_osds_that_are_being_removed(self) -> None:
        wire = {
            "osd_id": 3,
            "hostname": "h1",
            "drain_status": "draining",
            "pg_count": 7,
            "draining": True,
            "force": True,
        }
        (row,) = to_native("OsdRemovalStatus[]", [wire])
        self.assertEqual(
            (row.osd_id, row.hostname, row.drain_status_human(), row.get_pg_count()), (3, "h1", "draining", 7)
        )
        self.assertEqual((row.replace, row.force, row.zap, row.drain_started_at), (False, True, False, None))
        self.assertEqual(row.to_json(), wire)
        self.assertEqual(pickle.loads(pickle.dumps(row)).osd_id, 3)

    def test_tuned_profiles(self) -> None:
        if not hasattr(specs.ceph_specs, "TunedProfileSpec"):
            self.skipTest("this release has none")
        wire = {"profile_name": "p", "placement": {"hosts": ["h1"]}, "settings": {"vm.swappiness": "1"}}
        (profile,) = to_native("TunedProfileSpec[]", [wire])
        self.assertEqual(json.loads(json.dumps(profile.to_json())), wire)

    def test_plain_results_and_what_stands_for_nothing(self) -> None:
        self.assertEqual(to_native("string", "x"), "x")
        self.assertEqual(to_native("PlanRow[]", [{"warning": "w"}]), [{"warning": "w"}])
        self.assertEqual(
            (to_native("string", None), to_native("string[]", None), to_native("object", None)), ("", [], {})
        )
        self.assertEqual(to_native("CertificateInfo?", None), {})
        self.assertEqual(
            (empty("HostSpec[]"), empty("object"), empty("string"), empty("{{string[]}}")), ([], {}, None, {})
        )

    def test_what_ceph_refuses_is_an_error_that_names_the_row(self) -> None:
        with self.assertRaisesRegex(
            BadAnswer, r"DaemonDescription\[1\]: Ceph refuses the backend's answer: ValueError"
        ):
            to_native("DaemonDescription[]", [DAEMON, {**DAEMON, "status": 99}])

    @unittest.skipUnless(specs._pickled, "only 20.2 pickles")
    def test_all_results_survive_pickling(self) -> None:
        rows: Any = [
            to_native("DaemonDescription[]", [DAEMON]),
            to_native("InventoryHost[]", [{"name": "h1", "devices": [DEVICE]}]),
            to_native("ServiceDescription[]", [{"service_type": "crash", "status": {"size": 1}}]),
            to_native("HostSpec[]", [{"hostname": "h1"}]),
        ]
        for (row,) in rows:
            self.assertEqual(pickle.loads(pickle.dumps(row)).to_json(), row.to_json())


# What the constructors insist on.
SPECS: Any = {
    "iscsi": {"pool": "p", "api_user": "u", "api_password": "s"},
    "nvmeof": {"pool": "p", "group": "g"},
    "ingress": {"backend_service": "rgw.x", "frontend_port": 80, "monitor_port": 81, "virtual_ip": "10.0.0.1/24"},
    "container": {"image": "i"},
    "snmp-gateway": {
        "snmp_version": "V2c",
        "snmp_destination": "10.0.0.1:162",
        "credentials": {"snmp_community": "public"},
    },
    "osd": {"data_devices": {"all": True}},
    "rgw": {"rgw_frontend_port": 8080},
    "smb": {"cluster_id": "c", "config_uri": "rados://x/y"},
    "oauth2-proxy": {
        "provider_display_name": "n",
        "oidc_issuer_url": "https://x",
        "client_id": "a",
        "client_secret": "b",
    },
}


class Errors(unittest.TestCase):
    def test_every_error_becomes_the_exception_of_the_table_with_its_errno(self) -> None:
        for code, row in ERRORS.items():
            exception: Any = to_exception(WireError(code, "what went wrong", {"type": row.type}))
            self.assertEqual(type(exception).__name__, row.exception)
            self.assertEqual(str(exception), "what went wrong")
            if row.exception != "NotImplementedError":
                self.assertEqual(abs(exception.errno), row.errno)

    def test_an_errno_of_the_backends_own_is_kept(self) -> None:
        exception: Any = to_exception(WireError(1001, "busy", {"type": "OrchestratorError", "errno": 16}))
        self.assertEqual(abs(exception.errno), 16)

    def test_local_failures_have_the_errno_of_their_like(self) -> None:
        like = ((CallTimeout, 110), (ConnectionLost, 11), (Unavailable, 11), (BadValue, 22), (BadAnswer, 5))
        for failure, number in like:
            exception: Any = to_exception(failure("x"))
            self.assertEqual(abs(exception.errno), number, failure)

    def test_the_callers_get_them_whole_through_an_orch_result(self) -> None:
        with self.assertRaisesRegex(orchestrator.OrchestratorValidationError, "no host h9") as caught:
            orchestrator.raise_if_exception(orchestrator.OrchResult([], to_exception(WireError(1002, "no host h9"))))
        self.assertEqual(abs(caught.exception.errno), 22)
        with self.assertRaises(NotImplementedError):
            orchestrator.raise_if_exception(orchestrator.OrchResult(None, to_exception(WireError(1004, "no"))))

    def test_the_sign_of_the_errno_is_the_one_the_command_line_returns(self) -> None:
        exception: Any = to_exception(WireError(1003, "no host"))
        ends_with = -exception.errno if specs._pickled else exception.errno
        self.assertEqual(ends_with, -2)


class Speed(unittest.TestCase):
    def test_the_usual_form_of_a_time_takes_the_short_way(self) -> None:
        from orchbridge import native_modern

        with mock.patch.object(native_modern, "str_to_datetime", side_effect=AssertionError):
            to_native("DaemonDescription[]", [{**DAEMON, "last_refresh": TIME}])
