"""What one forecast says of each assertion (``api.checks``): that it holds, or where it breaks first.

Policy: ours. A breach has the instant from which on the assertion is broken, and what it is about. What no image came
for in time, so that nothing could break, counts as a breach: an assertion that cannot fail says nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from napsim.api.checks import Assertion, AtOnce, Evictions, Finishes, NoDisruption, PickedUp, parse_days, parse_hours
from napsim.api.checks import Budgets as BudgetAssertion
from napsim.api.scalars import parse_instant
from napsim.controllers.imagelinks import Image, image_of
from napsim.core.periods import ALL_DAY, EVERY_DAY, Period
from napsim.core.versions import is_newer
from napsim.sim.outcome import Outcome, PoolOutcome, PoolStep, WorkloadOutcome
from napsim.sim.scenario import Applied, Scenario

_REPLICATED: Final = frozenset({"Deployment", "StatefulSet", "ReplicaSet"})


@dataclass(frozen=True, slots=True)
class Breach:
    """Where an assertion breaks: the instant (virtual, UTC), the pool, the image or workload, and in words.

    ``undecided``: it does not break, but the forecast ends before anything could.
    """

    at: datetime
    message: str
    node_pool: str = ""
    image: str = ""  # definition-version
    workload: str = ""
    undecided: bool = False


@dataclass(frozen=True, slots=True)
class Held:
    """An assertion in one run. ``measure`` is how near it came, in words."""

    measure: str
    breach: Breach | None = None


@dataclass(frozen=True, slots=True)
class _Published:
    image: Image
    at: datetime


@dataclass(slots=True)
class Judge:
    """One scenario with the outcome of one run of it. ``zone``: whose clocks assertions without a zone are on."""

    scenario: Scenario
    outcome: Outcome
    zone: str
    _classes: Mapping[str, str] = field(init=False)
    _published: tuple[_Published, ...] = field(init=False)

    def __post_init__(self) -> None:
        self._classes = dict(_classes(self.scenario))
        self._published = tuple(sorted(_publications(self.scenario), key=lambda item: item.at))

    def held(self, assertion: Assertion) -> Held:
        """What this run says of one assertion, which is one of those that need a forecast."""
        table: tuple[tuple[object, Callable[..., Held]], ...] = (
            (assertion.finishes, self._finishes),
            (assertion.picked_up, self._picked_up),
            (assertion.at_once, self._at_once),
            (assertion.no_disruption, self._no_disruption),
            (assertion.evictions, self._evictions),
        )
        wanted, judge = next((wanted, judge) for wanted, judge in table if wanted is not None)
        return judge(wanted)

    def _pools(self, wanted: Iterable[str] | None) -> list[PoolOutcome]:
        return [pool for pool in self.outcome.pools if wanted is None or pool.name in wanted]

    # --- images -------------------------------------------------------------------------------------------------------

    def _finishes(self, wanted: Finishes) -> Held:
        longest, breaches, decided, late = timedelta(0), list[Breach](), 0, False
        for pool in self._pools(wanted.node_pools):
            for item in self._concerning(pool):
                begin = max(item.at, self.outcome.started_at)
                if wanted.after == "PickUp":
                    picked = self._picked_up_at(self._classes.get(pool.name, ""), item)
                    if picked is None:  # it waits, and so does the judgement; unless nothing has to move
                        late = late or _done_at(pool.steps, item.image, begin) is None
                        continue
                    begin = picked
                done = _done_at(pool.steps, item.image, begin)
                deadline = begin + wanted.within
                if done is not None and done <= deadline:
                    longest, decided = max(longest, done - begin), decided + (done > begin)
                elif deadline <= self.outcome.ended_at:
                    breaches.append(self._unfinished(pool, item, deadline))
                else:
                    late = True
        return self._judged(breaches, decided, late, f"at most {_days(longest)}")

    def _unfinished(self, pool: PoolOutcome, item: _Published, deadline: datetime) -> Breach:
        step = _step_at(pool.steps, deadline)
        left = sum(count for label, count in step.versions if _is_older(label, item.image)) if step else 0
        name = _name(item.image)
        message = (
            f"{left} of {step.nodes if step else 0} nodes of pool {pool.name} do not run {name} yet, nor a newer one"
        )
        return Breach(deadline, message, pool.name, name)

    def _picked_up(self, wanted: PickedUp) -> Held:
        longest, breaches, decided, late = timedelta(0), list[Breach](), 0, False
        for node_class, item in self._to_pick_up():
            picked, deadline = self._picked_up_at(node_class, item), item.at + wanted.within
            if picked is not None and picked <= deadline:
                longest, decided = max(longest, picked - item.at), decided + 1
            elif deadline <= self.outcome.ended_at:
                message = f"AKSNodeClass {node_class} has not picked up {_name(item.image)}, nor a newer one"
                at = max(deadline, self.outcome.started_at)
                breaches.append(Breach(at, message, image=_name(item.image)))
            else:
                late = True
        return self._judged(breaches, decided, late, f"at most {_days(longest)}")

    def _to_pick_up(self) -> Iterator[tuple[str, _Published]]:
        """Each class with each image that it could take and does not hold from the start."""
        for node_class in sorted(set(self._classes.values())):
            pools = [pool for pool in self.outcome.pools if self._classes.get(pool.name) == node_class]
            concerning = {item for pool in pools for item in self._concerning(pool)}
            held = _held_at_start(self.scenario, node_class)
            for item in sorted(concerning, key=lambda found: (found.at, found.image.version)):
                older = held is not None and any(_older(image, item.image) for image in held)
                if item.at > self.outcome.started_at or older:
                    yield node_class, item

    def _picked_up_at(self, node_class: str, item: _Published) -> datetime | None:
        for found in self.outcome.pick_ups:
            taken = Image(found.definition, found.to_version)
            same = found.node_class == node_class and found.definition == item.image.definition
            if same and found.at >= item.at and found.to_version and not _older(taken, item.image):
                return found.at
        return None

    def _concerning(self, pool: PoolOutcome) -> Iterator[_Published]:
        """The images that the pool's nodes could run, and that were there before the end."""
        run = {image_of(label).definition for step in pool.steps for label, count in step.versions if count}
        known = [item for item in self._published if item.image.definition in run]
        before = [item for item in known if item.at <= self.outcome.started_at]
        newest = {item.image.definition: item for item in before}
        yield from newest.values()
        yield from (item for item in known if self.outcome.started_at < item.at <= self.outcome.ended_at)

    def _judged(self, breaches: list[Breach], decided: int, late: bool, measure: str) -> Held:
        if breaches:
            return Held(f"{len(breaches)} late", min(breaches, key=lambda item: (item.at, item.node_pool)))
        if decided or not late:
            return Held(measure if decided else "nothing had to move")
        message = "the forecast ends before the time is over: a later until decides"
        return Held("not decided", Breach(self.outcome.ended_at, message, undecided=True))

    # --- nodes --------------------------------------------------------------------------------------------------------

    def _at_once(self, wanted: AtOnce) -> Held:
        if wanted.node_pools is None:
            return self._most(wanted.nodes, [("", self.outcome.most_disrupting, self._above(wanted.nodes))])
        pools = self._pools(wanted.node_pools)
        return self._most(
            wanted.nodes,
            [
                (pool.name, pool.most_disrupting, _first(pool.steps, lambda s: s.disrupting > wanted.nodes))
                for pool in pools
            ],
        )

    def _above(self, nodes: int) -> datetime | None:
        """When more nodes of all pools together were disrupted for the first time."""
        steps = sorted(
            ((step.at, pool.name, step.disrupting) for pool in self.outcome.pools for step in pool.steps),
            key=lambda item: (item[0], item[1]),
        )
        now: dict[str, int] = {}
        for position, (at, pool, disrupting) in enumerate(steps):
            now[pool] = disrupting
            last = position + 1 == len(steps) or steps[position + 1][0] != at
            if last and sum(now.values()) > nodes:
                return at
        return None

    def _most(self, nodes: int, found: list[tuple[str, int, datetime | None]]) -> Held:
        most = max((number for _, number, _ in found), default=0)
        late = [(at, pool, number) for pool, number, at in found if at is not None]
        if not late:
            return Held(f"at most {most} at once")
        at, pool, _ = min(late)
        whose = f" of pool {pool}" if pool else ""
        limit = "1 node" if nodes == 1 else f"{nodes} nodes"
        return Held(f"{most} at once", Breach(at, f"more than {limit}{whose} disrupted at once", pool))

    def _no_disruption(self, wanted: NoDisruption) -> Held:
        start, end = self.outcome.started_at, self.outcome.ended_at
        spans = list(period_of(wanted, self.zone).spans(start, end))
        broken: list[tuple[datetime, str]] = []
        for pool in self._pools(wanted.node_pools):
            for since, until in spans:
                broken += [(at, pool.name) for at in _disrupted(pool.steps, max(since, start), min(until, end))]
        if not spans:
            message = "none of these times is within the forecast: set a later until, and give images that ship by then"
            return Held("not decided", Breach(end, message, undecided=True))
        if not broken:
            return Held("none at these times")
        at, name = min(broken)
        message = f"nodes of pool {name} are being disrupted in a time without disruption"
        return Held(f"{len(broken)} times", Breach(at, message, name))

    # --- pods ---------------------------------------------------------------------------------------------------------

    def _evictions(self, wanted: Evictions) -> Held:
        replicas, worst, broken = _replicas(self.scenario), 0, list[Breach]()
        for item in self.outcome.workloads:
            if wanted.workloads is not None and item.name not in wanted.workloads:
                continue
            if wanted.workloads is None and "/DaemonSet/" in item.name:
                continue
            most = wanted.at_most * (replicas.get(item.name, 1) if wanted.per_replica else 1)
            lost = item.evicted + item.deleted
            worst = max(worst, lost)
            if lost > most:
                at = _exceeded(item, most) or self.outcome.ended_at
                pods = f", which has {replicas.get(item.name, 1)} pods" if wanted.per_replica else ""
                broken.append(Breach(at, f"{lost} pods of {item.name} are evicted{pods}", workload=item.name))
        if not broken:
            return Held(f"at most {worst} of one workload")
        return Held(f"up to {worst} of one workload", min(broken, key=lambda item: (item.at, item.workload)))


def period_of(wanted: NoDisruption | BudgetAssertion, zone: str) -> Period:
    """The times of an assertion."""
    return Period(
        ZoneInfo(wanted.time_zone or zone),
        parse_days(wanted.days) if wanted.days else EVERY_DAY,
        parse_hours(wanted.hours) if wanted.hours else ALL_DAY,
        wanted.begins,
        wanted.until,
    )


# --- what a scenario says ---------------------------------------------------------------------------------------------


def _classes(scenario: Scenario) -> Iterator[tuple[str, str]]:
    later = [event.manifest for event in scenario.events if isinstance(event, Applied)]
    for item in (*later, *scenario.manifests):
        if item["kind"] == "NodePool":
            yield item["metadata"]["name"], item["spec"]["template"]["spec"]["nodeClassRef"]["name"]


def _publications(scenario: Scenario) -> Iterator[_Published]:
    for item in scenario.manifests:
        if item["kind"] == "NodeImage":
            spec = item["spec"]
            version = "-".join(filter(None, (spec["version"], spec.get("securityPatch", ""))))
            yield _Published(Image(spec["definition"], version), parse_instant(spec["publishedAt"]))


def _held_at_start(scenario: Scenario, node_class: str) -> list[Image] | None:
    """What the class holds; None where it holds nothing yet, and takes the newest at the start."""
    for item in scenario.manifests:
        if item["kind"] == "AKSNodeClass" and item["metadata"]["name"] == node_class:
            images = (item.get("status") or {}).get("images")
            return [image_of(image["id"]) for image in images] if images else None
    return None


def _replicas(scenario: Scenario) -> dict[str, int]:
    return {
        f"{it['metadata']['namespace']}/{it['kind']}/{it['metadata']['name']}": it["spec"].get("replicas", 1)
        for it in scenario.manifests
        if it["kind"] in _REPLICATED
    }


# --- what an outcome says ---------------------------------------------------------------------------------------------


def _older(one: Image, other: Image) -> bool:
    """Whether ``one`` is an older version of the same definition."""
    return one.definition == other.definition and is_newer(other.version, one.version)


def _is_older(label: str, image: Image) -> bool:
    return _older(image_of(label), image)


def _name(image: Image) -> str:
    return f"{image.definition}-{image.version}"


def _done_at(steps: tuple[PoolStep, ...], image: Image, begin: datetime) -> datetime | None:
    """The first instant, not before ``begin``, at which no node runs an older version; None if there is none."""
    for position, step in enumerate(steps):
        ends = steps[position + 1].at if position + 1 < len(steps) else None
        if ends is not None and ends <= begin:
            continue
        if not any(count and _is_older(label, image) for label, count in step.versions):
            return max(step.at, begin)
    return None


def _step_at(steps: tuple[PoolStep, ...], at: datetime) -> PoolStep | None:
    return next((step for step in reversed(steps) if step.at <= at), None)


def _first(steps: tuple[PoolStep, ...], holds: Callable[[PoolStep], bool]) -> datetime | None:
    return next((step.at for step in steps if holds(step)), None)


def _disrupted(steps: tuple[PoolStep, ...], since: datetime, until: datetime) -> Iterator[datetime]:
    """When within [since, until) nodes are being disrupted: the beginning, if they already are."""
    for position, step in enumerate(steps):
        ends = steps[position + 1].at if position + 1 < len(steps) else until
        if step.disrupting and step.at < until and ends > since:
            yield max(step.at, since)


def _exceeded(item: WorkloadOutcome, most: int) -> datetime | None:
    lost = 0
    for at, pods in item.evictions:
        lost += pods
        if lost > most:
            return at
    return None


def _days(length: timedelta) -> str:
    hours = int(length.total_seconds()) // 3_600
    return f"{hours // 24}d{hours % 24}h" if hours >= 24 else f"{hours}h{int(length.total_seconds()) % 3_600 // 60:02}m"
