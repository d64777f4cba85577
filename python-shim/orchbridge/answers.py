"""What commands answer: JSON as asked for, tables and times for people."""

import json
import time
from typing import Any, Dict, List, Optional, Sequence, Tuple

# The return value, stdout and stderr.
Answer = Tuple[int, str, str]

FORMAT = "name=format,type=CephChoices,strings=plain|json|json-pretty,req=false"


def as_json(cmd: Dict[str, Any], value: Any) -> Optional[Answer]:
    """The answer in the format of JSON that the command names; None when it asks for plain text."""
    how = cmd.get("format") or "plain"
    if how == "plain":
        return None
    return 0, json.dumps(value, sort_keys=True, indent=2 if how == "json-pretty" else None), ""


def table(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Columns as in Ceph's own tables: the header in capitals, no lines, two spaces between."""
    lines = [[name.upper() for name in header], *([cell(value) for value in row] for row in rows)]
    widths = [max(len(line[at]) for line in lines) for at in range(len(header))]
    return "\n".join("  ".join(text.ljust(width) for text, width in zip(line, widths)).rstrip() for line in lines)


def cell(value: Any) -> str:
    """A value on one line."""
    return "-" if value is None or value == "" else " ".join(str(value).split())


def percent(fraction: Any) -> str:
    """A fraction from 0 to 1 for people."""
    return f"{fraction * 100:.0f}%" if isinstance(fraction, (int, float)) else "-"


def duration(seconds: Optional[float]) -> str:
    if seconds is None:
        return "?"
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.0f} s"


def utc(at: Optional[float]) -> Optional[str]:
    return None if at is None else time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))


def indented(lines: Sequence[str]) -> List[str]:
    return [f"  {line}" for line in lines]
