"""A row of `ceph orch osd rm status`. Ceph's own class for it belongs to cephadm, which need not be installed."""

from typing import Any, Dict, Optional


class OsdRemoval:
    """An OSD that is being removed, with what the command line and the dashboard read of it."""

    def __init__(self, row: Dict[str, Any]) -> None:
        self.osd_id: int = row["osd_id"]
        self.hostname: str = row.get("hostname", "")
        self.replace: bool = row.get("replace", False)
        self.force: bool = row.get("force", False)
        self.zap: bool = row.get("zap", False)
        self.started: bool = row.get("started", False)
        self.draining: bool = row.get("draining", False)
        self.stopped: bool = row.get("stopped", False)
        self.drain_started_at: Optional[str] = row.get("drain_started_at")
        self.drain_done_at: Optional[str] = row.get("drain_done_at")
        self.row = row

    def drain_status_human(self) -> str:
        """Where the removal stands, in a word or two."""
        told = self.row.get("drain_status")
        if told:
            return str(told)
        if self.drain_done_at:
            return "done, waiting for purge"
        return "draining" if self.draining else "started" if self.started else "not started"

    def get_pg_count(self) -> int:
        """Placement groups that are still on the OSD."""
        return int(self.row.get("pg_count", 0))

    def to_json(self) -> Dict[str, Any]:
        return dict(self.row)
