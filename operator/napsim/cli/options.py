"""Options that commands have in common. Little else is imported here, so that their help is quick."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final
from zoneinfo import ZoneInfo

import typer

from napsim.cli.suggestions import contexts

UTC_NAME: Final = "UTC"
STDOUT: Final = Path("-")
MOST_SPEED: Final = 10_000_000
"""Of ``--follow``: a year in three seconds."""
_FIRST_YEAR: Final = 1970
_LAST_YEAR: Final = 2200


class Output(StrEnum):
    TEXT = "text"
    JSON = "json"


Kubeconfig = Annotated[
    Path | None, typer.Option(help="Kubeconfig; by default KUBECONFIG, ~/.kube/config or the service account.")
]
Context = Annotated[str | None, typer.Option(help="Context of the kubeconfig.", autocompletion=contexts)]
Cluster = Annotated[
    bool,
    typer.Option("--cluster", help="A live cluster in place of files; implied by --kubeconfig and --context."),
]


@dataclass(frozen=True, slots=True)
class LiveChoice:
    """What ``--cluster``, ``--kubeconfig`` and ``--context`` say."""

    cluster: bool = False
    kubeconfig: Path | None = None
    context: str | None = None

    def is_made(self, paths: Sequence[str] | None) -> bool:
        """Whether they ask for a live cluster. Raises BadParameter where manifests are named too."""
        made = self.cluster or self.kubeconfig is not None or self.context is not None
        if made and paths:
            raise typer.BadParameter("either manifests, or a live cluster", param_hint="PATH…, --cluster")
        return made


def instant(text: str) -> datetime:
    """An RFC 3339 instant, as far from the ends of the calendar as the cluster's clock. Raises BadParameter."""
    from napsim.api.scalars import parse_instant  # noqa: PLC0415 - loading it takes longer than all of the help

    try:
        found = parse_instant(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r}: {error}") from error
    if not _FIRST_YEAR <= found.year < _LAST_YEAR:
        raise typer.BadParameter(f"{text!r}: must be from {_FIRST_YEAR} to {_LAST_YEAR - 1}")
    return found


def _zone(text: str) -> str:
    try:
        return text if text == UTC_NAME else ZoneInfo(text).key
    except (KeyError, OSError, ValueError) as error:  # unknown; a folder of zones; a path outside the database
        raise typer.BadParameter(f"{text!r}: must be an IANA time zone, such as Europe/Berlin") from error


Paths = Annotated[list[str], typer.Argument(metavar="PATH", help="Manifests: files, folders, or - for standard input.")]
Zone = Annotated[
    str | None,
    typer.Option(parser=_zone, metavar="ZONE", help="Your time zone (IANA name); by default that of this machine."),
]
ChecksZone = Annotated[
    str | None,
    typer.Option(parser=_zone, metavar="ZONE", help="Your time zone (IANA name); by default that of the checks."),
]
WindowsZone = Annotated[
    str | None,
    typer.Option(
        parser=_zone,
        metavar="ZONE",
        help="Your time zone (IANA name), for windows that move on its clocks; by default none.",
    ),
]
CheckedPaths = Annotated[
    list[str] | None,
    typer.Argument(metavar="PATH", help="Manifests or a snapshot; by default those that the checks name."),
]
ChecksFile = Annotated[Path, typer.Option("--checks", "-c", help="The file with the checks.")]
Processes = Annotated[int | None, typer.Option(min=1, help="By default as many as there are processors.")]
Dask = Annotated[
    str | None, typer.Option(metavar="ADDRESS", help="The scheduler of a Dask cluster, such as tcp://host:8786.")
]
Form = Annotated[Output, typer.Option("--output", "-o", help="text, or json.")]


Html = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Write a page that opens without a network; - is standard output.")
]
Ics = Annotated[Path | None, typer.Option(metavar="FILE", help="Write a calendar (RFC 5545); - is standard output.")]
