"""What happened in a rollout, collected from one view after the other, and the summary of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from msgspec.structs import replace

from napsim.report import phrases
from napsim.report.times import full, short, span
from napsim.report.view import Blocked, Phase, PickUp, Pool, Rollout, View

_MOST_BLOCKED = 5
_MOVING = (Phase.DISRUPTING, Phase.DRAINING, Phase.LAUNCHING)


@dataclass(slots=True)
class _PoolRecord:
    before: int = 0  # nodes on an earlier version at the pick-up
    left: int = 0  # of them now
    most: int = 0
    allowed: set[int | None] = field(default_factory=set)


@dataclass(slots=True)
class _Block:
    blocked: Blocked
    until: datetime


class Journal:
    """``note`` every view; the rollout told is that of the last pick-up that replaced a version. Times are virtual."""

    def __init__(self) -> None:
        self.pickups: tuple[PickUp, ...] = ()
        self.closed_at: datetime | None = None  # the window closed, after the pick-up
        self.left_at_closing = 0
        self.finished_at: datetime | None = None
        self._pools: dict[str, _PoolRecord] = {}
        self._blocks: dict[tuple[str, str], _Block] = {}
        self._before: View | None = None

    @property
    def version(self) -> str:
        """The version that was picked up last; "" while none was."""
        return self.pickups[0].to_version if self.pickups else ""

    @property
    def replaced(self) -> int:
        """Nodes of an earlier version that are gone."""
        return sum(record.before - record.left for record in self._pools.values())

    @property
    def most(self) -> dict[str, int]:
        """Of each pool, the most nodes disrupted at once."""
        return {name: record.most for name, record in self._pools.items()}

    @property
    def blocked(self) -> tuple[tuple[Blocked, datetime], ...]:
        """Who was blocked, each with the last instant at which it was."""
        return tuple((block.blocked, block.until) for block in self._blocks.values())

    def note(self, view: View) -> None:
        """Take in a view; later ones must be later."""
        self._note_pick_up(view)
        if self.pickups:
            for pool in view.pools:
                self._note_pool(pool)
            for item in view.blocked:
                self._note_blocked(item, view.clock.now)
            self._note_window(view)
            over = view.rollout in {Rollout.ROLLED_OUT, Rollout.WAITING_FOR_WINDOW} and not self.left
            self.finished_at = (self.finished_at or view.clock.now) if over else None
        self._before = view

    @property
    def left(self) -> int:
        """Nodes of an earlier version that are still there."""
        return sum(record.left for record in self._pools.values())

    def _note_pick_up(self, view: View) -> None:
        upgrades = [item for item in view.pickups if item.from_version]
        if not upgrades or (self.pickups and self.pickups[0].at == upgrades[0].at):
            return
        self.pickups = tuple(item for item in upgrades if item.at == upgrades[0].at)
        self.closed_at, self.left_at_closing, self._pools, self._blocks = None, 0, {}, {}
        for pool in (self._before or view).pools:
            self._pools[pool.name] = _PoolRecord(before=self._earlier(pool))

    def _earlier(self, pool: Pool) -> int:
        return sum(group.nodes for group in pool.groups if group.version not in {"", self.version})

    def _note_pool(self, pool: Pool) -> None:
        record = self._pools.setdefault(pool.name, _PoolRecord())
        record.left = self._earlier(pool)
        record.most = max(record.most, pool.disrupting, pool.most)
        if pool.count(*_MOVING) or pool.disrupting:
            record.allowed.add(pool.allowed)

    def _note_blocked(self, item: Blocked, now: datetime) -> None:
        """One entry for each thing that blocks a node: what comes second blocks only since it is seen."""
        if (item.node, item.message) not in self._blocks:
            is_second = any(node == item.node for node, _ in self._blocks)
            self._blocks[item.node, item.message] = _Block(replace(item, since=now) if is_second else item, now)
        self._blocks[item.node, item.message].until = now

    def _note_window(self, view: View) -> None:
        if self.closed_at is None and view.window is not None and not view.window.open:
            self.closed_at, self.left_at_closing = view.clock.now, self.left

    # --- the summary --------------------------------------------------------------------------------------------------

    def summary(self) -> list[str]:
        """The rollout in lines; what did not happen is not told."""
        if not self.pickups:
            return ["no image was picked up"]
        return [*self._told_pick_up(), *self._told_nodes(), *self._told_blocked()]

    def _told_pick_up(self) -> Iterator[str]:
        at = self.pickups[0].at
        for same in phrases.together(self.pickups):
            yield f"picked up    {full(at)} UTC  {phrases.pick_up(same)}"
        for reason in sorted({_why(item) for item in self.pickups} - {""}):
            yield f"             {reason}"

    def _told_nodes(self) -> Iterator[str]:
        took = f" in {span(self.finished_at - self.pickups[0].at)} (virtual)" if self.finished_at else ""
        yield f"replaced     {phrases.plural(self.replaced, 'node')}{took}, {self.left} left"
        if self.closed_at is not None and self.left_at_closing:
            after = self.left_at_closing - self.left
            yield f"             {after} of them after the window had closed: it gates the pick-up, not the rollout"
        for name, record in sorted(self._pools.items()):
            yield f"at once      {name}: {record.most} at most, of {_budgets(record.allowed)} allowed"

    def _told_blocked(self) -> Iterator[str]:
        longest = sorted(self.blocked, key=lambda entry: (entry[0].since or entry[1]) - entry[1])
        for item, until in longest[:_MOST_BLOCKED]:
            since = item.since or until
            when = f"from {short(since, until)} to {short(until, until)}"
            yield f"blocked      {item.node} for {span(until - since)}, {when}"
            yield f"             {item.message or item.reason}"
        if len(longest) > _MOST_BLOCKED:
            yield f"             and {len(longest) - _MOST_BLOCKED} more, for shorter"
        if not longest:
            yield "blocked      nothing"


def _why(item: PickUp) -> str:
    """Why in words: what the reason says beside the definition, the versions and the rule, which are told already."""
    return item.reason.partition(f"({item.rule}: ")[2].rstrip(")") or item.reason


def _budgets(allowed: Iterable[int | None]) -> str:
    numbers = sorted(number for number in allowed if number is not None)
    words = [f"{numbers[0]} to {numbers[-1]}" if numbers[0] != numbers[-1] else str(numbers[0])] if numbers else []
    return " or ".join([*words, *(["unlimited"] if None in allowed else [])]) or "none"
