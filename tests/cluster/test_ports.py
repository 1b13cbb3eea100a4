"""Free ports."""

from __future__ import annotations

import socket

import pytest

from napsim.cluster import ports
from napsim.cluster.ports import free_ports


def test_ports_are_different_and_can_be_bound() -> None:
    found = free_ports(6)
    assert len(set(found)) == 6
    for port in found:
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", port))


def test_a_port_in_use_is_not_given(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        monkeypatch.setattr(ports, "_RANGE", range(port, port + 1))
        with pytest.raises(OSError, match="fewer than 1 ports free"):
            free_ports(1)
