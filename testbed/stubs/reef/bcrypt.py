"""A stand-in for bcrypt, which Debian trixie builds on PyO3 and which therefore refuses to be imported by ceph-mgr.

Ceph 18 runs each module in a Python subinterpreter, which PyO3 does not support; without this file no module loads.
It hashes for test users only: the results are not bcrypt hashes.
"""

import hashlib
import os

_PREFIX = b"$orchbridge-testbed$"


def gensalt(rounds: int = 12, prefix: bytes = b"2b") -> bytes:
    """Return a random salt."""
    return _PREFIX + os.urandom(8).hex().encode()


def hashpw(password: bytes, salt: bytes) -> bytes:
    """Hash a password; `salt` may be a former result, as in bcrypt."""
    head = salt[: len(_PREFIX) + 16]
    return head + b"$" + hashlib.sha256(head + password).hexdigest().encode()


def checkpw(password: bytes, hashed_password: bytes) -> bool:
    """Tell whether `hashed_password` came from `password`."""
    return hashpw(password, hashed_password) == hashed_password
