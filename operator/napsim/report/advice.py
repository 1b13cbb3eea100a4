"""The smallest edit that makes broken checks hold, as one document: as JSON, and as lines of a terminal.

Version ``napsim.dev/advice/v1`` (docs/check.md). Fields are added within a version; one that goes or changes its
meaning makes a new one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal

from napsim.report.marked import Marked, Tone, wrapped
from napsim.report.parts import Part, indented
from napsim.report.phrases import plural

SCHEMA: Final = "napsim.dev/advice/v1"


class Change(Part, frozen=True):
    """A merge patch of one object, in words, and with kubectl."""

    kind: str
    namespace: str
    name: str
    told: str
    command: str
    patch: Mapping[str, Any]

    @property
    def named(self) -> str:
        return "/".join(filter(None, (self.kind, self.namespace, self.name)))


class Edit(Part, frozen=True):
    """One edit. ``size`` is how far it is from what is there; ``note`` its price, where it has one."""

    changes: tuple[Change, ...]
    size: float
    note: str = ""


class ByCheck(Part, frozen=True):
    """For one check alone; null where none was found."""

    check: str
    edit: Edit | None


class Advice(Part, frozen=True, kw_only=True):
    """The whole answer. ``edit`` makes all checks hold; where none does, ``by_check`` has one for each that is broken.

    ``tried`` edits of ``of`` that there are.
    """

    schema: Literal["napsim.dev/advice/v1"] = SCHEMA
    broken: tuple[str, ...]
    tried: int
    of: int
    edit: Edit | None
    by_check: tuple[ByCheck, ...] = ()


def document(advice: Advice) -> str:
    """The advice as JSON, indented, without the last line's end."""
    return indented(advice)


_UNDECIDED: Final = (
    "An edit counts as breaking a check that is not decided after it, such as when the rollout ends before the check's"
    " times: a later until, and images that ship by then, let more edits be found."
)


def lines(advice: Advice) -> Iterator[Marked]:
    """The advice for a terminal. Commands are not broken, so that they can be copied."""
    if not advice.broken:
        yield Marked("All checks hold as it is.", Tone.GOOD)
        return
    yield from wrapped(f"broken: {', '.join(advice.broken)}", Tone.BAD, "")
    tried = f"{plural(advice.tried, 'edit')} tried, of {advice.of}, the smallest first"
    if advice.edit is not None:
        yield from wrapped(f"This edit makes all checks hold ({tried}):", Tone.GOOD, "")
        yield from _edit(advice.edit)
        return
    yield from wrapped(f"No single edit makes all checks hold ({tried}).", Tone.WARNING, "")
    for item in advice.by_check:
        yield Marked()
        if item.edit is None:
            yield from wrapped(f"{item.check}: no edit was found that makes it hold and breaks no other", Tone.BAD, "")
        else:
            yield from wrapped(f"{item.check}: this edit makes it hold, and breaks no other:", Tone.GOOD, "")
            yield from _edit(item.edit)
    if not all(item.edit for item in advice.by_check):
        yield Marked()
        yield from wrapped(_UNDECIDED, Tone.ASIDE, "")


def _edit(edit: Edit) -> Iterator[Marked]:
    for change in edit.changes:
        yield from wrapped(f"{change.named}: {change.told}")
        yield Marked(f"    {change.command}", Tone.ASIDE)
    if edit.note:
        yield from wrapped(f"! {edit.note}", Tone.WARNING)
