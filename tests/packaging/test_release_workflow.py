"""A release, rehearsed: .github/workflows/release.yml on a tag that docs/release.md makes, as far as a machine goes.

Its commands are run, job by job, with a registry on this machine; then the chart is installed as a user does it.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from email.parser import Parser
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import pytest
import yaml

from hack.release import release_of
from napsim.cluster import find_helm
from napsim.cluster.progress import Silent
from tests.chart.rendering import API_VERSIONS, parsed, pods
from tests.packaging.actions import STAND_INS, Event, Played, Run, read, steps
from tests.packaging.environments import built, packed
from tests.packaging.registry import Registry, a_registry
from tests.packaging.repository import ROOT, project

FILE: Final = ROOT / ".github/workflows/release.yml"
PAGE: Final = ROOT / "docs/release.md"
WORKFLOW: Final = read(FILE)
NAMESPACE: Final = "somewhere/napsim"
DIGEST: Final = f"sha256:{'0123456789abcdef' * 4}"
# What no machine but GitHub's can do, or none need: an action, a workflow, or a step of commands by its job and name.
NOT_REHEARSED: Final = {
    "./.github/workflows/test.yml": "is `make test`, which this test is a part of",
    "./.github/workflows/kind.yml": "is `make test-kind`",
    "actions/setup-python": "the tests have a Python",
    "sigstore/cosign-installer": "nothing is signed here",
    "docker/login-action": "the registry here asks nobody who they are",
    "docker/setup-qemu-action": "no image is built here: tests/kind builds it, for its own platform",
    "docker/setup-buildx-action": "as docker/setup-qemu-action",
    "docker/build-push-action": "as docker/setup-qemu-action; the digest that it tells is made up",
    "image: Sign": "the signature is of the identity that GitHub gives a workflow",
    "chart: Sign": "as image: Sign",
    "actions/attest-build-provenance": "as image: Sign",
    "actions/attest-sbom": "as image: Sign",
    "pypa/gh-action-pypi-publish": "it trusts that identity too",
    "release: With the changelog's section as its notes": "the release's page is GitHub's",
}
HEADING: Final = r"^(## \[.*)$"  # of a section of the changelog
KNOWING_THE_VERSION: Final = (
    "tests/chart/test_golden.py::test_the_chart_renders_what_its_golden_file_has",
    "tests/chart/test_objects.py::test_the_version_of_the_chart_is_the_programs",
    "tests/packaging/test_release.py",
)


@dataclass(frozen=True, slots=True)
class Version:
    """A version to release, as Python has it and as semantic versioning does."""

    python: str
    semantic: str

    def __str__(self) -> str:
        return self.tag

    @property
    def tag(self) -> str:
        return f"v{self.semantic}"

    @property
    def is_prerelease(self) -> bool:
        return self.python != self.semantic


# No release is ever of these: where one is tested, at its tag, there is something to write too.
FINAL: Final = Version("99.1.0", "99.1.0")
BEFORE: Final = Version("99.2.0rc1", "99.2.0-rc.1")


@dataclass(frozen=True, slots=True)
class Released:
    version: Version
    run: Run
    registry: Registry
    folder: Path

    def job(self, name: str) -> Played:
        return self.run.jobs[name]

    def helm(self, *arguments: str) -> str:
        """What helm prints, of a user who knows nothing but where the chart is."""
        command = [str(self.folder / "programs/helm"), *arguments]
        environment = dict(self.run.environment)
        done = subprocess.run(command, cwd=self.folder, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    with a_registry(tmp_path_factory.mktemp("registry")) as found:
        yield found


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What napsim requires, as pipx gets it where it asks no index."""
    folder = tmp_path_factory.mktemp("wheels")
    (wheel,) = built(folder / "built", ROOT, "wheel")
    packed(wheel, folder / "packed")
    return folder / "packed"


@pytest.fixture(scope="module", params=[FINAL, BEFORE], ids=str)
def released(
    request: pytest.FixtureRequest, registry: Registry, wheels: Path, tmp_path_factory: pytest.TempPathFactory
) -> Released:
    """All jobs, in an order in which each comes after those that it needs."""
    version: Version = request.param
    folder = tmp_path_factory.mktemp("release")
    tagged(version, folder)
    run = a_run(version, folder, wheels, OCI_REGISTRY=registry.host, OCI_NAMESPACE=NAMESPACE)
    for name in WORKFLOW["jobs"]:
        played = run.play(name)
        assert played.ended == 0, (name, played.done[-1])
    return Released(version, run, registry, folder)


def tagged(version: Version, folder: Path) -> None:
    """What a maintainer does (docs/release.md), to the working tree as it is: `folder`/origin has the tag, on main."""
    origin, clone = folder / "origin", folder / "maintainer"
    git(folder, "clone", "--quiet", "--bare", str(ROOT), str(origin))
    git(origin, "update-ref", "refs/heads/main", "HEAD")
    git(origin, "symbolic-ref", "HEAD", "refs/heads/main")
    git(folder, "clone", "--quiet", str(origin), str(clone))
    changed = subprocess.run(["git", "diff", "--binary", "HEAD"], cwd=ROOT, capture_output=True, check=True).stdout
    subprocess.run(["git", "apply", "--allow-empty", "-"], cwd=clone, input=changed, check=True)
    written(version, clone)
    git(clone, "commit", "--quiet", "--all", f"--message=Release {version.semantic}")
    git(clone, "tag", version.tag)
    git(clone, "push", "--quiet", "origin", "main", version.tag)


def written(version: Version, clone: Path) -> None:
    """Steps 1 and 2 of docs/release.md: the version in all places, and as the newest section of the changelog."""
    old = release_of(clone)
    replace(clone / "pyproject.toml", f'^version = "{old.python}"$', f'version = "{version.python}"')
    replace(clone / "operator/napsim/__init__.py", f'"{old.python}"$', f'"{version.python}"')
    chart = clone / "charts/napsim/Chart.yaml"
    replace(chart, f"^version: {old.semantic}$", f"version: {version.semantic}")
    replace(chart, f"^appVersion: {old.python}$", f"appVersion: {version.python}")
    replace(chart, '(artifacthub.io/prerelease: )".*"', rf'\1"{str(version.is_prerelease).lower()}"')
    for page in (clone / "docs").glob("*.md"):
        replace(page, rf"\bnapsim:{old.python}\b", f"napsim:{version.python}")
    heading = "## [Unreleased]" if version.is_prerelease else f"## [{version.semantic}] - 2026-12-01"
    before, _, newest, *others = re.split(HEADING, (clone / "CHANGELOG.md").read_text(), flags=re.MULTILINE)
    (clone / "CHANGELOG.md").write_text("".join([before, heading, newest, *others]))


def replace(file: Path, pattern: str, text: str) -> None:
    file.write_text(re.sub(pattern, text, file.read_text(), flags=re.MULTILINE))


def git(folder: Path, *command: str) -> str:
    you = {f"GIT_{who}_{what}": "you@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    environment = {**os.environ, **you, "GIT_CONFIG_GLOBAL": os.devnull}
    done = subprocess.run(["git", *command], cwd=folder, env=environment, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def a_run(version: Version, folder: Path, wheels: Path, **variables: str) -> Run:
    """One of nothing yet, for the tag that `folder`/origin has."""
    address = urlsplit(project()["urls"]["Repository"])
    event = Event(
        origin=folder / "origin", tag=version.tag, sha=git(folder / "origin", "rev-parse", version.tag),
        server=f"{address.scheme}://{address.netloc}", repository=address.path.strip("/"),
        variables=variables,
    )  # fmt: skip
    (folder / "jobs").mkdir()
    return Run(
        workflow=WORKFLOW, event=event, folder=folder / "jobs",
        environment=a_runner(folder, wheels), prepare=with_environment,
        not_run=frozenset(NOT_REHEARSED), made_up={"image: docker/build-push-action": {"digest": DIGEST}},
    )  # fmt: skip


def a_runner(folder: Path, wheels: Path) -> dict[str, str]:
    """The environment of a machine with pipx and helm."""
    for name in ("programs", "home"):
        (folder / name).mkdir()
    program(folder / "programs/pipx", Path(sys.executable).with_name("pipx"), "unset PYTHONPATH")
    # The registry of a release speaks TLS. The one here does not, and helm asks to be told so.
    plain = 'case "$1" in pull | push | template) set -- "$@" --plain-http ;; esac'
    program(folder / "programs/helm", find_helm(Silent()).executable, plain)
    return {
        "HOME": str(folder / "home"),
        "PATH": f"{folder / 'programs'}:{os.environ['PATH']}",
        "LC_ALL": "C.UTF-8",
        "PYTHONPATH": "operator",  # of the checkout: in the environment that it has napsim is that of the tests
        "PIPX_DEFAULT_BACKEND": "uv",
        "UV_OFFLINE": "1",
        "UV_NO_CONFIG": "1",
        "UV_FIND_LINKS": str(wheels),
    }


def program(file: Path, executable: Path, before: str) -> None:
    """One that does something before it is the other."""
    file.write_text(f'#!/bin/sh\n{before}\nexec {shlex.quote(str(executable))} "$@"\n')
    file.chmod(0o755)


def with_environment(checkout: Path) -> None:
    """The virtual environment is that of the tests: `make venv` finds it up to date, as what it is of is older."""
    (checkout / ".venv").symlink_to(Path(sys.executable).parents[1])
    for name in ("pyproject.toml", "requirements/dev.txt", "hack/venv"):
        os.utime(checkout / name, (0, 0))


def test_every_step_is_rehearsed_or_it_is_said_why_not() -> None:
    told = [step for job in WORKFLOW["jobs"] for step in steps(WORKFLOW, job)]
    actions = {step.action for step in told if step.action}
    places = {step.place for step in told if not step.action}
    assert actions - STAND_INS.keys() - NOT_REHEARSED.keys() == set()
    assert NOT_REHEARSED.keys() - actions - places == set()
    assert len(places - NOT_REHEARSED.keys()) > 8
    assert not NOT_REHEARSED.keys() & STAND_INS.keys()


def test_the_page_verifies_the_signatures_that_this_cosign_makes() -> None:
    """Those of cosign 2 are no bundles, which cosign 3 looks for first; those of cosign 3 are."""
    (version,) = set(re.findall(r"sigstore/cosign-installer@\S+ # v(\d+)", FILE.read_text()))
    told = re.findall(r"^cosign verify \S+ --new-bundle-format=(\w+)", PAGE.read_text(), re.MULTILINE)
    assert told == ["false", "false"]
    assert int(version) < 4, "it installs cosign 3: docs/release.md has to verify bundles then"


def test_all_places_name_the_version_of_the_tag(released: Released) -> None:
    version = released.version
    assert released.job("check").outputs == {
        "version": version.python,
        "semantic": version.semantic,
        "prerelease": str(version.is_prerelease).lower(),
    }
    (wheel,) = (released.job("dist").folder / "dist").glob("*.whl")
    assert wheel.name == f"napsim-{version.python}-py3-none-any.whl"
    with zipfile.ZipFile(wheel) as archive:
        told = Parser().parsestr(archive.read(f"napsim-{version.python}.dist-info/METADATA").decode())
    assert told["Version"] == version.python
    assert f"{project()['urls']['Repository']}/blob/{version.tag}/docs/start.md" in str(told.get_payload())
    assert f"Client      {version.python}" in released.job("dist").printed("It runs as pipx installs it")


def test_the_list_of_contents_and_the_notes_are_of_the_version(released: Released) -> None:
    folder, version = released.job("dist").folder, released.version
    listed = json.loads((folder / "dist/napsim.cdx.json").read_text())
    assert listed["metadata"]["component"]["purl"] == f"pkg:pypi/napsim@{version.python}"
    assert len(listed["components"]) > 20
    newest = re.split(HEADING, (ROOT / "CHANGELOG.md").read_text(), flags=re.MULTILINE)[2]
    assert (folder / "notes.md").read_text() == newest.strip() + "\n"


def test_what_is_attested_and_published_is_what_was_built(released: Released) -> None:
    """What actions are given is a pattern or a digest, and finds what it is meant for."""
    dist, publish, release = (released.job(name) for name in ("dist", "publish", "release"))
    (provenance,) = dist.given("actions/attest-build-provenance")
    (contents,) = dist.given("actions/attest-sbom")
    assert found(dist, provenance["subject-path"]) == {"napsim.whl", "napsim.tar.gz", "kubectl-napsim.tar.gz"}
    assert found(dist, contents["subject-path"]) == {"napsim.whl"}
    assert found(dist, contents["sbom-path"]) == {"napsim.cdx.json"}
    (index,) = publish.given("pypa/gh-action-pypi-publish")
    assert found(publish, f"{index['packages-dir']}/*") == {"napsim.whl", "napsim.tar.gz"}
    everything = {"napsim.whl", "napsim.tar.gz", "kubectl-napsim.tar.gz", "napsim.cdx.json"}
    assert found(release, "dist/*") == everything
    assert (release.folder / "notes.md").is_file()


def found(played: Played, patterns: str) -> set[str]:
    """The files that patterns of an action find, without the version in their names."""
    files = [file for pattern in re.split(r"[,\s]+", patterns) for file in played.folder.glob(pattern)]
    return {re.sub(r"-\d.*(?=\.whl|\.tar)", "", file.name) for file in files}


def test_image_and_chart_are_signed_by_their_digests_and_attested_without_a_tag(released: Released) -> None:
    below = f"{released.registry.host}/{NAMESPACE}"
    chart = released.registry.digest(f"{NAMESPACE}/charts/napsim", released.version.semantic)
    for job, name, digest in (("image", "napsim", DIGEST), ("chart", "charts/napsim", chart)):
        (given,) = released.job(job).given("actions/attest-build-provenance")
        assert (given["subject-name"], given["subject-digest"]) == (f"{below}/{name}", digest)
        (signed,) = released.job(job).given("Sign")
        assert list(signed.values()) == [f"{below}/{name}@{digest}"]


def test_the_image_is_of_the_version_and_of_the_time_of_the_commit(released: Released) -> None:
    (given,) = released.job("image").given("docker/build-push-action")
    assert given["tags"] == f"{released.registry.host}/{NAMESPACE}/napsim:{released.version.python}"
    arguments = dict(line.split("=", 1) for line in given["build-args"].splitlines())
    sha = released.run.event.sha
    epoch, created = git(released.folder / "origin", "log", "-1", "--format=%ct %cI", sha).split()
    assert (arguments["VERSION"], arguments["REVISION"]) == (released.version.python, sha)
    assert arguments["SOURCE_DATE_EPOCH"] == epoch
    assert datetime.fromisoformat(arguments["CREATED"]) == datetime.fromisoformat(created)
    assert set(re.findall(r"^ARG (\w+)", (ROOT / "Dockerfile").read_text(), re.MULTILINE)) >= arguments.keys()


def test_a_user_installs_the_chart_from_the_registry_and_gets_the_image_by_its_digest(released: Released) -> None:
    where = f"oci://{released.registry.host}/{NAMESPACE}/charts/napsim"
    version = f"--version={released.version.semantic}"
    objects = parsed(released.helm("template", "napsim", where, version, API_VERSIONS))
    image = f"{released.registry.host}/{NAMESPACE}/napsim@{DIGEST}"
    assert {container["image"] for pod in pods(objects).values() for container in pod["spec"]["containers"]} == {image}
    released.helm("pull", where, version)
    with tarfile.open(released.folder / f"napsim-{released.version.semantic}.tgz") as archive:
        told = archive.extractfile("napsim/Chart.yaml")
        assert told is not None
        chart: dict[str, Any] = yaml.safe_load(told)
    assert (chart["version"], chart["appVersion"]) == (released.version.semantic, released.version.python)


def test_the_tests_that_know_the_version_pass_at_the_tag(released: Released) -> None:
    """Or the release would end at its job `test`, after the tag is there for all to see."""
    clone = released.folder / "maintainer"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:xdist", *KNOWING_THE_VERSION]
    environment = {**os.environ, "PYTHONPATH": str(clone / "operator")}
    done = subprocess.run(command, cwd=clone, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:]


def test_a_repository_whose_settings_name_no_registry_is_told_so(wheels: Path, tmp_path: Path) -> None:
    tagged(FINAL, tmp_path)
    check = a_run(FINAL, tmp_path, wheels, OCI_REGISTRY="registry.example").play("check")
    assert check.ended == 1
    assert "OCI_NAMESPACE" in check.done[-1].printed


def test_a_tag_beside_main_is_refused(wheels: Path, tmp_path: Path) -> None:
    tagged(FINAL, tmp_path)
    git(tmp_path / "origin", "update-ref", "refs/heads/main", f"{FINAL.tag}~1")
    check = a_run(FINAL, tmp_path, wheels, OCI_REGISTRY="registry.example", OCI_NAMESPACE=NAMESPACE).play("check")
    assert (check.ended, check.done[-1].step.title) == (1, "The tag is on main")
