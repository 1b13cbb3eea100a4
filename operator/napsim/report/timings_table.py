"""How long steps took, as a table, as ``spec.timings`` of a Scenario, and as a document."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import yaml

from napsim.core.measurements import Measurement

SCHEMA: Final = "napsim.dev/timings/v1"
_FROM: Final = {
    "launch": "NodeClaim, Launched",
    "registration": "Launched, Registered",
    "initialization": "Registered, Initialized",
    "detach": "drained, Node gone",
    "podStart": "pod bound, Ready",
}
_WIDTH: Final = 76


def lines(found: Sequence[Measurement], notes: Iterable[str]) -> Iterator[str]:
    """A row for each step, then the block to paste."""
    yield f"{'STEP':<16}{'FROM, TO':<26}{'COUNT':>7}{'MEDIAN':>10}{'P95':>10}{'MOST':>10}"
    for item in found:
        shown = "".join(f"{_seconds(value):>10}" for value in (item.median, item.p95, item.seconds[-1]))
        yield f"{item.step:<16}{_FROM[item.step]:<26}{len(item.seconds):>7}{shown}"
    yield from notes
    yield ""
    yield from block(found).splitlines()


def _seconds(value: float) -> str:
    return f"{value:g} s" if value == round(value) else f"{value:.2f} s"


def block(found: Iterable[Measurement]) -> str:
    """For ``spec`` of a Scenario; without ``podStart`` for that of NodeAutoProvisioning."""
    timings = {item.step: item.timing() for item in found}
    rows = (yaml.safe_dump({key: value}, default_flow_style=None, width=_WIDTH) for key, value in timings.items())
    return "timings:\n" + "".join("".join(f"  {row}\n" for row in text.splitlines()) for text in rows)


def document(found: Iterable[Measurement], notes: Iterable[str]) -> str:
    """For programs. Seconds."""
    steps = [
        {
            "step": item.step,
            "count": len(item.seconds),
            "median": item.median,
            "p95": item.p95,
            "most": item.seconds[-1],
            "timing": item.timing(),
        }
        for item in found
    ]
    return json.dumps({"schema": SCHEMA, "steps": steps, "notes": list(notes)}, indent=2)
