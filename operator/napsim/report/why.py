"""Why something has not moved, as one document: what ``napsim why`` writes, as JSON and as lines of a terminal.

Version ``napsim.dev/why/v1`` (docs/checker.md). Fields are added within a version; one that goes or changes its meaning
makes a new one. Instants are RFC 3339 in UTC.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from datetime import datetime, tzinfo
from typing import Annotated, Any, Final, Literal

import msgspec
import yaml

from napsim.core import chain as core
from napsim.core.chain import Standing
from napsim.report.marked import Mark, Marked, Tone, wrapped
from napsim.report.parts import Part, indented
from napsim.report.phrases import plural
from napsim.report.times import full, span, zone_of

SCHEMA: Final = "napsim.dev/why/v1"
Instant = Annotated[datetime, msgspec.Meta(tz=True)]
_SIGNS: Final = {Standing.PASSES: "ok", Standing.BLOCKS: "!!", Standing.UNKNOWN: "??", Standing.AHEAD: "  "}
_TONES: Final = {
    Standing.PASSES: Tone.PLAIN, Standing.BLOCKS: Tone.WARNING, Standing.UNKNOWN: Tone.WARNING,
    Standing.AHEAD: Tone.ASIDE,
}  # fmt: skip
_NAME: Final = 11  # the widest name of a link
_INDENT: Final = " " * (4 + 3 + _NAME)
_COMMAND: Final = 70  # columns
_MOST_DETAILS: Final = 6
_MOST_NODES: Final = 3
_MOST_GROUPS: Final = 12


class Edit(Part, frozen=True):
    """One change that ends the block: ``command`` for kubectl, and the same as a merge patch of one object."""

    effect: str
    command: str = ""
    kind: str = ""
    name: str = ""
    namespace: str = ""
    patch: Mapping[str, Any] = {}


class Link(Part, frozen=True):
    """One link. ``standing`` is passes, blocks, unknown or ahead; ``until`` is when it changes by itself, if ever."""

    name: str
    standing: str
    message: str
    reason: str = ""
    until: Instant | None = None
    details: tuple[str, ...] = ()
    edit: Edit | None = None


class Held(Part, frozen=True):
    """Nodes that are blocked by the same; ``link`` is null where nothing blocks them."""

    nodes: tuple[str, ...]
    link: Link | None = None


class Chain(Part, frozen=True):
    """The chain of one object. ``first`` is the name of the first link that blocks, empty if none does.

    ``stands_for``: the node whose links these are, where several are concerned, which ``held`` lists by what they wait
    for.
    """

    kind: str
    name: str
    message: str
    moved: bool
    first: str = ""
    stands_for: str = ""
    links: tuple[Link, ...] = ()
    held: tuple[Held, ...] = ()


class Answer(Part, frozen=True, kw_only=True):
    """The whole answer. ``notes`` are what was assumed and left out in reading."""

    schema: Literal["napsim.dev/why/v1"] = SCHEMA
    at: Instant
    time_zone: str
    chains: tuple[Chain, ...]
    notes: tuple[str, ...] = ()


def chain_of(found: core.Chain) -> Chain:
    """A chain as the document has it."""
    return Chain(
        kind=found.kind,
        name=found.name,
        message=found.message,
        moved=found.moved,
        first=str(found.first.name) if found.first is not None else "",
        stands_for=found.stands_for,
        links=tuple(map(link_of, found.links)),
        held=tuple(Held(nodes=it.nodes, link=link_of(it.link) if it.link is not None else None) for it in found.held),
    )


def link_of(found: core.Link) -> Link:
    """A link as the document has it."""
    edit = found.edit
    return Link(
        name=str(found.name),
        standing=str(found.standing),
        message=found.message,
        reason=found.reason,
        until=found.until,
        details=found.details,
        edit=None if edit is None else Edit(
            effect=edit.effect, command=edit.command, kind=edit.kind, name=edit.name, namespace=edit.namespace,
            patch=edit.patch,
        ),
    )  # fmt: skip


def document(answer: Answer) -> str:
    """The answer as JSON, indented, without the last line's end."""
    return indented(answer)


# --- lines ------------------------------------------------------------------------------------------------------------


def lines(answer: Answer) -> Iterator[Marked]:
    """The whole answer for a terminal."""
    page = Page(answer.at, answer.time_zone)
    for position, found in enumerate(answer.chains):
        if position:
            yield Marked()
        yield from page.chain(found)
    if answer.notes:
        yield Marked()
    for note in answer.notes:
        yield from wrapped(f"note: {note}", Tone.ASIDE, "")


class Page:
    """Chains at one instant, on the clocks of one reader."""

    def __init__(self, at: datetime, time_zone: str) -> None:
        self._at = at
        self._name = time_zone
        self._zone: tzinfo = zone_of(time_zone)

    def chain(self, found: Chain) -> Iterator[Marked]:
        """The answer first, then the edit, then who else waits, then every link."""
        yield Marked(f"{found.kind}/{found.name}", Tone.HEADING)
        yield from wrapped(self.moment(self._at), Tone.ASIDE)
        yield from wrapped(found.message, Tone.GOOD if found.moved else Tone.PLAIN)
        if found.moved:
            return
        yield from self._verdict(found)
        yield from self._held(found)
        yield Marked()
        more = sum(len(group.nodes) for group in found.held) - 1
        others = f", the same for {plural(more, 'other')}" if len(found.held) == 1 and more else ""
        whose = f"The chain of Node/{found.stands_for}{others}" if found.stands_for else "The chain"
        yield from wrapped(whose, Tone.HEADING)
        for link in found.links:
            yield from self.link(link, first=link.name == found.first)

    def moment(self, at: datetime) -> str:
        """``Sun 2026-02-15 02:14 UTC (03:14 Europe/Berlin)``."""
        utc = f"{full(at)} UTC"
        if self._name == "UTC":
            return utc
        local = at.astimezone(self._zone)
        shown = f"{local:%H:%M}" if local.date() == at.date() else full(at, self._zone)
        return f"{utc} ({shown} {self._name})"

    def _verdict(self, found: Chain) -> Iterator[Marked]:
        first = next((link for link in found.links if link.name == found.first), None)
        if first is None:
            unknown = [link for link in found.links if link.standing == Standing.UNKNOWN]
            yield from wrapped("Nothing blocks it: it moves on at the next look.", Tone.GOOD)
            for link in unknown:
                by = f"; by {self.moment(link.until)} at the latest" if link.until is not None else ""
                yield from wrapped(f"Unless {link.name} holds it: {link.message}{by}", Tone.WARNING)
            return
        yield from wrapped(f"BLOCKED by {first.name}: {first.message}", Tone.BAD)
        if first.until is None:
            yield from wrapped("Time alone does not change that.", indent="    ")
        else:
            yield from wrapped(f"Changes by itself: {self._ahead(first.until)}", indent="    ")
        yield from self._edit(first.edit)

    def _ahead(self, until: datetime) -> str:
        return f"{self.moment(until)}, in {span(until - self._at)}"

    def _edit(self, edit: Edit | None) -> Iterator[Marked]:
        if edit is None:
            yield from wrapped("No edit would help.", indent="    ")
            return
        yield from wrapped(f"One edit: {edit.effect}.", indent="    ")
        for line in _command(edit):
            yield Marked(f"      {line}", Tone.HEADING)

    def _held(self, found: Chain) -> Iterator[Marked]:
        if len(found.held) < 2:
            return
        yield Marked()
        yield Marked("  Who waits for what", Tone.HEADING)
        for group in found.held[:_MOST_GROUPS]:
            what = f"{group.link.name}: {group.link.message}" if group.link is not None else "nothing: its turn comes"
            named = ", ".join(group.nodes[:_MOST_NODES]) + (", …" if len(group.nodes) > _MOST_NODES else "")
            yield from wrapped(f"{plural(len(group.nodes), 'node')} ({named}): {what}", indent="    ")
        if len(found.held) > _MOST_GROUPS:
            yield Marked(f"    … {len(found.held) - _MOST_GROUPS} more; --output json has all of them", Tone.ASIDE)

    def link(self, link: Link, *, first: bool = False) -> Iterator[Marked]:
        """One link: its sign, its name, what it says, when it changes, what it rests on."""
        standing = Standing(link.standing)
        tone = Tone.BAD if first else _TONES[standing]
        head = f"    {_SIGNS[standing]} {link.name:{_NAME}}"
        also = "also, now: " if standing is Standing.BLOCKS and not first else ""
        told = link.until is not None and standing is not Standing.AHEAD
        until = f"; until {self.moment(link.until)}" if told and link.until is not None else ""
        rows = [row.text[len(_INDENT) :] for row in wrapped(f"{also}{link.message}{until}", indent=_INDENT, more="")]
        for position, row in enumerate(rows):
            start = head if not position else _INDENT
            yield Marked(f"{start}{row}", Tone.PLAIN, (Mark(4, len(_INDENT), tone),) if not position else ())
        for detail in link.details[:_MOST_DETAILS]:
            yield from wrapped(detail, Tone.ASIDE, _INDENT)
        if len(link.details) > _MOST_DETAILS:
            yield Marked(f"{_INDENT}… {len(link.details) - _MOST_DETAILS} more", Tone.ASIDE)


class _Doubled(yaml.SafeDumper):
    """Quotes with double quotes alone: the patch stands between a shell's single quotes."""

    def choose_scalar_style(self) -> str:
        style = super().choose_scalar_style()
        return '"' if style == "'" else style


def _command(edit: Edit) -> Iterator[str]:
    """kubectl's command; a patch is written out as YAML, which kubectl takes as well and people can read."""
    start, patch, _ = edit.command.partition(" -p ")
    rows = textwrap.wrap(f"{start} -p '" if patch else start, _COMMAND, break_long_words=False, break_on_hyphens=False)
    yield from (f"{row} \\" for row in rows[:-1])
    yield rows[-1]
    if edit.patch:
        yield from yaml.dump(dict(edit.patch), Dumper=_Doubled, sort_keys=False).splitlines()
        yield "'"
