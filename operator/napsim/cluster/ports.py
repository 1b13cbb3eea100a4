"""Ports of this machine that nobody listens on."""

from __future__ import annotations

import errno
import random
import socket

_LOOPBACK = "127.0.0.1"
# Below the range that kernels hand out to outgoing connections, so that none of those takes a port between
# the look here and the moment its component binds it.
_RANGE = range(15_000, 32_000)


def free_ports(count: int) -> list[int]:
    """`count` different ports of the loopback address that were free a moment ago, at random, so that clusters
    created side by side seldom meet."""
    candidates = random.sample(_RANGE, len(_RANGE))
    found: list[int] = []
    for port in candidates:
        if _free(port):
            found.append(port)
        if len(found) == count:
            return found
    raise OSError(errno.EADDRINUSE, f"fewer than {count} ports free between {_RANGE.start} and {_RANGE.stop}")


def _free(port: int) -> bool:
    with socket.socket() as candidate:
        candidate.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            candidate.bind((_LOOPBACK, port))
        except OSError:
            return False
    return True
