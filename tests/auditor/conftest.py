"""The pretended API server that the tests of the auditor write their logs with."""

from __future__ import annotations

import pytest

from tests.auditor.pretence import PretendedServer, names


@pytest.fixture
def server() -> PretendedServer:
    return PretendedServer()


@pytest.fixture
def ten(server: PretendedServer) -> PretendedServer:
    """Ten nodes, initialized and Ready, made by the operator."""
    server.start(*names(10))
    server.wait(60)
    return server
