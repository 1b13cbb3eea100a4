"""Evictions: one at a time per PodDisruptionBudget, held back while it has no room, woken when it has."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, cast

import pytest

from napsim.controllers.executor import Retry
from napsim.controllers.state import ClusterState
from napsim.core.actions import Event, EvictPod
from napsim.core.agentpools import Phase
from napsim.live.evictions import Evictions
from napsim.live.executor import Executor
from napsim.live.writer import Outcome, OutcomeKind
from tests.core.agents import agent, with_record
from tests.core.examples import NOW, node, pdb, pod

APPLIED = Outcome(OutcomeKind.APPLIED)


@dataclass
class World:
    """A draining node with pods, and an API server that answers what it is told to."""

    state: ClusterState = field(default_factory=ClusterState)
    answers: list[Outcome] = field(default_factory=list)  # in order; granted when there is none left
    evicted: list[str] = field(default_factory=list)
    queued: list[str] = field(default_factory=list)
    said: list[Event] = field(default_factory=list)
    codes: list[str] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    now: datetime = NOW
    at_once: int = 0
    most_at_once: int = 0

    def __post_init__(self) -> None:
        self.state.on_node(None, node("n", deleted_at=NOW))
        executor = cast(Executor, self)
        self.evictions = Evictions(
            self.state, lambda: executor, self.queued.append, self.codes.append, self.reasons.append, lambda: self.now
        )

    # the executor's and the writer's part

    @property
    def writer(self) -> Any:
        return self

    def record(self, event: Event) -> None:
        self.said.append(event)

    async def evict(self, namespace: str, name: str, *, uid: str) -> Outcome:
        assert (namespace, uid) == ("default", f"uid-{name}")
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await asyncio.sleep(0)
        self.at_once -= 1
        self.evicted.append(name)
        return self.answers.pop(0) if self.answers else APPLIED

    # what tests do

    def want(self, *names: str) -> None:
        for name in names:
            item = pod(name)
            self.state.on_pod(None, item)
            self.evictions.ask(EvictPod(item))

    def budget(self, allowed: int) -> None:
        item = pdb(allowed=allowed)
        self.state.on_pdb(self.state.pdbs.get(item.key), item)

    def attempt(self, *names: str) -> list[str]:
        """The pods that have to wait for their PDB."""
        answers = self.answered(*names)
        assert all(answer is None or isinstance(answer, Retry) for answer in answers.values()), answers
        return [name for name, answer in answers.items() if answer is not None]

    def answered(self, *names: str) -> dict[str, object]:
        """What each attempt came to: None, when to look again, or an exception."""

        async def all_at_once() -> list[object]:
            tries = (self.evictions.reconcile(f"default/{name}") for name in names)
            return list(await asyncio.gather(*tries, return_exceptions=True))

        return dict(zip(names, asyncio.run(all_at_once()), strict=True))


@pytest.fixture
def world() -> World:
    return World()


def test_a_pod_without_a_budget_is_evicted_once_however_often_it_is_asked_for(world: World) -> None:
    world.want("a", "a")
    assert world.attempt("a") == []
    assert world.attempt("a") == []
    assert (world.evicted, world.codes, world.reasons) == (["a"], ["200"], ["Forceful Termination"])


def test_a_pod_of_a_node_that_is_reimaged_says_so(world: World) -> None:
    world.state.on_node(world.state.nodes["n"], with_record(agent("n"), Phase.DRAINING, NOW))
    world.want("a")
    assert world.attempt("a") == []
    assert (world.evicted, world.reasons) == (["a"], ["NodeOSUpgrade"])
    world.state.on_node(world.state.nodes["n"], with_record(agent("n"), Phase.PREVENTED, NOW))
    world.want("b")
    world.attempt("b")
    assert world.evicted == ["a"], "the drain was given up"


def test_pods_of_one_budget_are_evicted_one_after_the_other(world: World) -> None:
    world.budget(3)
    world.want("a", "b", "c")
    assert world.attempt("a", "b", "c") == []
    assert sorted(world.evicted) == ["a", "b", "c"]
    assert world.most_at_once == 1


def test_pods_without_a_budget_do_not_wait_for_each_other(world: World) -> None:
    world.want("a", "b", "c")
    world.attempt("a", "b", "c")
    assert world.most_at_once == 3


def test_what_the_status_will_refuse_is_not_asked_and_is_said(world: World) -> None:
    world.budget(1)
    world.want("a", "b")
    assert world.attempt("a", "b") == ["b"]
    assert world.evicted == ["a"]
    assert [event.reason for event in world.said if "violates a PDB" in event.message] == ["FailedDraining"]


def test_a_budget_wakes_as_many_as_it_has_room_for_in_the_order_they_came(world: World) -> None:
    world.budget(0)
    world.want("a", "b", "c")
    assert world.attempt("a", "b", "c") == ["a", "b", "c"]
    world.queued.clear()
    world.evictions.on_pdb("default/b", 2)
    assert world.queued == ["default/a", "default/b"]
    world.evictions.on_pdb("default/b", 2)
    assert world.queued == ["default/a", "default/b", "default/c"]


def test_a_budget_that_is_another_or_gone_wakes_all(world: World) -> None:
    world.budget(0)
    world.want("a", "b")
    world.attempt("a", "b")
    world.queued.clear()
    world.evictions.on_pdb("default/b", None)
    assert world.queued == ["default/a", "default/b"]


def test_a_pod_that_is_gone_takes_nobodys_turn(world: World) -> None:
    world.budget(0)
    world.want("a", "b")
    world.attempt("a", "b")
    world.queued.clear()
    gone = world.state.pods["default/a"]
    world.state.on_pod(gone, None)
    world.evictions.on_pod(gone)
    world.evictions.on_pdb("default/b", 1)
    assert world.queued == ["default/b"]


def test_a_refusal_is_held_and_asked_for_anew(world: World) -> None:
    world.budget(1)
    world.answers = [Outcome(OutcomeKind.BLOCKED)]
    world.want("a")
    assert world.attempt("a") == ["a"]
    world.want("a")
    world.budget(1)
    world.now += timedelta(seconds=1)
    assert world.answered("a") == {"a": NOW + timedelta(seconds=1.5)}
    world.now += timedelta(seconds=0.5)
    assert world.attempt("a") == []
    assert world.codes == ["429", "200"]


def test_a_pod_that_was_held_back_goes_at_karpenters_next_try_after_there_is_room(world: World) -> None:
    world.budget(0)
    world.want("a")
    assert world.attempt("a") == ["a"]
    world.now += timedelta(seconds=7)
    world.budget(1)
    world.evictions.on_pdb("default/b", 1)
    assert world.answered("a") == {"a": NOW + timedelta(seconds=12.7)}
    assert world.evicted == []
    world.now += timedelta(seconds=3)
    assert world.answered("a") == {"a": NOW + timedelta(seconds=12.7)}, "it stays so, however often it is looked at"
    world.now += timedelta(seconds=2.7)
    assert world.attempt("a") == []
    assert world.evicted == ["a"]


def test_room_that_is_gone_by_its_next_try_leaves_a_pod_to_the_one_after(world: World) -> None:
    world.budget(0)
    world.want("a")
    world.attempt("a")
    world.budget(1)
    assert world.answered("a") == {"a": NOW + timedelta(seconds=0.1)}
    world.budget(0)
    world.now += timedelta(seconds=0.1)
    assert world.attempt("a") == ["a"]
    world.budget(1)
    assert world.answered("a") == {"a": NOW + timedelta(seconds=0.3)}


def test_a_budget_wakes_whoever_is_due_first(world: World) -> None:
    world.budget(0)
    world.want("a", "b")
    world.attempt("a")
    world.now += timedelta(seconds=6)
    world.attempt("b")
    world.now += timedelta(seconds=1)
    world.queued.clear()
    world.evictions.on_pdb("default/b", 1)
    assert world.queued == ["default/b"], "at 7.5 s; the other at 12.7 s"


def test_what_an_eviction_reserved_is_given_back_when_it_did_not_come_about(world: World) -> None:
    world.budget(1)
    world.answers = [Outcome(OutcomeKind.CONFLICT)]
    world.want("a", "b")
    assert world.attempt("a") == []
    assert world.attempt("b") == []
    assert world.evicted == ["a", "b"]


@pytest.mark.parametrize("kind", [OutcomeKind.UNAVAILABLE, OutcomeKind.REJECTED])
def test_an_answer_that_is_not_about_a_budget_is_tried_again_and_not_blamed_on_one(
    world: World, kind: OutcomeKind
) -> None:
    world.budget(1)
    world.answers = [Outcome(kind)]
    world.want("a")
    assert world.attempt("a") == ["a"]
    assert (world.codes, world.said) == (["500"], [])
    world.want("a")
    assert world.attempt("a") == []
    assert world.codes == ["500", "200"]


def test_an_error_for_a_pod_under_two_budgets_is_said_to_be_theirs(world: World) -> None:
    for name in ("b", "c"):
        world.state.on_pdb(None, pdb(name, allowed=1))
    world.answers = [Outcome(OutcomeKind.UNAVAILABLE)]
    world.want("a")
    assert world.attempt("a") == ["a"]
    (said,) = world.said
    assert said.message == "Failed to drain node, eviction does not support multiple PDBs (Pod=default/a)"
