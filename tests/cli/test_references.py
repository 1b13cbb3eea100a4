"""docs/reference is what the code says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from napsim.cli.command_reference import Documented, documented
from napsim.cli.endings import Ending, ending_of
from napsim.cli.environment import VARIABLES
from napsim.cli.main import app
from napsim.cli.references import PAGES

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs/reference"
COMMANDS = list(documented())
NAMED = [" ".join(item.words) for item in COMMANDS]
READ = (
    re.compile(r"""environ(?:ment)?(?:\.get\(|\[)["']([A-Z_]+)["']"""),
    re.compile(r'"([A-Z_]+)" (?:not )?in os\.environ'),
    re.compile(r'envvar="([A-Z_]+)"'),
)
# Set, or handed on, by napsim itself.
OWN = {"PYDANTIC_DISABLE_PLUGINS", "HOME"}


@pytest.mark.parametrize("name", PAGES)
def test_what_is_committed_is_what_is_generated(name: str) -> None:
    assert (FOLDER / name).read_text("utf-8") == PAGES[name](), "run `make reference`"


def test_there_is_no_other_page() -> None:
    assert sorted(file.name for file in FOLDER.iterdir()) == sorted(PAGES)


@pytest.mark.parametrize("item", COMMANDS, ids=NAMED)
def test_the_help_of_every_command_ends_with_examples_no_wider_than_a_terminal(item: Documented) -> None:
    assert item.ending.examples
    for example in item.ending.examples:
        assert "napsim" in example
        assert len(example) <= 76 or "--sha256" in example


@pytest.mark.parametrize("item", COMMANDS, ids=NAMED)
def test_every_command_but_groups_of_commands_documents_its_exit_codes(item: Documented) -> None:
    group = any(name.startswith(f"{' '.join(item.words)} ") for name in NAMED)
    assert group or {0, 2} <= set(item.ending.exits)
    assert list(item.ending.exits) == sorted(item.ending.exits)


def test_an_ending_is_read_back_as_it_was_written() -> None:
    written = Ending(
        ("napsim one", "napsim two"), {0: "good " * 30 + "end", 130: "interrupted"}, "a note " * 30 + "end"
    )
    assert ending_of(written.text) == written
    assert max(map(len, written.text.splitlines())) <= 76


def test_every_environment_variable_that_is_read_is_in_the_table_and_no_other() -> None:
    sources = [file.read_text("utf-8") for file in (ROOT / "operator/napsim").rglob("*.py")]
    read = {match[1] for source in sources for pattern in READ for match in pattern.finditer(source)}
    assert read - OWN == {variable.name for variable in VARIABLES}


def test_examples_are_printed_and_written(tmp_path: Path) -> None:
    printed = CliRunner().invoke(app, ["examples"]).stdout
    for file in sorted((ROOT / "manifests/examples").iterdir()):
        assert file.read_text("utf-8") in printed
    done = CliRunner().invoke(app, ["examples", "--write", str(tmp_path / "manifests")])
    assert done.exit_code == 0
    written = [Path(line) for line in done.stdout.splitlines()]
    assert [file.relative_to(tmp_path).as_posix() for file in written][-1] == "manifests/napsim-checks.yaml"
    for file in written:
        assert file.read_bytes() == (ROOT / file.relative_to(tmp_path)).read_bytes()


def test_a_file_that_was_edited_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "napsim-checks.yaml").write_text("mine\n")
    done = CliRunner().invoke(app, ["examples", "--write", str(tmp_path)])
    assert done.exit_code == 2
    changed = tmp_path / "napsim-checks.yaml"
    assert f"{changed}: is there already, with other content: name another folder" in done.stderr
    assert list(tmp_path.iterdir()) == [changed]


@pytest.mark.parametrize(
    ("command", "zone"),
    [
        ("lint", "none"),
        *((name, "that of the checks") for name in ("check", "advise")),
        ("why", "that of this machine"),
    ],
)
def test_the_help_says_whose_clocks_count_where_no_time_zone_is_named(command: str, zone: str) -> None:
    section = PAGES["cli.md"]().partition(f"\n## napsim {command}\n")[2].partition("\n## ")[0]
    (row,) = (line for line in section.splitlines() if line.startswith("| `--time-zone`"))
    assert f"by default {zone}." in row
