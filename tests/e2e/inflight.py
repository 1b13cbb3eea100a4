"""A rollout that is slow enough to be disturbed, and what of it was in flight at an instant.

The clock runs at five times its speed: a node takes about two seconds to come up, and all limits that the core has for
commands and launches (10 and 5 virtual minutes: two and one of the test) are longer than any outage that a test makes.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Final

from tests.e2e import manifests as m
from tests.e2e import rivals
from tests.e2e.auditor import BudgetNeverExceeded, NoDoubleWork, NothingLeaked, Record, SurgeBounded, audit, read
from tests.e2e.auditor.statistics import replaced
from tests.e2e.auditor.writes import REPLACES
from tests.e2e.kubectl import kubectl
from tests.e2e.rehearsal import NEW, OLD, UNFORESEEABLE_SECONDS, OperatorProcess, Rehearsal

WAIT_SECONDS: Final = 180.0
LEASE: Final = "napsim-system/napsim"
KEPT: Final = "karpenter.sh/do-not-disrupt"
PUBLISHED: Final = "2026-02-01T00:00:00Z"
TIMINGS: Final = {
    "launch": {"fixed": "2s"},
    "registration": {"fixed": "6s"},
    "initialization": {"fixed": "2s"},
    "detach": {"fixed": "2s"},
}


def declare(world: Rehearsal, nodes: int, budget: str = "2") -> None:
    """A pool that wants ``nodes`` nodes full of pods, on the old image; no window holds images up."""
    world.apply(
        m.nap(factor=5, listCacheDuration="15s", timings=TIMINGS),
        m.node_class(),
        m.image(OLD, PUBLISHED),
        m.pool(budgets=[{"nodes": budget}]),
        # Karpenter makes room for pods elsewhere while a node has a taint that they only would rather avoid.
        m.deployment("web", nodes * 10, tolerations=[{"key": rivals.MARK, "operator": "Exists"}]),
        m.pdb("web", maxUnavailable="25%"),
    )


def settle(world: Rehearsal, nodes: int) -> None:
    """The operator has made the nodes, and every pod runs on one of them."""
    world.eventually(f"{nodes} nodes on {OLD}", lambda: world.versions() == {OLD: nodes}, WAIT_SECONDS)
    world.eventually("every pod runs", lambda: _running(world) == nodes * 10, WAIT_SECONDS)


def publish(world: Rehearsal) -> None:
    """The new image appears; it is picked up when the list of images is read again, three seconds later at the most."""
    world.apply(m.image(NEW))


@contextmanager
def one_kept(world: Rehearsal) -> Iterator[str]:
    """A node that may not be disrupted before the end of the block, so that the rollout cannot be over by then."""
    name = world.items("nodes")[0]["metadata"]["name"]
    kubectl(world.cluster, "annotate", "node", name, f"{KEPT}=true")
    yield name
    kubectl(world.cluster, "annotate", "node", name, f"{KEPT}-")


def until_in_flight(world: Rehearsal) -> None:
    """A node is being disrupted."""
    world.eventually("a command is in flight", lambda: bool(world.disrupted()), WAIT_SECONDS)


def freeze_in_flight(world: Rehearsal, operator: OperatorProcess, state: str = "") -> datetime:
    """Freeze the one that leads while a command is in flight, in that state if one is given; an instant (real, UTC) at
    which one was.

    What is seen while it is frozen stays so, however long it takes to look; what was seen before may be over by now.
    """

    def met() -> bool:
        found = states(world)
        return state in found if state else bool(found)

    while True:
        world.eventually(f"a command is in flight {state}", met, WAIT_SECONDS)
        operator.freeze()
        if met():
            return datetime.now(UTC)
        operator.thaw()


def states(world: Rehearsal) -> frozenset[str]:
    """In which states nodes and claims are now: as ``in_flight``."""
    claims, tainted = world.items("nodeclaims"), set(world.disrupted())
    leaving = [claim for claim in claims if "deletionTimestamp" in claim["metadata"]]
    found = {
        "tainted": bool(tainted - {claim.get("status", {}).get("nodeName") for claim in leaving}),
        "launching": any(_is_coming(claim) for claim in claims),
        "draining": bool(leaving),
    }
    return frozenset(state for state, so in found.items() if so)


def _is_coming(claim: m.Manifest) -> bool:
    """Whether it is a replacement that is not initialized yet."""
    conditions = claim.get("status", {}).get("conditions", ())
    done = any((item["type"], item["status"]) == ("Initialized", "True") for item in conditions)
    return REPLACES in claim["metadata"].get("annotations", {}) and not done


def finish(world: Rehearsal, nodes: int, version: str = NEW) -> None:
    """All nodes are on the new image, all pods run, and nothing is left over that the status does not tell of."""
    world.eventually(
        f"all nodes on {version}", lambda: world.versions() == {version: nodes} and not world.disrupted(), WAIT_SECONDS
    )
    world.eventually("the claims that were replaced are gone", lambda: len(world.items("nodeclaims")) == nodes)
    world.eventually("the rollout is over", lambda: world.nap()["phase"] == "RolledOut", WAIT_SECONDS)
    world.eventually("every pod runs", lambda: _running(world) == nodes * 10, WAIT_SECONDS)


def assert_sound(
    world: Rehearsal,
    nodes: int,
    budget: str = "2",
    *,
    rollouts: int = 1,
    torn_lines_allowed: int = 0,
    more_nodes: int = 0,
) -> Record:
    """Budgets held throughout, one at a time led and wrote, nothing leaked, and no claim too many was ever made.

    ``more_nodes``: see SurgeBounded.
    """
    world.await_rest({"default": nodes}, torn_lines_allowed=torn_lines_allowed)
    record = read(world.cluster.audit_log, torn_lines_allowed=torn_lines_allowed)
    budgets = {"default": budget}
    line = world.virtual_line()
    rules = (
        BudgetNeverExceeded(budgets, to_virtual=line, reaction_seconds=UNFORESEEABLE_SECONDS),
        NoDoubleWork(LEASE),
        NothingLeaked({"default": nodes}),
        SurgeBounded({"default": nodes}, budgets, to_virtual=line, more_nodes=more_nodes),
    )
    found = audit(record, rules)
    assert not found, "\n".join(str(item) for item in found) + "\n" + world.story()
    assert replaced(record) == nodes * rollouts
    assert len(record.timeline.milestones) == nodes + replaced(record), "every claim that was ever made"
    return record


def in_flight(record: Record, instant: datetime) -> frozenset[str]:
    """In which states nodes and claims were at an instant: tainted, launching, draining; or in none."""
    entries = record.timeline.milestones.values()
    states = {
        "tainted": any(_between(entry.tainted, instant, entry.deleting) for entry in entries),
        "launching": any(entry.replaces and _between(entry.created, instant, entry.initialized) for entry in entries),
        "draining": any(_between(entry.deleting, instant, entry.gone) for entry in entries),
    }
    return frozenset(state for state, so in states.items() if so)


def met(record: Record, instants: Iterable[datetime]) -> Counter[str]:
    """How many of the instants found commands in each state; under ``any`` how many found one at all."""
    counts: Counter[str] = Counter()
    for instant in instants:
        states = in_flight(record, instant)
        counts.update(states)
        counts["any"] += bool(states)
    return counts


def until_logged(world: Rehearsal, operator: OperatorProcess, text: str, times: int = 1) -> None:
    """The operator's log says so; reading it costs the cluster nothing."""
    deadline = time.monotonic() + WAIT_SECONDS
    while operator.log.read_text(errors="replace").count(text) < times:
        assert time.monotonic() < deadline, f"{operator.identity} never said {text!r}\n{world.story()}"
        time.sleep(0.02)


def _running(world: Rehearsal) -> int:
    pods = world.items("pods", "--selector=app=web", "--field-selector=status.phase=Running")
    return sum(1 for pod in pods if "deletionTimestamp" not in pod["metadata"])


def _between(began: datetime | None, instant: datetime, ended: datetime | None) -> bool:
    return began is not None and began <= instant and (ended is None or instant < ended)
