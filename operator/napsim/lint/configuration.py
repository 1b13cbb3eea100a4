"""``napsim.toml``: which rules hold, how much each matters, and what is let be, with the reason.

::

    [lint]
    select = ["NAP1", "NAP4"]        # codes, beginnings of codes, or names; absent: every rule

    [lint.severity]
    NAP111 = "info"

    [[lint.ignore]]
    rules = ["NAP105"]
    paths = ["clusters/legacy/**"]   # absent: everywhere
    reason = "frozen until the move in May"
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatch
from pathlib import PurePath
from typing import Final

import msgspec

from napsim.lint.findings import Severity
from napsim.lint.rules import BY_CODE, RULES, rules_matching

FILE: Final = "napsim.toml"


_ALLOWED: Final = (
    "lint.select (a list of rules), lint.severity (of rules, each 'error', 'warning' or 'info'), and lint.ignore"
    " (tables with rules, reason and, if need be, paths)"
)


class Ignore(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Rules that are let be, in files whose path one of the patterns matches."""

    rules: tuple[str, ...]
    reason: str
    paths: tuple[str, ...] = ()

    def covers(self, code: str, file: str) -> bool:
        near = not self.paths or any(_matches(file, pattern) for pattern in self.paths)
        return near and code in rules_matching(self.rules)


def _matches(file: str, pattern: str) -> bool:
    path = PurePath(file).as_posix()
    return fnmatch(path, pattern) or fnmatch(path, f"*/{pattern}")


class _Lint(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    select: tuple[str, ...] = ()
    severity: Mapping[str, Severity] = {}
    ignore: tuple[Ignore, ...] = ()


class _File(msgspec.Struct, frozen=True):
    lint: _Lint = _Lint()


@dataclass(frozen=True, slots=True)
class Configuration:
    """Which rules hold. ``selected`` are codes."""

    selected: frozenset[str] = field(default_factory=lambda: frozenset(BY_CODE))
    severities: Mapping[str, Severity] = field(default_factory=dict)
    ignored: tuple[Ignore, ...] = ()

    def severity(self, code: str) -> Severity:
        return self.severities.get(code, BY_CODE[code].severity)

    def narrowed(self, select: tuple[str, ...], ignore: tuple[str, ...]) -> Configuration:
        """With what the command line says, which goes before. Raises ValueError for what names no rule."""
        _check(select, "--select")
        _check(ignore, "--ignore")
        chosen = rules_matching(select) if select else self.selected
        return replace(self, selected=chosen - (rules_matching(ignore) if ignore else frozenset()))


def configuration_of(text: str, file: str = FILE) -> Configuration:
    """Raises ValueError with what is wrong with the file."""
    try:
        found = msgspec.convert(tomllib.loads(text), _File).lint
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{file}: not valid TOML: {error}") from error
    except msgspec.ValidationError as error:
        raise ValueError(f"{file}: {error}; allowed are {_ALLOWED}") from error
    named = [*found.select, *found.severity, *(rule for item in found.ignore for rule in item.rules)]
    _check(tuple(named), file)
    if any(not item.reason.strip() for item in found.ignore):
        raise ValueError(f"{file}: lint.ignore: each entry must have a reason")
    severities = {code: severity for named, severity in found.severity.items() for code in rules_matching((named,))}
    selected = rules_matching(found.select) if found.select else frozenset(BY_CODE)
    return Configuration(selected, severities, found.ignore)


def _check(named: tuple[str, ...], where: str) -> None:
    unknown = [item for item in named if not item or not rules_matching((item,))]
    if unknown:
        known = f"codes {RULES[0].code} to {RULES[-1].code}, their beginnings, and names such as {RULES[3].name}"
        raise ValueError(f"{where}: no rule is called {', '.join(map(repr, unknown))}; allowed are {known}")
