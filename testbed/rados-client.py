"""Runs Ceph commands over one librados connection, so that each costs its own time and not that of a new client.

Reads one JSON object a line: {"id", "target": "mon" or "mgr", "command": {...}, "input"?: str}
and answers each, in the order of completion: {"id", "ret", "out", "err", "seconds"}.
The first line written is {"ready": true}. The end of the input ends the program.
"""

import json
import os
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Dict

import rados

WORKERS = 64

_write_lock = threading.Lock()


def write(message: Dict[str, Any]) -> None:
    """Write one line, whole, whichever thread it comes from."""
    line = json.dumps(message) + "\n"
    with _write_lock:
        sys.stdout.write(line)
        sys.stdout.flush()


def answer(cluster: Any, request: Dict[str, Any]) -> None:
    """Run one command and write its answer; `seconds` is the time inside librados alone."""
    call = cluster.mgr_command if request["target"] == "mgr" else cluster.mon_command
    command = json.dumps(request["command"])
    given = request.get("input", "").encode()
    start = time.perf_counter()
    try:
        ret, out, err = call(command, given)
    except Exception as error:  # librados raises classes of its own that differ between releases
        write({"id": request["id"], "ret": -5, "out": "", "err": repr(error), "seconds": time.perf_counter() - start})
        return
    seconds = time.perf_counter() - start
    text = out.decode(errors="replace")
    write({"id": request["id"], "ret": ret, "out": text, "err": err or "", "seconds": seconds})


def main() -> None:
    """Connect, then serve until the input ends."""
    cluster = rados.Rados(conffile=sys.argv[1])
    cluster.connect()
    write({"ready": True})
    # A command that hangs must not keep the program alive, so no worker is joined at the end.
    workers = ThreadPoolExecutor(WORKERS)
    for line in sys.stdin:
        workers.submit(answer, cluster, json.loads(line))
    os._exit(0)


main()
