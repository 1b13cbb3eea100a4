"""``napsim completion``: the script with which a shell completes commands, options and names."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Final

import typer
from typer.completion import get_completion_script  # type: ignore[attr-defined]  # typer exports it there without saying so

from napsim.cli.endings import ending

_PROGRAM: Final = "napsim"

app = typer.Typer(add_completion=False)


class Shell(StrEnum):
    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


@app.command(
    epilog=ending(
        "source <(napsim completion bash)",
        "napsim completion zsh > _napsim",
        "napsim completion fish > napsim.fish",
        notes=(
            "For good: the first line in ~/.bashrc; the second file in a folder of zsh's fpath; the third in "
            "~/.config/fish/completions. kubectl completes `kubectl napsim` by itself, where kubectl_complete-napsim "
            "is on the PATH."
        ),
        exits={0: "printed", 2: "wrong usage"},
    )
)
def completion(shell: Annotated[Shell, typer.Argument(help="bash, zsh or fish.")]) -> None:
    """Print the completion script of a shell: it completes sub-commands, options, clusters and contexts."""
    variable = f"_{_PROGRAM.upper()}_COMPLETE"
    typer.echo(get_completion_script(prog_name=_PROGRAM, complete_var=variable, shell=shell.value))
