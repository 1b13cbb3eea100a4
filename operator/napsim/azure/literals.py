"""JSON values as the literals of Terraform's language and of Bicep."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final

_INDENT: Final = "  "
_PLAIN_KEY: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def hcl_text(value: str) -> str:
    """A text in HCL: in quotes, nothing in it taken for an expression."""
    return f'"{_escaped(value, chr(34)).replace("${", "$${").replace("%{", "%%{")}"'


def bicep_text(value: str) -> str:
    """A text in Bicep: in single quotes, nothing in it taken for an expression."""
    return "'" + _escaped(value, "'").replace("${", "\\${") + "'"


def _escaped(value: str, quote: str) -> str:
    for plain, written in (("\\", "\\\\"), (quote, f"\\{quote}"), ("\n", "\\n"), ("\r", "\\r"), ("\t", "\\t")):
        value = value.replace(plain, written)
    return value


@dataclass(frozen=True, slots=True)
class Language:
    """How a language writes texts, the fields of an object, and what stands between the items of a list."""

    text: Callable[[str], str]
    assigns: str
    between: str
    aligned: bool

    def literal(self, value: Any, depth: int = 0) -> str:  # noqa: ANN401 - JSON is any value
        """The value over several lines; the first one is not indented, the others by ``depth``."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return self._lines("{", self._fields(value, depth + 1), "}", depth)
        if isinstance(value, list):
            if all(isinstance(item, int) for item in value) and self.between:
                return f"[{', '.join(str(item) for item in value)}]"
            return self._lines("[", (self.literal(item, depth + 1) + self.between for item in value), "]", depth)
        return _plain(value)

    def _fields(self, value: Mapping[str, Any], depth: int) -> Iterator[str]:
        """Where the language aligns: the names of fields of one line that follow each other, as wide as each other."""
        named = [(self._name(key), inner) for key, inner in value.items()]
        for together, group in groupby(named, lambda field: not isinstance(field[1], (Mapping, list))):
            fields = list(group)
            width = max(len(name) for name, _ in fields) if together and self.aligned else 0
            for name, inner in fields:
                yield f"{name:<{width}}{self.assigns}{self.literal(inner, depth)}"

    def _name(self, key: str) -> str:
        return key if _PLAIN_KEY.fullmatch(key) else self.text(key)

    @staticmethod
    def _lines(opening: str, lines: Iterator[str], closing: str, depth: int) -> str:
        inner = "".join(f"{_INDENT * (depth + 1)}{line}\n" for line in lines)
        return f"{opening}\n{inner}{_INDENT * depth}{closing}" if inner else f"{opening}{closing}"


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "null" if value is None else str(value)


HCL: Final = Language(hcl_text, " = ", ",", aligned=True)
BICEP: Final = Language(bicep_text, ": ", "", aligned=False)
