"""README shows of ``make demo`` what the program prints: of the forecast, and of a rollout that its lines tell."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import Final

from msgspec.structs import replace
from rich.console import Console

from napsim.cli.demo import _Lines, _sum_up
from napsim.cli.foretelling import foretold
from napsim.cli.stage import examples_folder
from napsim.cluster import Cluster
from napsim.report.comparison import course_of, course_seen
from napsim.report.forecast import Forecast
from napsim.report.forecast_lines import brief
from napsim.report.journal import Journal
from napsim.report.scenes import THEN, UNTIL_BLOCKED
from napsim.report.view import Blocked, Clock, Group, Phase, PickUp, Pool, Rollout, View, Window
from tests.docs.rehearsal import forecast, not_printed, rehearsal

OLD, NEW = "202601.27.0", "202602.13.0"
NODE: Final = "aks-default-hl9k2"
PDB: Final = "pdb prevents pod evictions (PodDisruptionBudget=[shop/ledger])"
FOLDER: Final = Path("/clusters/demo")
FILES: Final = ("kubeconfig", "audit.log", "kubectl")
CLUSTER: Final = Cluster("demo", "kwok", FOLDER, FOLDER, *(FOLDER / name for name in FILES))
TITLES: Final = [scene.title for scene in (*UNTIL_BLOCKED, THEN)]


def at(time: str, day: int = 15) -> datetime:
    return datetime.fromisoformat(f"2026-02-{day}T{time}").replace(tzinfo=UTC)


def pool(name: str, taken: int, allowed: int, **phases: int) -> Pool:
    """``current`` are on the new image, ``launching`` on none, all others on the old one."""
    versions = {Phase.CURRENT: NEW, Phase.LAUNCHING: ""}
    groups = tuple(Group(versions.get(phase := Phase(key), OLD), phase, count) for key, count in phases.items())
    most = {"default": 2, "system": 1}[name] if taken else 0
    until = None if allowed else at("06:00:00")
    updated = phases.get("current", 0)
    return Pool(name, groups, sum(phases.values()), updated, taken, allowed, until, most=most)


OPEN: Final = Window("aks-managed-node-os-upgrade-schedule", "aksManagedNodeOSUpgradeSchedule", "OPEN", at("05:00:00"))
CLOSED: Final = replace(OPEN, state="closed", changes_at=at("01:00:00", 22))
WHY: Final = "x (WindowOpen: the maintenance window is open)"
PICKED_UP: Final = tuple(
    PickUp(at("01:00:00"), "default", definition, OLD, NEW, "WindowOpen", WHY)
    for definition in ("2404gen2containerd", "2404containerd", "2404gen2arm64containerd")
)
HELD: Final = (Blocked(NODE, "default", "PodDisruptionBudget", PDB, at("01:15:00")),)
FULL: Final = View(
    "", Clock(at("00:59:00"), 600), Rollout.ROLLED_OUT, (OPEN,),
    (pool("default", 0, 2, drifted=12), pool("system", 0, 1, drifted=3)), (), (), (), (), (OLD, NEW),
)  # fmt: skip


def seen(time: str, before: View, default: Pool, system: Pool | None = None, **changed: object) -> View:
    pools = (default, system or before.pools[1])
    return replace(before, clock=Clock(at(time), 600), pools=pools, **changed)


def scenes() -> Iterator[tuple[int, View]]:
    """What README's lines tell: the scene, and what is seen then."""
    view = seen("01:00:53", FULL, FULL.pools[0], pickups=PICKED_UP, rollout=Rollout.ROLLING_OUT)
    yield 3, view
    view = seen("01:12:10", view, pool("default", 1, 2, drifted=11, disrupting=1), pool("system", 0, 0, drifted=3))
    yield 4, view
    view = seen("01:35:28", view, pool("default", 2, 2, current=3, drifted=8, blocked=1, draining=2), blocked=HELD)
    yield 4, view
    view = seen("03:36:21", view, pool("default", 0, 2, current=11, blocked=1))
    yield 4, view
    view = seen("05:00:39", view, view.pools[0], windows=(CLOSED,))
    yield 4, view
    view = seen("06:10:17", view, view.pools[0], pool("system", 1, 1, current=1, drifted=1, disrupting=1, launching=1))
    yield 5, view
    view = seen("06:34:50", view, view.pools[0], pool("system", 0, 1, current=3), rollout=Rollout.BLOCKED)
    yield 5, view
    view = seen("06:35:10", view, *view.pools)  # time alone: nothing is told
    yield 5, view
    view = seen("06:47:19", view, pool("default", 0, 2, current=12), blocked=(), rollout=Rollout.ROLLED_OUT)
    yield 6, view


def printed(foreseen: Forecast) -> list[str]:
    """By the program, of that rollout."""
    console = Console(file=StringIO(), width=200, highlight=False)
    told, journal = _Lines(console), Journal()
    told.scene_over(FULL)
    journal.note(FULL)
    shown = 0
    for number, view in scenes():
        if number != shown:
            told.scene(number, TITLES[number - 1])
            shown = number
        told.scene_over(view)
        journal.note(view)
    _sum_up(console, journal, (course_of(foreseen), course_seen(journal, 31)), CLUSTER, keep=True)
    assert isinstance(console.file, StringIO)
    return ["=== The rehearsal", *console.file.getvalue().splitlines()]


def test_readme_shows_of_the_demo_what_it_prints() -> None:
    foreseen = foretold(examples_folder(), datetime(2026, 1, 1, tzinfo=UTC))
    assert not_printed(forecast(), [line.text for line in brief(foreseen)]) == []
    assert not_printed(rehearsal(), printed(foreseen)) == []
