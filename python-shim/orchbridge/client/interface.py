"""The interface of the seed document, for Python programs."""

import os
import types
from typing import Any, Dict, Iterable, List, Mapping, Optional, Tuple, Type, Union

from ..failure import BadValue
from ..generated.methods import CLASSIC
from ..settings import Settings, SettingsError, read_settings
from ..wire import to_wire
from .completions import ReadCompletion, WriteCompletion
from .data import (
    InventoryFilter,
    InventoryNode,
    OsdCreationSpec,
    ServiceDescription,
    StatelessServiceSpec,
    UpgradeSpec,
    UpgradeStatusSpec,
)
from .exceptions import OrchestratorError, OrchestratorValidationError, to_exception
from .session import Session

AnyCompletion = Union[ReadCompletion[Any], WriteCompletion]


class Orchestrator:
    """A backend in a Node process of its own, which ends by `close`, or with the program.

    All methods but `wait`, `wait_effective` and `available` give a completion at once and do nothing more: pass it to
    `wait`. They raise nothing, but after `close`; what goes wrong is the completion's `exception`.
    """

    def __init__(
        self,
        backend: str,
        options: Optional[Mapping[str, Any]] = None,
        *,
        node: Optional[str] = None,
        call_timeout: Optional[float] = None,
    ) -> None:
        """Starts the process and loads the backend. Raises OrchestratorError when that is not possible.

        :param backend: Name of a built-in backend, or the path of a .ts or .mjs file.
        :param options: The backend's own options.
        :param node: Path of the Node binary. Default: the one installed with the module, else node on PATH.
        :param call_timeout: Seconds that a call may take. Default: 10 for reads, 60 for writes until persistent.
        """
        try:
            settings = Settings(
                backend=os.path.abspath(backend) if _is_file(backend) else backend,
                backend_options=to_wire(dict(options or {}), "options"),
                node_path=None if node is None else os.path.abspath(node),
                call_timeout=read_settings({"call_timeout": call_timeout}.get).call_timeout,
            )
        except BadValue as failure:
            raise to_exception(failure) from failure
        except SettingsError as problem:
            raise OrchestratorValidationError(str(problem)) from problem
        self._closed = False
        self._session = Session(settings)
        try:
            self._session.start()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> "Orchestrator":
        return self

    def __exit__(
        self,
        exc_type: Optional[Type[BaseException]],
        exc: Optional[BaseException],
        traceback: Optional[types.TracebackType],
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends the Node process, and with it all that is not effective yet."""
        if not self._closed:
            self._closed = True
            self._session.stop()

    # Completions

    def wait(self, completions: Iterable[AnyCompletion]) -> bool:
        """Starts those that are not started as one batch, and returns when each is complete, persistent or errored.

        At its deadline a call is errored too, so this is always true. Look at each completion for what became of it.
        """
        return self._open().completions.wait(completions)

    def wait_effective(self, completions: Iterable[AnyCompletion], timeout: float = 60.0) -> bool:
        """As `wait`, and then until the writes are effective, at most `timeout` seconds more. Whether all are complete.

        A `close` by another thread ends it.

        An errored completion is complete: look at its `exception`.
        """
        mine = list(completions)
        self.wait(mine)
        self._session.changes.wait_for(lambda: self._closed or all(each.is_complete for each in mine), timeout)
        return all(each.is_complete for each in mine)

    def available(self) -> Tuple[bool, str]:
        """Whether the backend can be reached, and why not. Answered at once, from what was last heard of it."""
        state = self._open().supervisor.available()
        return state.available, state.reason

    # Inventory and status

    def get_inventory(self, node_filter: Optional[InventoryFilter] = None) -> ReadCompletion[List[InventoryNode]]:
        """The hosts with their block devices."""
        return self._read("get_inventory", node_filter=node_filter)

    def describe_service(self, service_type: str, service_id: str) -> ReadCompletion[ServiceDescription]:
        """Where the daemons of a service run. `service_id`: its name, such as the file system of an mds."""
        return self._read("describe_service", service_type=service_type, service_id=service_id)

    # Stateless services

    def add_stateless_service(self, service_type: str, spec: StatelessServiceSpec) -> WriteCompletion:
        """Makes a service without local storage. Where it runs is left to the orchestrator, or to `spec.placement`."""
        return self._write("add_stateless_service", service_type=service_type, spec=spec)

    def update_stateless_service(self, service_type: str, id_: str, spec: StatelessServiceSpec) -> WriteCompletion:
        """Changes the service `id_`, which is also `spec.name`."""
        return self._write("update_stateless_service", service_type=service_type, id_=id_, spec=spec)

    def remove_stateless_service(self, service_type: str, id_: str) -> WriteCompletion:
        """Removes a service with its daemons."""
        return self._write("remove_stateless_service", service_type=service_type, id_=id_)

    # OSD management

    def create_osds(self, osd_spec: OsdCreationSpec) -> WriteCompletion:
        """Makes OSDs on devices of a host."""
        return self._write("create_osds", osd_spec=osd_spec)

    def replace_osds(self, osd_spec: OsdCreationSpec) -> WriteCompletion:
        """As `create_osds`; the new OSDs take over the ids that `osd_spec.osd_id_claims` names for the devices."""
        return self._write("replace_osds", osd_spec=osd_spec)

    def remove_osds(self, node: str, osd_ids: List[str]) -> WriteCompletion:
        """Removes OSDs by their ids, which are the cluster's own: `node` is for people."""
        return self._write("remove_osds", node=node, osd_ids=osd_ids)

    # Upgrades

    def upgrade_available(self) -> ReadCompletion[List[str]]:
        """Versions to upgrade to."""
        return self._read("upgrade_available")

    def upgrade_start(self, upgrade_spec: UpgradeSpec) -> WriteCompletion:
        """Starts an upgrade."""
        return self._write("upgrade_start", upgrade_spec=upgrade_spec)

    def upgrade_status(self) -> ReadCompletion[UpgradeStatusSpec]:
        """How the upgrade goes."""
        return self._read("upgrade_status")

    def _read(self, name: str, **given: Any) -> ReadCompletion[Any]:
        completion: ReadCompletion[Any] = self._submit(name, given)
        return completion

    def _write(self, name: str, **given: Any) -> WriteCompletion:
        completion: WriteCompletion = self._submit(name, given)
        return completion

    def _submit(self, name: str, given: Dict[str, Any]) -> Any:
        completions, method = self._open().completions, CLASSIC[name]
        try:
            params = {key: to_wire(value, key) for key, value in given.items() if value is not None}
        except BadValue as failure:
            return completions.failed(name, method, failure)
        return completions.submit(name, method, params)

    def _open(self) -> Session:
        if self._closed:
            raise OrchestratorError("this Orchestrator is closed")
        return self._session


def _is_file(backend: str) -> bool:
    return "/" in backend or backend.endswith((".ts", ".mts", ".mjs", ".js"))
