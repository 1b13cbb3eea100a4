"""The queue of drifted candidates: in order, the blocked ones set aside until what blocks them changes."""

from __future__ import annotations

from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from napsim.core.candidates import DRAWS, OrderKey
from napsim.core.driftqueue import DriftQueue
from napsim.core.reasons import Reason, Verdict
from tests.core.examples import NOW

SECOND = timedelta(seconds=1)
NAMES = st.sampled_from(["a", "b", "c", "d", "e"])
TOKENS = st.sampled_from(["node:1", "node:2", "pdb:x", "room"])


def key(second: int, name: str, draw: int = 0) -> OrderKey:
    return (1, second, draw, name)


def block(*tokens: str, at: datetime | None = None) -> Verdict:
    return Verdict(Reason.PDB, "", at, tokens)


class Held:
    """What some are refused for, said when it is asked for."""

    def __init__(self, **tokens: tuple[str, ...]) -> None:
        self.tokens = tokens

    def verdict(self, name: str) -> Verdict:
        return block(*self.tokens[name])


def queue(**seconds: int) -> DriftQueue:
    found = DriftQueue()
    for name, second in seconds.items():
        found.put(name, key(second, name))
    return found


def rest(found: DriftQueue) -> list[str]:
    """All that are not set aside, taken out one by one."""
    names = []
    while (name := found.first()) is not None:
        names.append(name)
        found.discard(name)
    return names


def test_the_first_is_the_one_with_the_smallest_key() -> None:
    assert rest(queue(a=3, b=1, c=2)) == ["b", "c", "a"]


def test_a_new_key_is_a_new_place() -> None:
    found = queue(a=1, b=2)
    found.put("a", key(3, "a"))
    assert list(found) == ["b", "a"]
    found.put("a", key(1, "a"))
    assert rest(found) == ["a", "b"]


def test_equals_are_a_ring_that_can_be_turned() -> None:
    found = DriftQueue()
    for name, second, draw in (("a", 1, 10), ("b", 1, 20), ("c", 1, 30), ("late", 2, 25)):
        found.put(name, key(second, name, draw))
    found.turn(20)
    assert list(found) == ["b", "c", "a", "late"]
    found.turn(31)
    assert rest(found) == ["a", "b", "c", "late"]


def test_a_blocked_one_is_passed_over_until_what_it_waits_for_changes() -> None:
    found = queue(a=1, b=2)
    found.block("a", block("pdb:x", "node:1"))
    assert found.first() == "b"
    assert found.waits_for("pdb:x")
    assert not found.waits_for("pdb:y")
    assert not found.release("pdb:y")
    assert found.first() == "b"
    assert found.release("pdb:x")
    assert not found.waits_for("pdb:x")
    assert found.first() == "a"
    assert not found.release("node:1")


def test_a_block_with_an_end_is_over_at_that_instant() -> None:
    found = queue(a=1, b=2)
    found.block("a", block(at=NOW + SECOND))
    assert found.wake_at == NOW + SECOND
    assert not found.release_due(NOW + SECOND - timedelta(microseconds=1))
    assert found.first() == "b"
    assert found.release_due(NOW + SECOND)
    assert found.first() == "a"
    assert found.wake_at is None


def test_the_wake_of_a_block_that_was_replaced_or_lifted_does_not_count() -> None:
    found = queue(a=1, b=2)
    found.block("a", block("pdb:x", at=NOW + SECOND))
    found.block("a", block("pdb:x", at=NOW + 3 * SECOND))
    found.block("b", block("pdb:y", at=NOW + 2 * SECOND))
    found.release("pdb:y")
    assert found.wake_at == NOW + 3 * SECOND
    found.discard("a")
    assert found.wake_at is None


def test_a_blocked_one_that_moves_stays_blocked_and_comes_back_in_its_new_place() -> None:
    found = queue(a=1, b=2)
    found.block("a", block("pdb:x"))
    found.put("a", key(3, "a"))
    assert found.first() == "b"
    found.release("pdb:x")
    assert rest(found) == ["b", "a"]


def test_who_is_not_there_can_be_neither_blocked_nor_discarded() -> None:
    found = queue(a=1)
    found.block("z", block("pdb:x"))
    found.discard("z")
    assert "z" not in found
    assert not found.blocked
    assert len(found) == 1


def test_one_that_left_and_came_back_is_not_blocked_any_more() -> None:
    found = queue(a=1)
    found.block("a", block("pdb:x"))
    found.discard("a")
    found.put("a", key(1, "a"))
    assert found.first() == "a"
    assert not found.release("pdb:x")


def test_those_that_are_passed_over_come_back_together_in_their_places() -> None:
    found = queue(a=1, b=1, c=1, d=1)
    found.pass_over(["a", "b"], Held(a=("room",), b=("room",)), "room", ())
    found.pass_over(["c"], Held(c=("node:1", "room")), "room", ("node:1",))
    assert found.first() == "d"
    assert found.waits_for("room")
    assert not found.release("node:2")
    assert found.release("room")
    assert not found.waits_for("room")
    assert rest(found) == ["a", "b", "c", "d"]


def test_one_that_is_passed_over_is_asked_again_alone_when_what_it_alone_waits_for_changes() -> None:
    found = queue(a=1, b=1, c=1)
    found.pass_over(["a", "b"], Held(a=("room",), b=("node:1", "room")), "room", ("node:1",))
    assert found.release("node:1")
    assert found.first() == "b"
    assert found.verdict_of("a") == block("room")
    assert found.release("room")
    assert rest(found) == ["a", "b", "c"]


def test_those_ahead_are_equals_up_to_where_the_ring_begins_anew() -> None:
    found = DriftQueue()
    assert found.ahead(9) == []
    for name, second, draw in (("a", 1, 10), ("b", 1, 20), ("c", 1, 30), ("late", 2, 25)):
        found.put(name, key(second, name, draw))
    assert found.ahead(9) == ["a", "b", "c"]
    found.turn(20)
    assert found.ahead(9) == ["b", "c"]
    assert found.ahead(1) == ["b"]


@given(st.dictionaries(NAMES, st.integers(0, 5)), st.sets(NAMES))
def test_the_queue_yields_every_unblocked_candidate_exactly_once_in_order(
    seconds: dict[str, int], held: set[str]
) -> None:
    found = queue(**seconds)
    for name in held:
        found.block(name, block("pdb:x"))
    expected = sorted((name for name in seconds if name not in held), key=lambda name: key(seconds[name], name))
    assert rest(found) == expected
    assert set(found) == seconds.keys() & held


class AnyHistory(RuleBasedStateMachine):
    """Whatever is done to the queue, it answers as a plain dictionary of candidates would."""

    def __init__(self) -> None:
        super().__init__()
        self.queue = DriftQueue()
        self.keys: dict[str, OrderKey] = {}
        self.blocks: dict[str, Verdict] = {}
        self.now = NOW
        self.origin = 0

    @rule(name=NAMES, second=st.integers(0, 2), draw=st.integers(0, 3))
    def put(self, name: str, second: int, draw: int) -> None:
        self.queue.put(name, key(second, name, draw))
        self.keys[name] = key(second, name, draw)

    @rule(origin=st.integers(0, 4))
    def turn(self, origin: int) -> None:
        self.queue.turn(origin)
        self.origin = origin

    def place(self, name: str) -> OrderKey:
        group, second, draw, own = self.keys[name]
        return group, second, (draw - self.origin) % DRAWS, own

    @rule(name=NAMES)
    def discard(self, name: str) -> None:
        self.queue.discard(name)
        self.keys.pop(name, None)
        self.blocks.pop(name, None)

    @rule(name=NAMES, tokens=st.sets(TOKENS), seconds=st.none() | st.integers(1, 5))
    def block(self, name: str, tokens: set[str], seconds: int | None) -> None:
        verdict = block(*sorted(tokens), at=None if seconds is None else self.now + seconds * SECOND)
        self.queue.block(name, verdict)
        if name in self.keys:
            self.blocks[name] = verdict

    @rule(most=st.integers(1, 5), alone=st.sets(st.sampled_from(["node:1", "node:2"])))
    def pass_over(self, most: int, alone: set[str]) -> None:
        ahead = self.queue.ahead(most)
        free = sorted((name for name in self.keys if name not in self.blocks), key=self.place)
        assert ahead == free[: len(ahead)]
        assert bool(ahead) is bool(free)
        if ahead:
            every = {name: (*sorted(alone - {f"node:{number}"}), "room") for number, name in enumerate(ahead)}
            self.queue.pass_over(ahead, Held(**every), "room", alone)
            self.blocks.update({name: block(*tokens) for name, tokens in every.items()})

    @rule()
    def look(self) -> None:
        assert dict(self.queue.blocked) == self.blocks

    @rule(token=TOKENS)
    def release(self, token: str) -> None:
        waiting = {name for name, verdict in self.blocks.items() if token in verdict.waits_for}
        assert self.queue.release(token) is bool(waiting)
        for name in waiting:
            del self.blocks[name]

    @rule(seconds=st.integers(0, 3))
    def time_passes(self, seconds: int) -> None:
        self.now += seconds * SECOND
        over = {name for name, verdict in self.blocks.items() if verdict.wake_at and verdict.wake_at <= self.now}
        assert self.queue.release_due(self.now) is bool(over)
        for name in over:
            del self.blocks[name]

    @invariant()
    def the_queue_agrees(self) -> None:
        free = [name for name in self.keys if name not in self.blocks]
        assert self.queue.first() == min(free, key=self.place, default=None)
        assert list(self.queue) == sorted(self.keys, key=self.place)
        waited_for = {token for verdict in self.blocks.values() for token in verdict.waits_for}
        assert self.queue.waits_for("room") is ("room" in waited_for)
        wakes = [verdict.wake_at for verdict in self.blocks.values() if verdict.wake_at]
        assert self.queue.wake_at == min(wakes, default=None)


TestAnyHistory = AnyHistory.TestCase
