"""Random rollouts: one that keeps its budget is never found guilty, one that does not always is."""

from __future__ import annotations

from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.auditor.pretence import PretendedServer, names
from tests.auditor.verdicts import POOL, recorded
from tests.e2e.auditor import (
    BudgetNeverExceeded,
    Violation,
    audit,
)

STEPS = ("disrupt", "launch", "initialize", "delete", "terminate", "remove", "not ready", "ready", "give up")


class Rollout:
    """A random rollout that keeps its own books and starts nothing beyond its budget."""

    def __init__(self, size: int, percent: int, draw: st.DataObject) -> None:
        self.server = PretendedServer()
        self.server.start(*names(size))
        self.percent, self.draw, self.size = percent, draw, size
        self.steady = names(size)
        self.unready: set[str] = set()
        self.marked: list[str] = []
        self.fresh: dict[str, str] = {}
        self.replaced: list[str] = []
        self.draining: list[str] = []
        self.terminating: list[str] = []

    @property
    def disrupting(self) -> int:
        return len(self.marked) + len(self.replaced) + len(self.draining) + len(self.unready)

    @property
    def total(self) -> int:
        return len(self.steady) + len(self.marked) + len(self.replaced) + len(self.draining) + len(self.unready)

    @property
    def allowed(self) -> int:
        return (self.total * self.percent + 99) // 100

    def _take(self, names_: list[str]) -> str:
        return names_.pop(self.draw.draw(st.integers(0, len(names_) - 1)))

    def step(self, what: str) -> None:
        server = self.server
        if what == "disrupt" and self.steady and self.disrupting < self.allowed:
            server.mark(old := self._take(self.steady))
            self.marked.append(old)
        elif what == "launch" and (waiting := [old for old in self.marked if old not in self.fresh]):
            self.fresh[waiting[0]] = f"{waiting[0]}x"
            server.launch(self.fresh[waiting[0]], replaces=waiting[0])
        elif what == "initialize" and self.fresh:
            old, new = self.fresh.popitem()
            server.initialize(new)
            self.marked.remove(old)
            self.replaced.append(old)
            self.steady.append(new)
        elif what == "delete" and self.replaced:
            server.delete("nodeclaims", old := self._take(self.replaced))
            self.draining.append(old)
        elif what == "terminate" and self.draining:
            server.terminate(old := self._take(self.draining))
            self.terminating.append(old)
        elif what == "remove" and self.terminating:
            server.remove(self._take(self.terminating))
        elif what == "not ready" and self.steady:
            server.ready(name := self._take(self.steady), ready=False)
            self.unready.add(name)
        elif what == "ready" and self.unready:
            server.ready(name := min(self.unready))
            self.unready.remove(name)
            self.steady.append(name)
        elif what == "give up" and (waiting := [old for old in self.marked if old not in self.fresh]):
            server.untaint(waiting[0])
            server.condition("nodeclaims", waiting[0], "DisruptionReason", "False")
            self.marked.remove(waiting[0])
            self.steady.append(waiting[0])

    def verdict(self, folder: Path) -> tuple[Violation, ...]:
        return audit(recorded(self.server, folder), [BudgetNeverExceeded({POOL: f"{self.percent}%"})])


steps_of_rollouts = st.lists(st.sampled_from(STEPS), max_size=60)
many = settings(max_examples=75, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


@many
@given(size=st.integers(1, 25), percent=st.integers(1, 100), steps=steps_of_rollouts, draw=st.data())
def test_a_rollout_within_its_budget_is_never_found_guilty(
    tmp_path: Path, size: int, percent: int, steps: list[str], draw: st.DataObject
) -> None:
    rollout = Rollout(size, percent, draw)
    for step in steps:
        rollout.step(step)
    assert rollout.verdict(tmp_path) == ()


@many
@given(size=st.integers(2, 25), percent=st.integers(1, 50), steps=steps_of_rollouts, draw=st.data())
def test_one_disruption_more_at_a_full_instant_is_always_found(
    tmp_path: Path, size: int, percent: int, steps: list[str], draw: st.DataObject
) -> None:
    rollout = Rollout(size, percent, draw)
    for step in steps:
        rollout.step(step)
    while rollout.disrupting < rollout.allowed or not rollout.steady:
        if rollout.steady:
            rollout.step("disrupt")
        else:
            rollout.server.start(spare := f"spare-{rollout.server.born}")
            rollout.steady.append(spare)
    extra = rollout.steady.pop()
    rollout.server.mark(extra)
    found = rollout.verdict(tmp_path)
    assert [violation.objects[1] for violation in found] == [f"nodeclaim/{extra}"]
