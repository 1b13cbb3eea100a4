"""Python loads this before anything else where its folder is in PYTHONPATH, as in every process of az here.

Whatever asks for a name or connects is written down, and refused unless it stays on this machine.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Final

LOOPBACK: Final = "127.0.0.1"
_NAMES: Final = {"socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"}  # the host comes first
_ADDRESSES: Final = {"socket.connect", "socket.sendto", "socket.sendmsg"}  # the socket, then its address


def _watch(event: str, arguments: tuple[object, ...]) -> None:
    if event in _NAMES:
        host = arguments[0]
    elif event in _ADDRESSES:
        address = arguments[1]
        host = address[0] if isinstance(address, tuple) else address
    else:
        return
    with Path(os.environ["CONNECTIONS"]).open("a", encoding="utf-8") as file:
        file.write(f"{host}\n")
    if host != LOOPBACK:
        raise PermissionError(f"{event} of {host}: tests of az stay on {LOOPBACK}")


sys.addaudithook(_watch)
