"""NodePools of the input: their budgets, decoded, and how many nodes percentages are of."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

import msgspec
import typer

from napsim.api import names
from napsim.cli.answers import name_of
from napsim.core.budgets import Budget, BudgetError
from napsim.core.nodepools import NodePool, budgets_of
from napsim.reading.sources import BadInput, Document, Mistake

ASSUMED_NODES: Final = 100  # where nothing says how many: a percentage is then the number
ASSUMED: Final = "assumed, for percentages"
BY_OPTION: Final = "--nodes {pool}=N says how many there are"
_MOST_NODES: Final = 1_000_000
_NODES: Final = re.compile(r"(?:([^=]+)=)?([0-9]+)")


def nodes_by_pool(texts: Sequence[str]) -> dict[str, int]:
    """By pool; that of every other pool under an empty name. Raises BadParameter naming every text that is wrong."""
    found, wrong = {}, []
    for text in texts:
        match = _NODES.fullmatch(text)
        if match is not None and int(match[2]) <= _MOST_NODES:
            found[match[1] or ""] = int(match[2])
        else:
            wrong.append(repr(text))
    if wrong:
        allowed = f"a number of nodes up to {_MOST_NODES}, alone or as pool=number"
        raise typer.BadParameter(f"{', '.join(wrong)}: must be {allowed}", param_hint="--nodes")
    return found


def check_pools(asked: Iterable[str], there: Iterable[str]) -> None:
    """Raises ``BadInput`` where ``--nodes`` names pools that there are not."""
    known = sorted(set(there))
    unknown = sorted({*asked} - {"", *known})
    if unknown:
        message = f"there is no such NodePool; there are {', '.join(known)}"
        raise BadInput([Mistake("--nodes", 0, f"NodePool/{name}", "", None, message) for name in unknown])


def counted(documents: Sequence[Document]) -> Counter[str]:
    """Initialized Nodes by pool, as budgets count them."""
    labels = [document.manifest["metadata"].get("labels") or {} for document in documents]
    return Counter(it.get(names.NODEPOOL, "") for it in labels if it.get(names.INITIALIZED) == "true")


def decoded(documents: Sequence[Document]) -> list[tuple[Document, NodePool, tuple[Budget, ...]]]:
    """Each NodePool with its budgets. Raises ``BadInput`` for budgets that do not decode."""
    found, mistakes = [], []
    for document in documents:
        pool = msgspec.convert(document.manifest, NodePool, strict=False)
        its = []
        for index, spec in enumerate(budgets_of(pool)):
            try:
                its.append(Budget.from_spec(spec))
            except BudgetError as error:
                mistakes.append(document.mistake(f"spec.disruption.budgets[{index}]", None, str(error)))
        found.append((document, pool, tuple(its)))
    if mistakes:
        raise BadInput(mistakes)
    return found


def total_of(document: Document, pool: NodePool, asked: Mapping[str, int], nodes: Counter[str]) -> tuple[int, str]:
    """How many nodes the pool has, and what says so. ``asked`` by ``--nodes``; ``nodes`` are those of the input."""
    return next(_totals(document, pool, asked, nodes))


def assumptions(
    pools: Iterable[tuple[Document, NodePool, tuple[Budget, ...]]],
    asked: Mapping[str, int],
    nodes: Counter[str],
    hint: str,
) -> Iterator[str]:
    """What is to be said of pools with percentages of a number of nodes that nothing says. ``hint``: what would."""
    for document, pool, budgets in pools:
        total, source = total_of(document, pool, asked, nodes)
        if source.startswith(ASSUMED) and any(budget.nodes.endswith("%") for budget in budgets):
            yield f"NodePool/{pool.name}: {total} nodes are {ASSUMED}; {hint.format(pool=pool.name)}"


def _totals(
    document: Document, pool: NodePool, asked: Mapping[str, int], nodes: Counter[str]
) -> Iterator[tuple[int, str]]:
    """What goes before all else first."""
    name = name_of(document)
    for key in (name, ""):
        if key in asked:
            yield asked[key], "--nodes"
    if nodes[name]:
        yield nodes[name], "its Nodes in the input"
    reported = (document.manifest.get("status") or {}).get("nodes")
    if reported:
        yield int(reported), "status.nodes"
    if pool.spec.replicas:
        yield pool.spec.replicas, "spec.replicas"
    yield ASSUMED_NODES, f"{ASSUMED}; {BY_OPTION.format(pool=name)}"
