"""What docs/start.md says of a release, with the wheel of this clone in the place of an index."""

from __future__ import annotations

import sys
import zipfile
from dataclasses import dataclass
from filecmp import cmpfiles
from pathlib import Path
from typing import Final

import pytest

from tests.docs.blocks import Run, blocks_of
from tests.docs.shell import Outcome, run, steps
from tests.packaging.environments import built, packed
from tests.packaging.repository import ROOT

PAGE: Final = "docs/start.md"
HERE: Final = "tests/packaging/test_pipx.py"


@dataclass(frozen=True, slots=True)
class Followed:
    """What came of the page's commands, in the folder `folder` of somebody who has pipx and no clone."""

    folder: Path
    wheel: Path
    outcomes: list[Outcome]


@pytest.fixture(scope="module")
def followed(tmp_path_factory: pytest.TempPathFactory) -> Followed:
    folder = tmp_path_factory.mktemp("pipx")
    (folder / "elsewhere").mkdir()
    (folder / "programs").mkdir()
    (folder / "programs/pipx").symlink_to(Path(sys.executable).with_name("pipx"))
    (wheel,) = built(folder / "wheels", ROOT, "wheel")
    packed(wheel, folder / "wheels")
    told = [block for block in blocks_of(PAGE) if block.marking.run is Run.ELSEWHERE and block.marking.why == HERE]
    page = [step for block in told for step in steps(block)]
    return Followed(folder, wheel, run(page, folder, environment(folder), where=folder / "elsewhere"))


def environment(folder: Path) -> dict[str, str]:
    """One in which napsim is nowhere but in a folder of wheels, and no index is asked."""
    return {
        "PATH": f"{folder / 'bin'}:{folder / 'programs'}:/usr/bin:/bin",
        "PIPX_HOME": str(folder / "pipx"),
        "PIPX_BIN_DIR": str(folder / "bin"),
        "PIPX_DEFAULT_BACKEND": "uv",
        "UV_OFFLINE": "1",
        "UV_NO_CONFIG": "1",
        "UV_FIND_LINKS": str(folder / "wheels"),
    }


def test_the_commands_do_what_the_page_says(followed: Followed) -> None:
    assert [outcome.step.text.split()[0] for outcome in followed.outcomes] == ["pipx", "napsim"]
    assert [told for outcome in followed.outcomes if (told := outcome.complaint())] == []


def test_what_is_installed_is_the_wheel_that_was_built(followed: Followed) -> None:
    program = (followed.folder / "bin/napsim").resolve()
    assert program.is_relative_to(followed.folder / "pipx")
    (site,) = program.parents[1].glob("lib/python3*/site-packages")
    with zipfile.ZipFile(followed.wheel) as archive:
        packed_files = {name: archive.read(name) for name in archive.namelist() if name.startswith("napsim/")}
    assert "napsim/__init__.py" in packed_files
    assert [name for name, content in packed_files.items() if (site / name).read_bytes() != content] == []


def test_the_manifests_that_it_writes_are_those_of_the_repository(followed: Followed) -> None:
    written, ours = followed.folder / "elsewhere/manifests/examples", ROOT / "manifests/examples"
    names = sorted(path.name for path in ours.iterdir())
    assert sorted(path.name for path in written.iterdir()) == names
    assert cmpfiles(written, ours, names, shallow=False) == (names, [], [])
