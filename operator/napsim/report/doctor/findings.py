"""What a check of ``napsim doctor`` answers, as values."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

from napsim.report.doctor.readings import Readings


class Severity(StrEnum):
    """How bad it is. ``error``: napsim does not work, or must not run here; ``warning``: probably not what was meant.

    ``not applicable``: there is nothing here that could be checked. ``not checked``: there may be, but it could not be
    read; what was seen says why.
    """

    ERROR = "error"
    WARNING = "warning"
    OK = "ok"
    NOT_APPLICABLE = "not applicable"
    NOT_CHECKED = "not checked"

    @property
    def is_problem(self) -> bool:
        return self in (Severity.ERROR, Severity.WARNING)


@dataclass(frozen=True, slots=True)
class Seen:
    """One answer of a check: ``seen`` is a sentence, ``object`` is ``Kind/name`` where it is about one object.

    ``fix`` is a command, or the edit to make; problems have one.
    """

    severity: Severity
    seen: str
    object: str = ""
    fix: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """The same, with the id of its check. The field names are those of ``napsim doctor --output json``."""

    check: str
    severity: Severity
    seen: str
    object: str = ""
    fix: str = ""


Examine = Callable[[Readings], Iterable[Seen]]


@dataclass(frozen=True, slots=True)
class Check:
    """One entry of the table.

    ``about`` says in one line what has to hold. ``needs`` names what has to have been read: if the API server did not
    let us read it, the check is not made; if it does not serve it, the check does not apply.
    """

    id: str
    about: str
    examine: Examine
    needs: tuple[str, ...] = ()


def ok(seen: str) -> Seen:
    return Seen(Severity.OK, seen)


def error(seen: str, object_: str = "", fix: str = "") -> Seen:
    return Seen(Severity.ERROR, seen, object_, fix)


def warning(seen: str, object_: str = "", fix: str = "") -> Seen:
    return Seen(Severity.WARNING, seen, object_, fix)


def not_applicable(seen: str) -> Seen:
    return Seen(Severity.NOT_APPLICABLE, seen)


def not_checked(seen: str) -> Seen:
    return Seen(Severity.NOT_CHECKED, seen)
