"""``napsim adopt``: opt Nodes in to a NodePool that is played in place, and say of each whether it can be."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from napsim.api import names
from napsim.cli.endings import BAD_INPUT, NO_ANSWER, ending
from napsim.cli.options import Context, Kubeconfig
from napsim.cli.unanswered import told
from napsim.controllers.declared import Declared
from napsim.controllers.resources import AKS_NODE_CLASSES, NODE_AUTO_PROVISIONINGS, NODE_CLAIMS, NODE_POOLS, NODES
from napsim.controllers.state import ClusterState
from napsim.core.actions import PatchNode, patched_node
from napsim.core.adoption import PASSING, AdoptionReason, AdoptionVerdict, Applicant, judge
from napsim.core.inplace import adoption_of, wanted_pool
from napsim.core.objects import Node, NodeClaim
from napsim.live.client import Client
from napsim.live.clock import wall_clock
from napsim.live.errors import ApiError, TransportError
from napsim.live.kubeconfig import ConnectionConfig, KubeconfigError, load_connection

_FAILED: Final = 1
_REFUSED: Final = 3
_WIDE: Final = 400
_KINDS: Final = (NODE_AUTO_PROVISIONINGS, AKS_NODE_CLASSES, NODE_POOLS)

app = typer.Typer(add_completion=False)


@dataclass(frozen=True, slots=True)
class Answer:
    """What becomes of one Node."""

    node: Node
    pool: str
    verdict: AdoptionVerdict

    @property
    def is_there(self) -> bool:
        """It plays the pool already."""
        return self.verdict.reason is AdoptionReason.HAS_NODECLAIM and wanted_pool(self.node) == self.pool

    @property
    def taken(self) -> bool:
        return self.verdict.adopted or self.is_there or self._waits

    @property
    def _waits(self) -> bool:
        """The operator takes it as soon as there is an image: nothing about the Node is in the way."""
        passing = PASSING - {AdoptionReason.HAS_NODECLAIM, AdoptionReason.DELETING}
        return self.verdict.reason in passing

    def row(self) -> tuple[str, str, str]:
        if self.is_there:
            return self.node.name, "adopted already", self.verdict.message
        if not self.taken:
            return self.node.name, f"refused: {self.verdict.reason}", self.verdict.message
        answer = "adopt" if self.verdict.adopted else "adopt, later"
        return self.node.name, answer, "; ".join((self.verdict.message, *self.verdict.remarks))


@app.command(
    epilog=ending(
        "napsim adopt --pool default --dry-run",
        "napsim adopt --pool default --selector tier=worker",
        notes="Without NODE and --selector every Node is looked at.",
        exits={
            0: "done",
            1: NO_ANSWER,
            2: "wrong usage, a Node or a NodePool that does not exist, or no usable kubeconfig",
            3: "a Node that was named was refused, or there is none that could be adopted",
        },
    )
)
def adopt(
    pool: Annotated[str, typer.Option(help="NodePool whose nodes they are to play.")],
    nodes: Annotated[list[str] | None, typer.Argument(metavar="NODE", help="Nodes by name.")] = None,
    selector: Annotated[str, typer.Option(help="Label selector, such as tier=worker.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print what would be done, and do nothing.")] = False,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
) -> None:
    """Opt existing Nodes in: the operator takes them into NodeClaims as they run, and disturbs nothing on them."""
    try:
        connection = load_connection(kubeconfig, context)
        answers = asyncio.run(_adopt(connection, pool, frozenset(nodes or ()), selector, dry_run=dry_run))
    except (KubeconfigError, Unknown) as error:
        typer.echo(f"napsim adopt: {error}", err=True)
        raise typer.Exit(BAD_INPUT) from error
    except (ApiError, TransportError) as error:
        typer.echo(f"napsim adopt: {told(error)}", err=True)
        raise typer.Exit(_FAILED) from error
    if not answers:
        looked_for = f"has labels {selector}" if selector else "is there"
        typer.echo(f"napsim adopt: no Node {looked_for}: kubectl get nodes --show-labels shows what there is", err=True)
        raise typer.Exit(_REFUSED)
    # A pipe or a file gets one line for each Node, however long.
    Console(highlight=False, width=None if sys.stdout.isatty() else _WIDE).print(table(answers))
    refused = [answer for answer in answers if not answer.taken]
    if refused and (nodes or len(refused) == len(answers)):
        raise typer.Exit(_REFUSED)


class Unknown(Exception):
    """Nodes were named, or a NodePool, that do not exist; the message says which there are."""


def table(answers: Iterable[Answer]) -> Table:
    made = Table("NODE", "ANSWER", "WHY", box=None, pad_edge=False)
    for answer in answers:
        made.add_row(*answer.row())
    return made


async def _adopt(
    connection: ConnectionConfig, pool: str, wanted: frozenset[str], selector: str, *, dry_run: bool
) -> list[Answer]:
    async with Client(connection, user_agent="napsim/adopt") as client:
        selectors = {"labelSelector": selector} if selector else {}
        nodes = await client.list_all(NODES, Node, selectors=selectors)
        if missing := sorted(wanted - {node.name for node in nodes}):
            there_are = ", ".join(sorted(node.name for node in nodes)) or "none"
            raise Unknown(f"no such Node: {', '.join(missing)}; there are {there_are}")
        chosen = [node for node in nodes if not wanted or node.name in wanted]
        claims = await client.list_all(NODE_CLAIMS, NodeClaim)
        declared = await _declared(client)
        must_be_there(declared, pool)
        answers = answers_for(chosen, claims, declared, pool)
        for answer in answers:
            if answer.taken and not answer.is_there and not dry_run:
                await _label(client, answer)
    return answers


async def _declared(client: Client) -> Declared:
    declared = Declared()
    for resource in _KINDS:
        for item in await client.list_all(resource, msgspec.Raw):
            manifest: Mapping[str, Any] = msgspec.json.decode(item)
            declared.take({"apiVersion": resource.api_version, "kind": resource.kind, **manifest}, wall_clock())
    return declared


def must_be_there(declared: Declared, pool: str) -> None:
    """Raises Unknown for a NodePool that is not; one that cannot be used is there, and its Nodes are told why."""
    if not declared.has_pool(pool):
        raise Unknown(f"no such NodePool: {pool}; there are {', '.join(sorted(declared.pools)) or 'none'}")


def answers_for(nodes: Iterable[Node], claims: Iterable[NodeClaim], declared: Declared, pool: str) -> list[Answer]:
    """The operator's own decision for each Node, as if it had the label already."""
    state, home = ClusterState(), declared.home(pool)
    for known in claims:
        state.on_claim(None, known)
    answers = []
    for node in sorted(nodes, key=lambda item: item.name):
        state.on_node(None, node)
        claim = state.claim_of(node)
        adopted = claim if claim is None or adoption_of(claim) is None or wanted_pool(node) == pool else None
        labelled = patched_node(node, PatchNode(node, labels={names.PLAYS_NODEPOOL: pool}))
        answers.append(Answer(node, pool, judge(Applicant(labelled, pool, home, adopted), wall_clock())))
    return answers


async def _label(client: Client, answer: Answer) -> None:
    metadata = {"uid": answer.node.metadata.uid, "labels": {names.PLAYS_NODEPOOL: answer.pool}}
    await client.patch(NODES, "", answer.node.name, msgspec.json.encode({"metadata": metadata}))
