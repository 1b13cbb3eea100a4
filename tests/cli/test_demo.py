"""What ``napsim demo`` says and how it is set; the demo itself is played in ``tests/e2e/test_demo.py``."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import shlex
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace
from typer.testing import CliRunner

from napsim.api.nodeimage import NodeImage
from napsim.cli import demo
from napsim.cli.demo import _Player, app, farewell
from napsim.cli.foretelling import foretold
from napsim.cli.stage import evictions, examples_folder, only_one
from napsim.cluster import Cluster, ClusterError
from napsim.report.view import Group, Phase, View, Window
from tests.report import samples
from tests.report.forecasts import FINISHED

FOLDER = Path("/clusters/demo")
CLUSTER = Cluster(
    "demo", "kwok", FOLDER, FOLDER, FOLDER / "kubeconfig.yaml", FOLDER / "audit.log", Path("/bin/kubectl")
)


def test_the_farewell_says_how_to_look_around_to_go_on_and_to_remove_the_cluster() -> None:
    text = "\n".join(farewell(CLUSTER, "202602.13.0", ".venv/bin/napsim"))
    assert "export KUBECONFIG=/clusters/demo/kubeconfig.yaml" in text
    assert text.count("kubectl get") == 2
    assert ".venv/bin/napsim run" in text
    assert ".venv/bin/napsim cluster delete --name demo" in text


def test_the_image_in_the_farewell_is_valid_and_newer() -> None:
    (line,) = [line for line in farewell(CLUSTER, "202602.13.0", "napsim") if "kubectl apply" in line]
    image = NodeImage.parse(json.loads(shlex.split(line)[1]))
    assert image.spec.version == "202602.27.0"


def test_two_demos_on_one_cluster_exclude_each_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NAPSIM_CLUSTERS_DIR", str(tmp_path))
    with only_one("demo"), pytest.raises(ClusterError, match="another demo runs on cluster demo"), only_one("demo"):
        raise AssertionError("the second demo has begun")
    assert list(tmp_path.iterdir()) == []


def test_the_demo_plays_on_the_examples() -> None:
    assert sorted(path.suffix for path in examples_folder().iterdir()) == [".yaml"] * 6


def test_its_forecast_relaxes_the_pdb_when_nothing_else_is_left() -> None:
    forecast = foretold(examples_folder(), datetime(2026, 1, 1, tzinfo=UTC))
    (relaxed,) = [moment for moment in forecast.timeline if moment.kind == "Applied"]
    assert relaxed.object == "PodDisruptionBudget/ledger"
    pools = {pool.name: pool for pool in forecast.pools}
    assert pools["system"].finished_at == relaxed.at
    assert forecast.finished_at == pools["default"].finished_at
    assert forecast.finished_at is not None
    assert timedelta() < forecast.finished_at - relaxed.at < timedelta(hours=1)
    assert {item.name for item in forecast.workloads if item.evicted} >= {"shop/Deployment/ledger"}


def test_evictions_that_were_granted_are_counted_in_the_audit_log(tmp_path: Path) -> None:
    def line(subresource: str, code: int) -> str:
        reference = {"resource": "pods", "subresource": subresource}
        event = {"verb": "create", "objectRef": reference, "responseStatus": {"code": code}}
        return json.dumps(event, separators=(",", ":")) + "\n"

    log = tmp_path / "audit.log"
    log.write_text(line("eviction", 201) + line("eviction", 429) + line("binding", 201) + line("eviction", 201))
    assert evictions(dataclasses.replace(CLUSTER, audit_log=log)) == 2


def test_a_name_that_cannot_be_a_cluster_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "foretold", lambda *_: FINISHED)
    result = CliRunner().invoke(app, ["--name", "Not A Name"])
    assert result.exit_code == 2
    assert result.stdout == ""
    assert "cluster name 'Not A Name'" in result.stderr


def test_the_exit_codes_are_in_the_help() -> None:
    shown = " ".join(CliRunner().invoke(app, ["--help"], env={"COLUMNS": "200"}).stdout.split())
    assert "130 interrupted, and everything removed" in shown


class _Patches:
    """A client that keeps the bodies it is to patch with."""

    def __init__(self) -> None:
        self.bodies: list[object] = []

    async def patch(self, _resource: object, _namespace: str, _name: str, body: bytes) -> None:
        self.bodies.append(json.loads(body))


def test_the_clock_is_slowed_down_while_the_window_would_open_on_pools_that_are_not_full() -> None:
    client = _Patches()
    player = _Player(client, None, None, None)  # type: ignore[arg-type]  # nothing else of it is used here
    opens = Window("node-os", "", "closed", samples.NOW + timedelta(minutes=20))
    filling = replace(samples.ROLLING_OUT, windows=(opens,))
    full = replace(filling, pools=(replace(samples.DEFAULT_POOL, groups=(Group(samples.OLD, Phase.CURRENT, 14),)),))
    early = replace(filling, windows=(replace(opens, changes_at=samples.NOW + timedelta(hours=2)),))

    async def see(*views: View) -> None:
        for view in views:
            await player._keep_time(view)

    asyncio.run(see(early, full, filling, filling, full, full))
    assert client.bodies == [{"spec": {"clock": {"factor": factor}}} for factor in (15, 600)]
