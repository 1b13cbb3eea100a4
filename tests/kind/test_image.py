"""The image: how large it is, what is in it, and that it is the same whenever it is built."""

from __future__ import annotations

import json
import os
import re
import subprocess
from typing import Any

import pytest

from tests.kind.conftest import script
from tests.kind.installation import IMAGE

MOST_MEGABYTES = 60


def inspected(image: str) -> dict[str, Any]:
    (found,) = json.loads(script("docker", "image", "inspect", image))
    assert isinstance(found, dict)
    return found


def inside(*command: str) -> subprocess.CompletedProcess[str]:
    """What a program says in a container that may write nowhere and has no capability."""
    bare = ("--rm", "--network=none", "--read-only", "--cap-drop=ALL", "--entrypoint", command[0])
    return subprocess.run(
        ["docker", "run", *bare, IMAGE, *command[1:]], capture_output=True, text=True, check=False, timeout=180
    )


def test_it_adds_no_more_to_its_base_than_it_may(image: str) -> None:
    added = re.search(r"adds (\d+) MB to", image)
    assert added is not None, image
    assert int(added[1]) <= MOST_MEGABYTES


def test_it_runs_as_nobody_in_particular_and_says_what_it_is(image: str) -> None:
    config = inspected(IMAGE)["Config"]
    assert config["User"] == "65532:65532"
    assert config["Entrypoint"] == ["/opt/napsim/bin/napsim"]
    labels = {key.rpartition(".")[2]: value for key, value in config["Labels"].items()}
    assert labels["title"] == "napsim"
    assert labels["licenses"] == "Apache-2.0"
    assert re.fullmatch(r"[0-9a-f]{40}", labels["revision"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", labels["created"])


def test_the_program_runs_where_nothing_can_be_written(image: str) -> None:
    done = inside("/opt/napsim/bin/napsim", "crds")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("kind: CustomResourceDefinition\n") == 6


@pytest.mark.parametrize("module", ["napsim.cli.run", "napsim.cli.watch", "napsim.live.operator"])
def test_everything_that_the_operator_imports_is_there(image: str, module: str) -> None:
    done = inside("/opt/napsim/bin/python", "-c", f"import {module}")
    assert done.returncode == 0, done.stderr


def test_neither_pip_nor_a_compiler_nor_tests_are_in_what_it_adds(image: str) -> None:
    listed = inside("find", "/opt/napsim").stdout.splitlines()
    assert len(listed) > 1000
    unwanted = re.compile(
        r"/(pip|setuptools|wheel|tests|site-packages/kubernetes)(/|$)|/bin/(pip|activate)|\.(c|h|pyx|pyi)$"
    )
    assert [path for path in listed if unwanted.search(path)] == []


def test_it_is_the_same_to_the_byte_when_it_is_built_again(image: str) -> None:
    flags = f"{os.environ.get('BUILD_FLAGS', '')} --no-cache"
    script("hack/image/build", IMAGE=f"{IMAGE}-again", BUILD_FLAGS=flags)
    assert inspected(f"{IMAGE}-again")["RootFS"]["Layers"] == inspected(IMAGE)["RootFS"]["Layers"]
