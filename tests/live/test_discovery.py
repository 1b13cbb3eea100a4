"""Kinds whose CRDs are applied after the operator was started are waited for."""

from __future__ import annotations

import pytest

from napsim.live import discovery
from napsim.live.discovery import until_served
from tests.live.scripted_server import Json, answering, failing, run, serving

KINDS = (("karpenter.sh", "v1", "nodepools"), ("karpenter.sh", "v1", "nodeclaims"))


def resources(*names: str) -> Json:
    return {"kind": "APIResourceList", "resources": [{"name": name} for name in names]}


def test_it_returns_once_all_kinds_are_served(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(discovery, "_LOOK_SECONDS", 0.001)
    steps = [
        failing(503, "ServiceUnavailable"),
        failing(404, "NotFound"),
        answering(resources("nodepools")),
        answering(resources("nodepools", "nodeclaims", "nodeclaims/status")),
    ]

    async def scenario() -> None:
        async with serving(steps) as server, server.client() as client:
            await until_served(client, KINDS)
            assert [seen.path for seen in server.seen] == ["/apis/karpenter.sh/v1"] * 4

    run(scenario)


def test_what_is_missing_is_said_once(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(discovery, "_LOOK_SECONDS", 0.001)
    steps = [*[answering(resources("nodepools"))] * 3, answering(resources("nodepools", "nodeclaims"))]

    async def scenario() -> None:
        async with serving(steps) as server, server.client() as client:
            await until_served(client, KINDS)

    run(scenario)
    said = [record.getMessage() for record in caplog.records if record.name == discovery.__name__]
    assert said == ["waiting for the API server to serve: nodeclaims.karpenter.sh/v1"]
