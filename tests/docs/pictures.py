"""The pictures of docs/pictures: what napsim prints on a terminal, as SVG; run as a module, they are written anew.

They load nothing, their letters are letters, and they follow the browser in being light or dark.
"""

from __future__ import annotations

import contextlib
import io
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Final

import pytest
from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

from napsim.cli.main import COMMANDS

ROOT: Final = Path(__file__).resolve().parents[2]
FOLDER: Final = ROOT / "docs/pictures"
_WIDTH: Final = 84
_CUT: Final = "  …"


@dataclass(frozen=True, slots=True)
class Picture:
    """One command, and which part of its output is shown: from the first line to that which begins with ``until``."""

    name: str
    command: str
    until: str = ""

    @property
    def file(self) -> Path:
        return FOLDER / f"{self.name}.svg"


PICTURES: Final = (
    Picture(
        "budgets-weekend",
        "napsim budgets tests/scenarios/weekend_budget --at 2026-03-02T00:00:00Z --reason Drifted --time-zone UTC",
        until="    FROM, UTC",
    ),
    Picture(
        "budgets-weekend-only",
        "napsim budgets docs/pictures/weekend-only.yaml --at 2026-03-02T00:00:00Z --reason Drifted --time-zone UTC",
        until="    FROM, UTC",
    ),
    Picture("lint-weekend", "napsim lint tests/scenarios/weekend_budget"),
    Picture("forecast-weekend", "napsim simulate tests/scenarios/weekend_budget", until="ASSUMED"),
    Picture(
        "windows-freeze",
        "napsim windows manifests/examples --at 2026-12-15T00:00:00Z --time-zone Europe/Berlin --count 3",
    ),
    Picture("forecast-window", "napsim simulate docs/pictures/long-rollout.yaml", until="ASSUMED"),
    Picture(
        "why-single-replica",
        "napsim why default tests/scenarios/single_replica --at 2026-03-06T12:00:00Z --time-zone UTC",
    ),
)

_LIGHT: Final = TerminalTheme(
    (250, 250, 250),
    (36, 41, 47),
    [
        (36, 41, 47),
        (179, 29, 40),
        (17, 99, 41),
        (125, 78, 0),
        (5, 80, 174),
        (98, 57, 162),
        (27, 124, 131),
        (87, 96, 106),
    ],
)
_DARK: Final = TerminalTheme(
    (22, 27, 34),
    (230, 237, 243),
    [
        (230, 237, 243),
        (255, 123, 114),
        (86, 211, 100),
        (227, 179, 65),
        (121, 192, 255),
        (210, 168, 255),
        (86, 212, 221),
        (139, 148, 158),
    ],
)
_CLIP: Final = re.compile(r' clip-path="[^"]*"')
_STYLES: Final = "{styles}"
# Rich fills the names in braces in, this module those in capitals.
_PAGE: Final = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="-12 -6 {width} {height}" role="img">
<style>
.frame {{ fill: LIGHT }}
.text {{ font: {char_height}px ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace; white-space: pre }}
{styles}
@media (prefers-color-scheme: dark) {{
.frame {{ fill: DARK }}
OTHER_STYLES
}}
</style>
<rect class="frame" x="-12" y="-6" width="100%" height="100%" rx="8"/>
<g class="text">
{matrix}
</g>
</svg>
"""


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def printed(command: str) -> str:
    """What that command of napsim's prints on a terminal, with colours. Paths begin at the root of the repository."""
    _, name, *arguments = shlex.split(command)
    out = _Terminal()
    app = import_module(f"napsim.cli.{COMMANDS[name][0]}").app
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(out), contextlib.suppress(SystemExit):
        patch.chdir(ROOT)
        patch.delenv("NO_COLOR", raising=False)
        app(arguments, standalone_mode=False)
    return out.getvalue()


def shown(picture: Picture) -> Text:
    """The command, and the part of its output that the picture shows."""
    lines = Text.from_ansi(printed(picture.command)).split("\n")
    ends = [number for number, line in enumerate(lines) if picture.until and line.plain.startswith(picture.until)]
    kept = [*lines[: ends[0]], Text(_CUT, style="dim")] if ends else list(lines)
    return Text("\n").join([*_prompt(picture.command), *kept])


def _prompt(command: str) -> Iterator[Text]:
    """The command as one types it, folded where it is too long."""
    line = "$"
    for word in shlex.split(command):
        if len(line) + len(word) > _WIDTH - 4:
            yield Text(f"{line} \\", style="bold")
            line = "   "
        line = f"{line} {word}"
    yield Text(line, style="bold")


def svg(picture: Picture) -> str:
    """The picture; the same bytes for the same output."""
    text = shown(picture)
    darker = _exported(text, _DARK, _STYLES).replace("{", "{{").replace("}", "}}")
    page = _PAGE.replace("LIGHT", _hex(_LIGHT)).replace("DARK", _hex(_DARK))
    whole = _exported(text, _LIGHT, page.replace("OTHER_STYLES", darker))
    return _CLIP.sub("", whole).replace("</text><text", "</text>\n<text")


def _exported(text: Text, theme: TerminalTheme, form: str) -> str:
    console = Console(record=True, width=_WIDTH, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    console.print(text, highlight=False, soft_wrap=True)
    return console.export_svg(theme=theme, code_format=form, unique_id="t", title="")


def _hex(theme: TerminalTheme) -> str:
    red, green, blue = theme.background_color
    return f"#{red:02x}{green:02x}{blue:02x}"


if __name__ == "__main__":
    for each in PICTURES:
        each.file.write_text(svg(each))
