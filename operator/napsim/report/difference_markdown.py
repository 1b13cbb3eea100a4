"""What changes in effect, as Markdown (GitHub's): the comment of a pull request.

It begins with a marker, by which a workflow finds the comment that it made before. Long lists are folded.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from napsim.report.budget_calendar import UNLIMITED
from napsim.report.difference import Budgets, Difference, Level, Outlook, Windows
from napsim.report.difference_lines import (
    MARKS,
    MOST,
    both_clocks,
    change,
    differs,
    finished,
    hours,
    hours_a_year,
    later,
    risks,
    words,
)
from napsim.report.times import full

MARKER: Final = "<!-- napsim diff -->"
_WORDS: Final = {"added": "new", "gone": "gone", "changed": "changed"}


def markdown(difference: Difference) -> str:
    """The comment, with the last line's end."""
    return "\n\n".join("\n".join(block) for block in _blocks(difference)) + "\n"


def _blocks(difference: Difference) -> Iterator[list[str]]:
    yield [MARKER, "### Maintenance: what changes in effect"]
    yield [f"{_code(difference.before)} → {_code(difference.after)}, from {full(difference.start)} UTC on."]
    if not difference.changed:
        yield ["**Nothing changes in effect**: the same windows, budgets and rollout."]
    if difference.outlook is not None:
        yield from _outlook(difference.outlook, difference.time_zone)
    for windows in difference.windows:
        yield from _windows(windows, difference.time_zone)
    for budgets in difference.budgets:
        yield from _budgets(budgets)
    yield from _objects(difference)
    if difference.notes:
        yield [f"- {_text(note)}" for note in difference.notes]


def _outlook(outlook: Outlook, zone: str) -> Iterator[list[str]]:
    yield [f"#### Next rollout: {later(outlook)}"]
    rows = [
        (
            _code(item.pool) if item.pool else "**all nodes on the newest image**",
            finished(item.before, outlook.ended_before, outlook.start, zone),
            finished(item.after, outlook.ended_after, outlook.start, zone),
        )
        for item in outlook.finish
    ]
    for title, (old, new) in (
        ("most nodes disrupted at once", outlook.most_disrupting),
        ("pods evicted", outlook.evicted),
    ):
        rows.append((title, str(old), str(new)))
    yield _table((f"forecast, {zone}", "before", "after"), rows)
    for mark, what, found in risks(outlook):
        listed = [f"- {_code(item.name)}: {_text(item.why)}" for item in found]
        yield _listed(f"{'⚠️' if mark == '+' else '✅'} {len(found)}: {what}", listed)


def _windows(windows: Windows, zone: str) -> Iterator[list[str]]:
    yield [f"#### Windows: {_code(windows.config_name)}"]
    yield [f"{_text(hours_a_year(windows))}."]
    for title, spans in (("gained", windows.gained), ("lost", windows.lost)):
        if spans:
            yield _listed(f"{len(spans)} {title}", [f"- {_text(both_clocks(item, zone))}" for item in spans])


def _budgets(budgets: Budgets) -> Iterator[list[str]]:
    yield [f"#### Budgets: {_code(budgets.pool)}, {', '.join(budgets.reasons)}"]
    yield _table(("nodes at once", "hours a week before", "after", "change"), map(_level, budgets.levels))
    yield [f"{_text(differs(budgets))}."]


def _level(level: Level) -> tuple[str, str, str, str]:
    before, after = ("no pool" if it is None else hours(it) for it in (level.before_seconds, level.after_seconds))
    told = f"🔴 **{words(level.allowed)}**" if level.allowed == UNLIMITED else words(level.allowed)
    return told, before, after, change(level)


def _objects(difference: Difference) -> Iterator[list[str]]:
    if not difference.objects and not difference.counts:
        return
    yield ["#### Objects"]
    rows = []
    for item in difference.objects:
        told = [f"{_code(it.field)}: {_value(it.before)} → {_value(it.after)}" for it in item.fields[:MOST]]
        if len(item.fields) > MOST:
            told.append(f"{len(item.fields) - MOST} more")
        told += [f"⚠️ {_text(effect)}" for effect in item.effects]
        rows.append((f"{MARKS[item.change]} {_WORDS[item.change]}", _code(item.named), "<br>".join(told)))
    rows += [("±", _code(it.kind), f"{it.added} come, {it.gone} go") for it in difference.counts]
    yield _table(("", "object", "what"), rows)


# --- Markdown ---------------------------------------------------------------------------------------------------------


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    lines = [head, ["---"] * len(head), *rows]
    return [f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines]


def _listed(title: str, items: Sequence[str]) -> list[str]:
    """Folded, where it is long."""
    if len(items) <= 3:
        return [f"{title}:", "", *items]
    return [f"<details><summary>{title}</summary>", "", *items, "", "</details>"]


def _value(text: str) -> str:
    return _code(text) if text else "absent"


def _code(text: str) -> str:
    """As code; a text with back quotes in it between longer ones."""
    fence = "`"
    while fence in text:
        fence += "`"
    padding = " " if "`" in text else ""
    return f"{fence}{padding}{' '.join(text.split())}{padding}{fence}"


def _text(text: str) -> str:
    """Plain text, of which nothing is taken for markup or a mention."""
    escaped = "".join(f"\\{it}" if it in "\\`*_{}[]<>#|~" else it for it in " ".join(text.split()))
    return escaped.replace("@", "@\u200b")
