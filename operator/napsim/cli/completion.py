"""``napsim completion``: the script with which a shell completes commands, options and names."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Final

import typer
from typer.completion import get_completion_script  # type: ignore[attr-defined]  # typer exports it there without saying so

_PROGRAM: Final = "napsim"

app = typer.Typer(add_completion=False)


class Shell(StrEnum):
    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


@app.command(
    epilog=(
        "Examples: source <(napsim completion bash), in ~/.bashrc; napsim completion zsh > ~/.zfunc/_napsim, with "
        "~/.zfunc in fpath; napsim completion fish > ~/.config/fish/completions/napsim.fish. kubectl completes "
        "`kubectl napsim` by itself, where kubectl_complete-napsim is on the PATH."
    )
)
def completion(shell: Annotated[Shell, typer.Argument(help="bash, zsh or fish.")]) -> None:
    """Print the completion script of a shell: it completes sub-commands, options, clusters and contexts."""
    variable = f"_{_PROGRAM.upper()}_COMPLETE"
    typer.echo(get_completion_script(prog_name=_PROGRAM, complete_var=variable, shell=shell.value))
