"""A stand-in for the parts of ceph-mgr that are written in C++: `ceph_module`, and a manager around the real module.

Nothing else is replaced: mgr_module, orchestrator and ceph.deployment are the release's own.
"""

import importlib.machinery
import sys
import types
from typing import Any, Callable, Dict, List, Optional, Set, Tuple

MGR_MODULES = "/usr/share/ceph/mgr"
VERSIONS = {"nautilus": "14.2.21", "pacific": "16.2.15", "reef": "18.2.7", "tentacle": "20.2.4"}


class _Base:
    """Every class of ceph_module that Ceph's Python derives from."""

    def __init__(self, *args: Any) -> None:
        del args


def install(release: str, shim: str) -> None:
    """Makes `import orchbridge` work as in a manager of this release."""
    module: Any = types.ModuleType("ceph_module")
    module.__spec__ = importlib.machinery.ModuleSpec("ceph_module", None)
    names = "BasePyOSDMap BasePyOSDMapIncremental BasePyCRUSH BaseMgrStandbyModule"
    for name in names.split():
        setattr(module, name, type(name, (_Base,), {}))
    module.BaseMgrModule = type("BaseMgrModule", (StandInManager,), {"release": release})
    sys.modules["ceph_module"] = module
    sys.path[:0] = [MGR_MODULES, shim]


class StandInManager:
    """What MgrModule gets from C++, in memory."""

    release = ""

    def __init__(self, *args: Any) -> None:
        del args
        self.options: Dict[str, Any] = {}
        # Removed by `ceph config rm`, of which a running manager hears nothing.
        self.removed: Set[str] = set()
        self.logged: List[str] = []
        self.health: Dict[str, Any] = {}
        self.remote_calls: List[Tuple[Any, ...]] = []
        self.remotes: Dict[Tuple[str, str], Callable[..., Any]] = {}
        # The active manager as the monitors know it.
        self.leader: Dict[str, Any] = {"active_name": "x", "active_gid": 4242}
        self.mon_commands: List[Dict[str, Any]] = []
        self.store: Dict[str, str] = {}
        self.cluster_logged: List[Tuple[Any, ...]] = []

    def _ceph_get_version(self) -> str:
        return f"ceph version {VERSIONS[self.release]} (abc) {self.release} (stable)"

    def _ceph_get_release_name(self) -> str:
        return self.release

    def _ceph_get_mgr_id(self) -> str:
        return "x"

    def _ceph_get(self, name: str) -> Any:
        maps = {
            "mgr_map": {"active_name": "x", "active_gid": 4242, "active_mgr_features": 2**60},
            "mon_map": {"fsid": "11111111-2222-3333-4444-555555555555"},
        }
        return maps[name]

    def _ceph_get_option(self, name: str) -> Any:
        return {"debug_mgr": "20/20", "log_file": "/dev/null"}.get(name, "")

    def _ceph_get_module_option(self, *args: Any) -> Any:
        return self.options.get(args[1] if len(args) > 1 and args[0] == "orchbridge" else args[0])

    def _ceph_log(self, *args: Any) -> None:
        self.logged.append(str(args[-1]))

    def _ceph_cluster_log(self, *args: Any) -> None:
        self.cluster_logged.append(args)

    def _ceph_set_health_checks(self, checks: Dict[str, Any]) -> None:
        self.health = checks

    def _ceph_unregister_client(self, *args: Any) -> None:
        pass

    def _ceph_dispatch_remote(self, module: str, method: str, args: Tuple[Any, ...], kwargs: Dict[str, Any]) -> Any:
        self.remote_calls.append((module, method, args, kwargs))
        return self.remotes.get((module, method), lambda *_args, **_kwargs: None)(*args, **kwargs)

    def _ceph_send_command(
        self, result: Any, svc_type: str, svc_id: str, command: str, tag: str, inbuf: Optional[str] = None, **more: Any
    ) -> None:
        import json

        del svc_type, svc_id, tag, inbuf, more
        cmd = json.loads(command)
        self.mon_commands.append(cmd)
        retval, out, err = self._mon_command(cmd)
        result.complete(retval, out, err)

    def _mon_command(self, cmd: Dict[str, Any]) -> Tuple[int, str, str]:
        import json

        key = cmd.get("key", "")
        if cmd["prefix"] == "config-key set":
            self.store[key] = cmd["val"]
        elif cmd["prefix"] == "config-key rm":
            self.store.pop(key, None)
        elif cmd["prefix"] == "config-key get":
            return (0, self.store[key], "") if key in self.store else (-2, "", "no such key")
        elif cmd["prefix"] == "config-key dump":
            return 0, json.dumps({name: value for name, value in self.store.items() if name.startswith(key)}), ""
        elif cmd["prefix"] == "mgr dump":
            return 0, json.dumps(self.leader), ""
        elif cmd["prefix"] == "config get":
            return (
                0,
                json.dumps({f"mgr/orchbridge/{name}": {} for name in self.options if name not in self.removed}),
                "",
            )
        elif cmd["prefix"] == "refuse":
            return -22, "", "no"
        return 0, "", ""
