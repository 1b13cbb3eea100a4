"""What ``napsim adopt`` and ``napsim release`` say before and without a cluster."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
import typer
from msgspec.structs import replace
from rich.console import Console
from typer.testing import CliRunner

from napsim.api import names
from napsim.cli import adopt, release
from napsim.cli.adopt import Answer, Unknown, answers_for, must_be_there, table
from napsim.controllers.declared import Declared
from napsim.core.objects import Node, NodeSpec
from tests.controllers.test_declared import node_class
from tests.controllers.test_inplace import played, with_images
from tests.core.examples import NOW, claim, node

COMMANDS: list[tuple[typer.Typer, list[str]]] = [
    (adopt.app, ["--pool", "default"]),
    (release.app, []),
    (release.app, ["--dry-run"]),
]


@pytest.mark.parametrize(("app", "arguments"), COMMANDS)
def test_a_kubeconfig_that_is_not_there_is_wrong_usage(app: typer.Typer, arguments: list[str], tmp_path: Path) -> None:
    result = CliRunner().invoke(app, [*arguments, "--kubeconfig", str(tmp_path / "none")])
    assert result.exit_code == 2
    assert "no such file" in result.stderr


@pytest.mark.parametrize(("app", "arguments"), COMMANDS)
def test_an_api_server_that_does_not_answer_exits_1(app: typer.Typer, arguments: list[str], unreachable: Path) -> None:
    result = CliRunner().invoke(app, [*arguments, "--kubeconfig", str(unreachable)])
    assert result.exit_code == 1
    assert "127.0.0.1" in result.stderr


def worker(name: str, **labels: str) -> Node:
    made = node(name, labels=labels, finalizers=())
    metadata = replace(made.metadata, annotations={})
    return replace(made, metadata=metadata, spec=NodeSpec(f"kind://docker/kind/{name}"))


def declared(*manifests: dict[str, Any]) -> Declared:
    made = Declared()
    for manifest in manifests:
        assert made.take(manifest, NOW), made.problems
    return made


def rows(answers: list[Answer]) -> dict[str, tuple[str, str]]:
    return {name: (answer, why) for name, answer, why in (item.row() for item in answers)}


def test_every_node_gets_the_operator_s_own_answer() -> None:
    owner = claim("there-g1", annotations={names.ADOPTS: '{"node":"there","generation":1}'}, provider_id="")
    nodes = [
        worker("free"),
        worker("there", **{names.PLAYS_NODEPOOL: "default"}),
        worker("control", **{names.CONTROL_PLANE: ""}),
        node("fake"),
    ]
    answers = answers_for(nodes, [owner], declared(with_images(), played()), "default")
    found = rows(answers)
    assert found["free"] == ("adopt", "NodeClaim free-g1")
    assert found["there"] == ("adopted already", "the Node has NodeClaim there-g1")
    assert found["control"][0] == "refused: ControlPlane"
    assert found["fake"] == ("refused: CloudNode", "the Node is a fake one of napsim's own, which KWOK plays")
    assert [answer.node.name for answer in answers] == sorted(found)


def test_a_pool_that_is_not_there_is_told_with_those_that_are() -> None:
    must_be_there(declared(with_images(), played()), "default")
    with pytest.raises(Unknown, match="no such NodePool: elsewhere; there are default"):
        must_be_there(declared(with_images(), played()), "elsewhere")


def test_a_class_that_has_no_image_yet_is_no_reason_to_refuse_a_node() -> None:
    (answer,) = answers_for([worker("free")], [], declared(node_class(), played()), "default")
    assert answer.taken
    assert answer.row()[1] == "adopt, later"


def test_the_table_names_node_answer_and_why() -> None:
    answers = answers_for([worker("free")], [], declared(with_images(), played()), "elsewhere")
    out = io.StringIO()
    Console(file=out, width=120).print(table(answers))
    assert out.getvalue().splitlines()[0].split() == ["NODE", "ANSWER", "WHY"]
    assert "refused: NodePoolNotFound" in out.getvalue()
