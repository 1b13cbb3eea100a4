"""One story twice: what the operator did on a real API server since a snapshot, and what a forecast makes of that."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import msgspec

from napsim.core.divergence import renamed
from napsim.core.timings import Distribution
from napsim.core.trace import Record, RecordKind, line, parsed
from napsim.reading.sources import read
from napsim.sim.composition import Asked, scenario_of
from napsim.sim.scenario import Event, PodTimings
from napsim.sim.simulation import simulate
from tests.e2e.rehearsal import Rehearsal

LIVE: Final = "live.jsonl"
"""The operator's whole trace, in the folder of a story."""
FACTOR: Final = 15.0
STEPS: Final = {"launch": 5, "registration": 40, "initialization": 15, "detach": 5}
PODS: Final = PodTimings(Distribution(low=2.0), Distribution(low=10.0))  # KWOK's, on a clock of that factor
# What requests take on that clock, and KWOK's part, where a machine has time to spare; where not, what it showed itself
# to need more.
TOLERANCE: Final = timedelta(minutes=1)
NO_ROOM: Final = "NotAllPodsWouldSchedule"
NOMINATED: Final = "Nominated"


@dataclass(frozen=True, slots=True)
class Twice:
    """Both traces from the snapshot to the same instant, and the files that hold them."""

    live: list[Record]
    played: list[Record]
    files: tuple[str, str]

    def both(self, *kinds: RecordKind, pool: str = "") -> tuple[list[Record], list[Record]]:
        """Records of these kinds, of commands those of a pool, names of the second trace as in the first."""
        played = renamed(self.live, self.played)
        live, other = (
            [it for it in records if it.kind in kinds and pool in ("", it.details.get("nodePool"))]
            for records in (self.live, played)
        )
        return live, other

    @property
    def tolerance(self) -> timedelta:
        """Where launches take as long as ``STEPS`` says: one that took longer tells of a machine that is busy."""
        at = {(it.kind, it.object): it.at for it in self.live}
        launched = ((it, at.get((RecordKind.CLAIM_CREATED, it.object))) for it in self.live)
        late = (
            it.at - created - timedelta(seconds=STEPS["launch"])
            for it, created in launched
            if it.kind is RecordKind.CLAIM_LAUNCHED and created is not None
        )
        return TOLERANCE + 10 * max(late)


def told_twice(files: Path, snapshot: str, asked: Asked, pods: PodTimings, events: Iterable[Event] = ()) -> Twice:
    """Plays the snapshot, and puts beside it what the operator wrote into ``LIVE`` of the same time."""
    (files / "snapshot.yaml").write_text(snapshot)
    documents, mistakes = read(["-"], lambda: snapshot)
    assert not mistakes
    found = scenario_of(documents, asked)
    played = simulate(msgspec.structs.replace(found, pods=pods, events=tuple(events)), pods_in_trace=False).trace
    records = [parsed(text) for text in (files / LIVE).read_text().splitlines()]
    live = [*standing(records, found.start), *(it for it in records if found.start <= it.at < found.until)]
    paths = files / "live-cut.jsonl", files / "played-cut.jsonl"
    for path, told in zip(paths, (live, played), strict=True):
        path.write_text("".join(f"{line(record)}\n" for record in told))
    return Twice(live, list(played), (str(paths[0]), str(paths[1])))


def standing(records: Iterable[Record], at: datetime) -> list[Record]:
    """Who is blocked at that instant, which a simulation that begins there tells as its first."""
    found: dict[str, Record] = {}
    for record in records:
        if record.at < at and record.kind is RecordKind.BLOCKED:
            found[record.object] = msgspec.structs.replace(record, at=at)
        elif record.at < at and record.kind is RecordKind.UNBLOCKED:
            found.pop(record.object, None)
    return list(found.values())


def story(records: Iterable[Record]) -> list[tuple[str, str, str, str]]:
    """What was told of what, without when."""
    return [(str(record.kind), record.object, record.reason, record.message) for record in records]


def running(made: Rehearsal) -> int:
    """How many pods are ready."""
    pods = made.items("pods", "--namespace=default")
    conditions = (it for pod in pods for it in pod["status"].get("conditions", ()))
    return sum(it["type"] == "Ready" and it["status"] == "True" for it in conditions)
