"""What tests of several sub-commands need."""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

KUBECONFIG = {
    "apiVersion": "v1",
    "kind": "Config",
    "current-context": "here",
    "contexts": [{"name": "here", "context": {"cluster": "here"}}],
}


@pytest.fixture(autouse=True)
def logs_end_with_their_command() -> Iterator[None]:
    """What ``napsim run`` logs to is closed with the test; later tests of the process would write to it."""
    root, kopf = logging.getLogger(), logging.getLogger("kopf")
    before = root.level, kopf.level
    yield
    for handler in [*root.handlers]:
        if type(handler) is logging.StreamHandler:
            root.removeHandler(handler)
    root.setLevel(before[0])
    kopf.setLevel(before[1])


@pytest.fixture
def unreachable(tmp_path: Path) -> Path:
    """A kubeconfig for a port on which nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    path = tmp_path / "config"
    clusters = [{"name": "here", "cluster": {"server": f"http://127.0.0.1:{port}"}}]
    path.write_text(yaml.safe_dump({**KUBECONFIG, "clusters": clusters}))
    return path
