"""Writes or reads one file of a CephFS over libcephfs, from stdin or to stdout.

cephfs-file.py FILESYSTEM put|get PATH
"""

import os
import sys

import cephfs


def main(filesystem: str, verb: str, path: str) -> None:
    client = cephfs.LibCephFS(conffile="/etc/ceph/ceph.conf", auth_id="admin")
    client.mount(filesystem_name=filesystem.encode())
    try:
        if verb == "put":
            put(client, path, sys.stdin.buffer.read())
        else:
            sys.stdout.buffer.write(get(client, path))
    finally:
        client.shutdown()


def put(client: cephfs.LibCephFS, path: str, content: bytes) -> None:
    file = client.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o644)
    written = 0
    while written < len(content):
        written += client.write(file, content[written:], written)
    client.fsync(file, 0)
    client.close(file)


def get(client: cephfs.LibCephFS, path: str) -> bytes:
    file = client.open(path, os.O_RDONLY, 0)
    content = b""
    while chunk := client.read(file, len(content), 1 << 20):
        content += chunk
    client.close(file)
    return content


main(*sys.argv[1:])
