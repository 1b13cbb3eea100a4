"""Assertions over many runs: how often each holds, and the counterexample of the first run in which it does not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from napsim.api.checks import Assertion
from napsim.cli.executors import Executor, LocalProcesses, told_results
from napsim.cli.passage import Passage
from napsim.cli.repetition import with_seed
from napsim.controllers.chains import IMAGE, NODE, POOL, Chains, Target
from napsim.core.budgets import describe
from napsim.core.chain import Chain, LinkName, Standing
from napsim.report.checks import Counterexample
from napsim.report.why import chain_of
from napsim.sim.assertions import Breach, Held, Judge
from napsim.sim.scenario import Scenario
from napsim.sim.simulation import simulate
from napsim.sim.simulator import Simulator
from napsim.sim.standing import standing

_MOST_NODES: Final = 5


@dataclass(frozen=True, slots=True)
class Tried:
    """One assertion over all runs, the first run first; ``seed`` is that of the first run in which it broke."""

    runs: tuple[Held, ...]
    seeds: tuple[int, ...]

    @property
    def held(self) -> int:
        return sum(run.breach is None for run in self.runs)

    @property
    def broken(self) -> tuple[int, Breach] | None:
        """The seed and the breach of the first run in which it broke."""
        found = zip(self.seeds, self.runs, strict=True)
        return next(((seed, run.breach) for seed, run in found if run.breach is not None), None)


def tried(
    scenario: Scenario, assertions: Sequence[Assertion], zone: str, count: int, executor: Executor
) -> list[Tried]:
    """Every assertion in ``count`` runs, seed by seed from the scenario's on. Raises Unreachable.

    One run needs no process of its own on this machine.
    """
    seeds = tuple(range(scenario.seed, scenario.seed + count))
    if count == 1 and isinstance(executor, LocalProcesses):
        with Passage(scenario.start, scenario.until) as passage:
            outcome = simulate(scenario, passage, pods_in_trace=False)
        judge = Judge(scenario, outcome, zone)
        runs = [[judge.held(item) for item in assertions]]
    else:
        cases = [_Case(with_seed(scenario, seed), tuple(assertions), zone) for seed in seeds]
        runs = told_results(executor, _run, cases)
    return [Tried(tuple(run[position] for run in runs), seeds) for position in range(len(assertions))]


@dataclass(frozen=True, slots=True)
class _Case:
    """One run: what a process of its own needs to judge it."""

    scenario: Scenario
    assertions: tuple[Assertion, ...]
    zone: str


def _run(case: _Case) -> list[Held]:
    judge = Judge(case.scenario, simulate(case.scenario, pods_in_trace=False), case.zone)
    return [judge.held(item) for item in case.assertions]


# --- the counterexample -----------------------------------------------------------------------------------------------


def counterexample(scenario: Scenario, seed: int, breach: Breach) -> Counterexample:
    """The same run up to the instant of the breach, and what stands there."""
    found = Counterexample(
        at=breach.at, message=breach.message, seed=seed, node_pool=breach.node_pool, image=breach.image,
        workload=breach.workload,
    )  # fmt: skip
    if breach.undecided:
        return found
    cluster = standing(with_seed(scenario, seed), breach.at)
    chains = Chains(cluster)
    if breach.image:
        return _unmoved(found, cluster, chains)
    nodes = tuple(_disrupted(cluster, breach.node_pool))
    reasons = (*_causes(cluster, chains, nodes), *_budgets(cluster, breach.node_pool))
    return _with(found, nodes=nodes, reasons=reasons)


def _with(
    found: Counterexample, nodes: tuple[str, ...] = (), reasons: tuple[str, ...] = (), chain: Chain | None = None
) -> Counterexample:
    return Counterexample(
        at=found.at, message=found.message, seed=found.seed, node_pool=found.node_pool, image=found.image,
        workload=found.workload, nodes=nodes, reasons=reasons, chain=chain_of(chain) if chain is not None else None,
    )  # fmt: skip


def _unmoved(found: Counterexample, cluster: Simulator, chains: Chains) -> Counterexample:
    """Something has not moved in time: the chain says why."""
    pools = cluster.declared.pools
    targets = [Target(POOL, found.node_pool)] if found.node_pool in pools else list(chains.named(found.image))
    answers = [chain for target in targets if target.kind in (POOL, IMAGE) for chain in chains.of(target)]
    chain = next((item for item in answers if not item.moved), None)
    if chain is None:
        return found
    blocking = [f"{it.name}: {it.message}" for it in chain.links if it.standing is Standing.BLOCKS]
    node = (chain.stands_for,) if chain.stands_for else ()
    return _with(found, nodes=node, reasons=tuple(blocking) or (chain.message,), chain=chain)


def _disrupted(cluster: Simulator, pool: str) -> Iterator[str]:
    """The nodes that are being disrupted, by name: taken by a command, or on their way out."""
    for name, node in sorted(cluster.state.nodes.items()):
        claim = cluster.state.claim_of(node)
        leaving = node.deleting or (claim is not None and claim.deleting)
        concerned = not pool or node.metadata.labels.get("karpenter.sh/nodepool") == pool
        if concerned and (name in cluster.state.commands or leaving):
            yield name


def _causes(cluster: Simulator, chains: Chains, nodes: Sequence[str]) -> Iterator[str]:
    for pick_up in cluster.recorder.pick_ups[-1:]:
        at = f"{pick_up.at:%Y-%m-%d %H:%M} UTC"
        yield f"AKSNodeClass {pick_up.node_class} picked up {pick_up.to_version} at {at} ({pick_up.rule})"
    for name in nodes[:_MOST_NODES]:
        (chain,) = chains.of(Target(NODE, name))
        told = [link.message for link in chain.links if link.name in (LinkName.COMMAND, LinkName.DRAIN)]
        yield f"Node/{name}: {told[0] if told else chain.message}"
    if len(nodes) > _MOST_NODES:
        yield f"{len(nodes) - _MOST_NODES} more nodes are being disrupted"


def _budgets(cluster: Simulator, pool: str) -> Iterator[str]:
    now = cluster.kernel.now
    for name, entry in sorted(cluster.declared.pools.items()):
        if pool in ("", name):
            total = cluster.state.count(name).total_nodes
            for position, budget in enumerate(entry.budgets):
                yield f"NodePool/{name} budgets[{position}]: {describe(budget, total, now)}"
