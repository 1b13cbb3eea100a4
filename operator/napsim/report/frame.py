"""One frame of the live view: lines of a given width that fill a given height, the important ones first.

Every line is made for the width, so that nothing wraps. What does not fit is counted, not dropped silently; only of
events there are always more than the latest ones that are shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from textwrap import wrap
from typing import Final

from rich.text import Text

from napsim.report import phrases
from napsim.report.bars import SIGNS_LEGEND, bar, letter, style
from napsim.report.times import short
from napsim.report.view import Blocked, Phase, Pool, Rollout, View, Window

LEAST_WIDTH: Final = 60
LEAST_HEIGHT: Final = 12
_HEADING: Final = "bold"
_QUIET: Final = "dim"
_GOOD: Final = "bold #56B4E9"
_BAD: Final = "bold red"
_ATTENTION: Final = "bold #E69F00"
_ROLLOUT_STYLES: Final = {
    Rollout.ROLLED_OUT: _GOOD,
    Rollout.ROLLING_OUT: _ATTENTION,
    Rollout.BLOCKED: _BAD,
    Rollout.WAITING_FOR_WINDOW: _ATTENTION,
}
_UPDATED_WIDTH: Final = 9
_TOLD_ABOVE: Final = "ImagePickedUp"  # the section of the pick-ups says it all, and in one line
_BUDGET_WIDTH: Final = 18


@dataclass(frozen=True, slots=True)
class _Section:
    """Lines below a heading. ``things``: how many each line stands for, and what they are called; none are counted
    where that is empty."""

    lines: Sequence[Text] = ()
    things: Sequence[int] = ()
    noun: str = ""

    def __len__(self) -> int:
        return len(self.lines)

    def within(self, room: int) -> Sequence[Text]:
        """The lines that fit; the last one counts what does not."""
        if len(self.lines) <= room or not self.noun:
            return self.lines[:room]
        hidden = sum(self.things[room - 1 :])
        return [*self.lines[: room - 1], Text(f"and {phrases.plural(hidden, f'more {self.noun}')}", _BAD)]


def frame(view: View, width: int, height: int, story: Sequence[str] = (), footer: str = "") -> list[Text]:
    """At most ``height`` lines of at most ``width`` cells. ``story`` is told below the head; ``footer`` ends it."""
    width, height = max(width, LEAST_WIDTH), max(height, LEAST_HEIGHT)
    head = [*_head(view, width), *_notes(view), *_story(story, width)]
    sections = [_blocked(view, width), _pick_ups(view), _events(view, width)]
    room = height - len(head) - 1
    pools = _pools(view, width, max(room - _wanted(sections), 5))
    rest = height - len(head) - len(pools) - 1
    lines = [*head, *pools, *_fitted(sections, rest)]
    lines += [Text()] * (height - 1 - len(lines))
    return [_cut(line, width) for line in (*lines[: height - 1], _footer(width, footer))]


def _wanted(sections: Sequence[_Section]) -> int:
    """Lines that the sections below the pools should have at least: all that is blocked, and a few of the others."""
    return sum(min(len(section), 7 if index == 0 else 3) for index, section in enumerate(sections) if section)


def _fitted(sections: Sequence[_Section], room: int) -> Iterator[Text]:
    """The sections within ``room`` lines: each keeps its heading and a line if possible, the last gets the rest."""
    for index, section in enumerate(sections):
        after = sum(min(len(later), 3) for later in sections[index + 1 :])
        share = min(len(section), max(room - after, min(room, 3)))
        if share < 2:
            continue
        yield from section.within(share)
        room -= share


def _story(story: Sequence[str], width: int) -> Iterator[Text]:
    """The first line is a heading."""
    for index, line in enumerate(story):
        for part in wrap(line, width - 2) or [""]:
            yield Text(part if index == 0 else f"  {part}", _ATTENTION if index == 0 else "")


# --- head -------------------------------------------------------------------------------------------------------------


def _head(view: View, width: int) -> Iterator[Text]:
    state = Text(phrases.rollout(view), _ROLLOUT_STYLES[view.rollout] if view.total else _QUIET)
    yield _apart(Text.assemble(("napsim", _HEADING), f"  {view.cluster}"), state, width)
    zone = view.window.zone if view.window else "UTC"
    yield Text.assemble(("Clock   ", _HEADING), phrases.clock(view.clock, zone))
    for window in view.windows[:2]:
        yield _window(window, view, width)
    if finish := phrases.finish(view):
        yield Text.assemble(("Finish  ", _HEADING), finish)
    if not view.windows:
        yield Text.assemble(("Window  ", _HEADING), "none: this cluster has no MaintenanceConfiguration")
    for item in view.waiting[:1]:
        is_open = view.window is not None and view.window.open
        yield Text.assemble(("Image   ", _HEADING), phrases.waiting(item, view.clock, window_open=is_open))


def _window(window: Window, view: View, width: int) -> Text:
    text = Text.assemble(("Window  ", _HEADING), (window.state, _GOOD if window.open else _ATTENTION))
    text.append(f", {phrases.window(window, view.clock)}")
    if window.changes_at is not None and window.message:
        text.append(f"  {window.message}", _ATTENTION)
    name = Text(window.name, _QUIET)
    return _apart(text, name, width) if text.cell_len + 2 + name.cell_len <= width else text


def _notes(view: View) -> Iterator[Text]:
    for note in view.notes:
        yield Text(note, _BAD)


# --- pools ------------------------------------------------------------------------------------------------------------


def _pools(view: View, width: int, room: int) -> list[Text]:
    """The pools between heading and legend: two lines each if there is room, else one, else the busiest of them."""
    if not view.pools:
        return [Text(), Text("no NodePools", _QUIET)]
    name_width = min(max(len(pool.name) for pool in view.pools), 16, width // 5)
    room -= 3  # blank, heading, legend
    shown = list(view.pools)
    if len(shown) > room:
        shown = sorted(sorted(shown, key=_business, reverse=True)[: max(room - 1, 1)], key=lambda pool: pool.name)
    detailed = len(shown) == len(view.pools) and 2 * len(shown) <= room
    lines = [Text(), _pool_heading(name_width, width)]
    for pool in shown:
        lines.append(_pool(pool, view, name_width, width))
        if detailed:
            lines.append(_details(pool, view, name_width))
    hidden = [pool for pool in view.pools if pool not in shown]
    if hidden:
        updated, total = sum(pool.updated for pool in hidden), sum(pool.total for pool in hidden)
        lines.append(Text(f"and {phrases.plural(len(hidden), 'more pool')}, {updated}/{total} updated", _QUIET))
    return [*lines, _versions(view)]


def _business(pool: Pool) -> tuple[int, int]:
    waiting = pool.count(Phase.DRIFTED, Phase.BLOCKED, Phase.DISRUPTING, Phase.DRAINING, Phase.LAUNCHING)
    return waiting, pool.total


def _bar_width(name_width: int, width: int) -> int:
    return width - name_width - _UPDATED_WIDTH - _BUDGET_WIDTH - 2


def _pool_heading(name_width: int, width: int) -> Text:
    cells = _bar_width(name_width, width)
    return Text(f"{'POOL':<{name_width}} {'NODES':<{cells}} {'UPDATED':>{_UPDATED_WIDTH - 1}}  DISRUPTING", _HEADING)


def _pool(pool: Pool, view: View, name_width: int, width: int) -> Text:
    cells = _bar_width(name_width, width)
    line = Text(f"{_shortened(pool.name, name_width):<{name_width}} ")
    drawn = bar(pool.groups, view.versions, cells)
    line.append_text(drawn)
    line.append(" " * (cells - drawn.cell_len))
    line.append(f" {f'{pool.updated}/{pool.total}':>{_UPDATED_WIDTH - 1}}  ")
    line.append(phrases.budget(pool), _BAD if pool.allowed is None or pool.error else "")
    return line


def _details(pool: Pool, view: View, name_width: int) -> Text:
    parts = [part for part in (phrases.phases(pool), phrases.budget_change(pool, view.clock)) if part]
    return Text(f"{'':<{name_width}} {'; '.join(parts)}", _QUIET)


def _versions(view: View) -> Text:
    """Which letter and colour is which version, and how many nodes run it; the newest first."""
    line = Text()
    running = dict.fromkeys(reversed(view.versions), 0)
    for pool in view.pools:
        for group in pool.groups:
            if group.version in running:
                running[group.version] += group.nodes
    for version, nodes in running.items():
        if nodes:
            line.append(f" {letter(version, view.versions)} ", style(version, view.versions))
            line.append(f" {version} ×{nodes}   ")
    return line


# --- sections ---------------------------------------------------------------------------------------------------------


def _blocked(view: View, width: int) -> _Section:
    """What is blocked, by what blocks it, and the nodes by name."""
    if not view.blocked:
        return _Section()
    nodes = [0, 0]
    lines = [Text(), Text(f"BLOCKED {phrases.plural(len(view.blocked), 'node')}", _BAD)]
    for same in _grouped(view.blocked):
        since = phrases.since(same[0], view.clock)
        names = _listed([item.node for item in same], width - len(since) - 4)
        lines.append(Text.assemble(("! ", _BAD), same[0].message or same[0].reason))
        lines.append(_apart(Text(f"  {names}"), Text(since), width))
        nodes += [0, len(same)]
    return _Section(lines, nodes, "blocked node")


def _grouped(blocked: Iterable[Blocked]) -> list[list[Blocked]]:
    """Those with the same reason and message together, the longest blocked first."""
    groups: dict[tuple[str, str], list[Blocked]] = {}
    for item in blocked:
        groups.setdefault((item.reason, item.message), []).append(item)
    for same in groups.values():
        same.sort(key=lambda item: (item.since is None, item.since, item.node))
    return list(groups.values())


def _listed(names: Sequence[str], width: int) -> str:
    """As many of the names as fit, and how many more there are."""
    text = ", ".join(names)
    shown = len(names)
    while len(text) > width and shown > 1:
        shown -= 1
        text = f"{', '.join(names[:shown])} and {len(names) - shown} more"
    return text


def _pick_ups(view: View) -> _Section:
    if not view.pickups:
        return _Section()
    now = view.clock.now
    lines = [Text(f"{short(same[0].at, now)}  {phrases.pick_up(same)}") for same in phrases.together(view.pickups)]
    return _Section([Text(), Text("PICKED UP", _HEADING), *lines], [0, 0, *(1 for _ in lines)], "pick-up")


def _events(view: View, width: int) -> _Section:
    told = [event for event in view.events if event.reason != _TOLD_ABOVE]
    if not told:
        return _Section()
    lines = [Text(), Text("EVENTS", _HEADING)]
    for event in told:
        times = f" (×{event.count})" if event.count > 1 else ""
        line = Text(f"{short(event.at, view.clock.now)}  {event.about}  ")
        line.append(event.reason, _ATTENTION if event.warning else "")
        line.append(f"  {event.message}{times}", _QUIET)
        lines.append(_cut(line, width))
    return _Section(lines)


def _footer(width: int, footer: str) -> Text:
    return _apart(Text(SIGNS_LEGEND, _QUIET), Text(footer, _QUIET), width)


# --- lines ------------------------------------------------------------------------------------------------------------


def _apart(left: Text, right: Text, width: int) -> Text:
    """``right`` at the right edge; ``left`` is cut for it."""
    if not right.plain:
        return _cut(left, width)
    left = _cut(left, width - right.cell_len - 1)
    return Text.assemble(left, " " * (width - left.cell_len - right.cell_len), right)


def _cut(line: Text, width: int) -> Text:
    line.rstrip()
    line.truncate(max(width, 1), overflow="ellipsis")
    line.no_wrap = True
    return line


def _shortened(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 1]}…"
