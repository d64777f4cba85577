"""A row of `ceph orch osd rm status`. Ceph's own class for it belongs to cephadm, which need not be installed."""

from typing import Any, Dict


class OsdRemoval(Dict[str, Any]):
    """An OSD that is being removed. 16 and 18 read attributes; on 20 the command line reads keys."""

    def __init__(self, row: Dict[str, Any]) -> None:
        super().__init__(_ABSENT)
        self.row = row
        self.update(row)
        self["drain_status"] = row.get("drain_status") or _drain_status(self)

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None

    def drain_status_human(self) -> str:
        """Where the removal stands, in a word or two."""
        return str(self["drain_status"])

    def get_pg_count(self) -> int:
        """Placement groups that are still on the OSD."""
        return int(self["pg_count"])

    def to_json(self) -> Dict[str, Any]:
        return dict(self.row)


_ABSENT = {
    "hostname": "",
    "pg_count": 0,
    "replace": False,
    "force": False,
    "zap": False,
    "started": False,
    "draining": False,
    "stopped": False,
    "drain_started_at": None,
    "drain_done_at": None,
}


def _drain_status(row: Dict[str, Any]) -> str:
    if row["drain_done_at"]:
        return "done, waiting for purge"
    return "draining" if row["draining"] else "started" if row["started"] else "not started"
