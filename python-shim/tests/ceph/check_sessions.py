"""Recorded sessions, replayed: the module is called as Ceph called it, and a stand-in of Node answers as Node did."""

import os
import sys
import threading
import unittest
from typing import Any, Dict

import orchestrator

from orchbridge.errors import to_exception
from orchbridge.failure import WireError
from orchbridge.forward import MODERN, TABLE
from tests.ceph.made import make_module, until
from tests.recorded import Exchange, read_sessions

if MODERN:
    from ceph.deployment.hostspec import HostSpec
    from ceph.deployment.service_spec import ServiceSpec

FILE = os.environ.get("ORCHBRIDGE_TEST_SESSIONS", "")
PEER = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "fixtures", "recorded_peer.py")


def native(kind: str, wire: Any) -> Any:
    """An argument as a caller of this release has it."""
    kind = kind.rstrip("?")
    if kind.endswith("[]") and isinstance(wire, list):
        return [native(kind[:-2], item) for item in wire]
    if kind in ("ClassicInventoryFilter", "InventoryFilter"):
        return _made(orchestrator.InventoryFilter, wire)
    if kind == "DeviceLightLoc":
        return orchestrator.DeviceLightLoc(**wire)
    if not isinstance(wire, dict):
        return wire
    if not MODERN:
        return _classic(kind, wire)
    if kind == "TunedProfileSpec":
        from ceph.deployment.service_spec import TunedProfileSpec

        return TunedProfileSpec.from_json(wire)
    if kind == "HostSpec" or wire.get("service_type") == "host":
        return HostSpec.from_json(wire)
    if kind.endswith("Spec"):
        # Ceph writes preview_only where its own reader does not take it.
        inner = dict(wire.get("spec") or {})
        preview = inner.pop("preview_only", False)
        cookie = inner.get("cookie_secret")
        if cookie is not None:
            inner["cookie_secret"] = "0123456789abcdef0123456789abcdef"  # Ceph counts its bytes
        spec = ServiceSpec.from_json(
            {**wire, "spec": inner} if inner else {k: v for k, v in wire.items() if k != "spec"}
        )
        spec.preview_only = preview
        if cookie is not None:
            spec.cookie_secret = cookie
        return spec
    return wire


def _classic(kind: str, wire: Dict[str, Any]) -> Any:
    if kind == "MonHost":
        return (wire["host"], wire.get("network"))
    if kind == "StatelessServiceSpec":
        spec = orchestrator.StatelessServiceSpec()
        for name, value in wire.items():
            setattr(spec, name, orchestrator.PlacementSpec() if name == "placement" else value)
        return spec
    if kind == "ClassicDriveGroupSpec":
        claims = wire.get("osd_id_claims")
        given = {name: row for name, row in wire.items() if name != "osd_id_claims"}
        for name, row in given.items():
            if isinstance(row, dict):
                given[name] = orchestrator.DeviceSelection(**row)
        made = orchestrator.DriveGroupSpec(**given)
        # Its constructor takes no claims; they are an attribute.
        made.osd_id_claims = claims
        return made
    return wire


def _made(cls: Any, wire: Any) -> Any:
    if wire is None:
        return None
    made = cls()
    for name, value in wire.items():
        setattr(made, name, value)
    return made


class Replay(unittest.TestCase):
    """Each session of the release's file."""

    def test_every_recorded_call_is_asked_and_answered_as_it_was(self) -> None:
        sessions = read_sessions(FILE)
        self.assertGreater(len(sessions), 3)
        for index, session in enumerate(sessions):
            with self.subTest(session=index):
                self._replay(index, session.exchanges)

    def test_a_call_too_many_is_told(self) -> None:
        module = self._serving(0)
        exchanges = read_sessions(FILE)[0].exchanges
        for exchange in exchanges:
            self._call(module, exchange)
        told = self._call(module, next(exchange for exchange in exchanges if exchange.method.endswith("get_hosts")))
        self.assertIn("is asked after the end of the recording", str(told))

    def test_a_call_that_was_left_out_is_told(self) -> None:
        module = self._serving(0)
        exchanges = read_sessions(FILE)[0].exchanges
        other = next(exchange for exchange in exchanges if exchange.method != exchanges[0].method)
        self.assertIn("not as recorded", str(self._call(module, other)))

    def _replay(self, index: int, exchanges: Any) -> None:
        module = self._serving(index)
        for exchange in exchanges:
            with self.subTest(line=exchange.line, method=exchange.method):
                error = (exchange.outcome or {}).get("error")
                told = self._call(module, exchange)
                if error is None:
                    self.assertIsNone(told)
                else:
                    failure = WireError(error["code"], error["message"], error.get("data"))
                    self.assertEqual((type(told), str(told)), (type(to_exception(failure)), str(to_exception(failure))))
        connection = module._bridge.supervisor.connection
        self.assertEqual(connection.call("recorded/left", {}, 30), 0)

    def _serving(self, index: int) -> Any:
        module = make_module()
        module.options.update({"backend": "recorded", "call_timeout": 60.0})
        supervisor = module._bridge.supervisor
        # The shape of the real command line, whose last words the launcher looks at.
        command = [sys.executable, "-B", PEER, FILE, str(index), "serve", "--fd", "3", "4"]
        supervisor._command = lambda settings, permissions: command
        serving = threading.Thread(target=module.serve, daemon=True)
        serving.start()

        def end() -> None:
            module._bridge.stop()
            serving.join(60)

        self.addCleanup(end)
        until("the module to be available", lambda: module.available()[0], 60)
        return module

    def _call(self, module: Any, exchange: Exchange) -> Any:
        """The exception that the caller got, or None."""
        name = exchange.method.split("/")[1]
        kinds = TABLE[name].params
        given = {key: native(kinds[key], value) for key, value in exchange.params.items()}
        answer = getattr(module, name)(**given)
        if not MODERN:
            self.assertTrue(module.wait([answer]))
        elif not isinstance(answer, orchestrator.OrchResult):
            return None
        try:
            orchestrator.raise_if_exception(answer)
        except Exception as error:
            return error
        self.assertIsNotNone(answer.result)
        return None


if __name__ == "__main__":
    unittest.main()
