"""Writes objects to a pool without a pause, or reads them all back.

steady-writes.py CONF POOL write   until the input ends; prints how many were acknowledged
steady-writes.py CONF POOL check N prints the numbers of the first N objects that are not as they were written
"""

import hashlib
import json
import sys
import threading
import time
from typing import Dict, List

import rados

SIZE = 32768
# So many a second, so that a small machine still has time for the OSDs.
PAUSE = 0.01


def content(number: int) -> bytes:
    """Tell every object from every other, all along its length."""
    return hashlib.sha256(str(number).encode()).digest() * (SIZE // 32)


def write(pool: "rados.Ioctx") -> None:
    """Count only what was acknowledged."""
    ended = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
    number = 0
    while not ended.is_set():
        pool.write_full(f"object-{number}", content(number))
        number += 1
        if number == 1:
            tell({"writing": True})
        time.sleep(PAUSE)
    tell({"written": number})


def tell(what: Dict[str, object]) -> None:
    """Tell it to the test, as a line of JSON."""
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


def check(pool: "rados.Ioctx", count: int) -> None:
    """Read each object whole."""
    wrong: List[int] = []
    for number in range(count):
        try:
            if pool.read(f"object-{number}", SIZE + 1) != content(number):
                wrong.append(number)
        except rados.Error:
            wrong.append(number)
    tell({"wrong": wrong})


def main(conf: str, name: str, verb: str, *rest: str) -> None:
    """Connect and do what was asked for."""
    cluster = rados.Rados(conffile=conf)
    cluster.connect()
    pool = cluster.open_ioctx(name)
    if verb == "write":
        write(pool)
    else:
        check(pool, int(rest[0]))


main(*sys.argv[1:])
