"""What a release is checked for, and what it is made of."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

import napsim
from hack.release import Release, chart, main, mistakes, release_of, section
from hack.sbom import document
from tests.packaging.repository import ROOT

CHANGELOG = """\
# Changelog

All notable changes.

## [Unreleased]

### Added

- A thing that is to come.

## [1.10.0] - 2026-02-01

### Fixed

- The newest.

## [1.1.0] - 2026-01-31

- The first.
"""
DIGEST = f"sha256:{'0123456789abcdef' * 4}"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Release 1.10.0, as it has to be."""
    package, helm = tmp_path / "operator/napsim", tmp_path / "charts/napsim"
    for folder in (package, helm):
        folder.mkdir(parents=True)
    (tmp_path / "pyproject.toml").write_text('[project]\nversion = "1.10.0"\n')
    (package / "__init__.py").write_text('"""A program."""\n\n__version__ = "1.10.0"\n')
    annotations = {"artifacthub.io/prerelease": "false"}
    (helm / "Chart.yaml").write_text(
        yaml.safe_dump({"version": "1.10.0", "appVersion": "1.10.0", "annotations": annotations})
    )
    (tmp_path / "CHANGELOG.md").write_text(CHANGELOG)
    return tmp_path


def test_all_places_of_the_repository_agree_on_the_version() -> None:
    assert list(mistakes(ROOT, None)) == []
    assert release_of(ROOT).python == napsim.__version__


def test_a_release_that_is_as_it_has_to_be_has_no_mistakes(repository: Path) -> None:
    assert list(mistakes(repository, "v1.10.0")) == []


def test_a_page_that_names_the_image_of_another_version_is_told(repository: Path) -> None:
    (repository / "docs").mkdir()
    (repository / "docs/kind.md").write_text("kind load docker-image napsim:1.9.0\ndocker push napsim:1.10.0\n")
    (mistake,) = mistakes(repository, None)
    assert mistake == "docs/kind.md: image napsim is 1.9.0, and has to be 1.10.0, as pyproject.toml has 1.10.0"


def test_a_tag_that_names_another_version_is_refused(repository: Path) -> None:
    assert list(mistakes(repository, "v1.1.0")) == [
        "tag is v1.1.0, and has to be v1.10.0, as pyproject.toml has 1.10.0"
    ]


def test_a_release_from_another_repository_than_its_description_links_to_is_refused(
    repository: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with (repository / "pyproject.toml").open("a") as file:
        file.write('urls = {Repository = "https://forge.example/a/napsim"}\n')
    ours, other = "https://forge.example/a/napsim", "https://forge.example/b/napsim"
    assert list(mistakes(repository, "v1.10.0", ours)) == []
    assert list(mistakes(repository, "v1.10.0", other)) == [
        f"pyproject.toml: Repository in [project.urls] is {ours}, and has to be {other}"
    ]
    monkeypatch.setenv("GITHUB_SERVER_URL", "https://forge.example")
    monkeypatch.setenv("GITHUB_REPOSITORY", "b/napsim")
    assert main(["check"]) == 0
    assert main(["check", f"v{release_of(ROOT).semantic}"]) == 1
    assert "has to be https://forge.example/b/napsim" in capsys.readouterr().err


def test_all_mistakes_are_told_at_once_with_their_places(repository: Path) -> None:
    (repository / "pyproject.toml").write_text('[project]\nversion = "1.11.0rc2"\n')
    assert [mistake.partition(" has to be ")[::2] for mistake in mistakes(repository, "1.11.0")] == [
        (f"{place} is {value}, and", f"{wanted}, as pyproject.toml has 1.11.0rc2")
        for place, value, wanted in (
            ("operator/napsim/__init__.py: __version__", "1.10.0", "1.11.0rc2"),
            ("charts/napsim/Chart.yaml: version", "1.10.0", "1.11.0-rc.2"),
            ("charts/napsim/Chart.yaml: appVersion", "1.10.0", "1.11.0rc2"),
            ("charts/napsim/Chart.yaml: annotation artifacthub.io/prerelease", "false", "true"),
            ("tag", "1.11.0", "v1.11.0-rc.2"),
        )
    ]


@pytest.mark.parametrize(
    ("heading", "said"),
    [
        ("## [1.9.0] - 2026-02-01", "no section '## [1.10.0] - DATE'"),
        ("## [1.10.0]", "date of section 1.10.0 is None, and has to be like 2026-01-31"),
        ("## [1.10.0] - soon", "date of section 1.10.0 is soon, and has to be like 2026-01-31"),
    ],
)
def test_a_release_is_told_of_in_the_changelog_with_its_date(repository: Path, heading: str, said: str) -> None:
    changed = CHANGELOG.replace("## [1.10.0] - 2026-02-01", heading)
    (repository / "CHANGELOG.md").write_text(changed)
    (mistake,) = mistakes(repository, "v1.10.0")
    assert said in mistake
    assert list(mistakes(repository, None)) == []


@pytest.mark.parametrize(
    ("version", "text"),
    [
        ("1.10.0", "### Fixed\n\n- The newest.\n"),
        ("1.1.0", "- The first.\n"),
        ("1.11.0-rc.1", "### Added\n\n- A thing that is to come.\n"),
    ],
)
def test_the_notes_of_a_release_are_its_section_of_the_changelog(version: str, text: str) -> None:
    assert section(CHANGELOG, version) == text


def test_a_version_without_a_section_is_refused_with_those_that_are_there() -> None:
    with pytest.raises(ValueError, match=re.escape("no section 1.0; there are: Unreleased, 1.10.0, 1.1.0")):
        section(CHANGELOG, "1.0")


def test_the_changelog_has_notes_for_the_version_that_is_next(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["notes", release_of(ROOT).semantic]) == 0
    assert capsys.readouterr().out.startswith("### Added\n")


def test_the_chart_of_a_release_installs_its_image_by_digest(tmp_path: Path) -> None:
    chart(ROOT, tmp_path, "registry.example/napsim", DIGEST)
    original = yaml.safe_load((ROOT / "charts/napsim/values.yaml").read_text())
    values = yaml.safe_load((tmp_path / "napsim/values.yaml").read_text())
    assert values.pop("image") == {**original.pop("image"), "repository": "registry.example/napsim", "digest": DIGEST}
    assert values == original


def test_a_digest_that_is_none_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["chart", str(tmp_path), "registry.example/napsim", "latest"]) == 1
    assert "digest 'latest': it is sha256: and 64 of 0-9 and a-f" in capsys.readouterr().err


def test_a_chart_without_the_line_to_change_is_refused(repository: Path, tmp_path: Path) -> None:
    (repository / "charts/napsim/values.yaml").write_text("image: {repository: napsim}\n")
    with pytest.raises(ValueError, match="does not say what is replaced"):
        chart(repository, tmp_path / "made", "registry.example/napsim", DIGEST)


@pytest.mark.parametrize("arguments", [[], ["publish"], ["notes"], ["check", "v1", "v2"]])
def test_wrong_usage_shows_the_right_one(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    assert "release.py check [TAG]" in capsys.readouterr().err


def test_the_workflow_is_told_the_versions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    output = tmp_path / "output"
    monkeypatch.setenv("GITHUB_OUTPUT", str(output))
    monkeypatch.delenv("GITHUB_REPOSITORY", raising=False)
    release = release_of(ROOT)
    assert main(["check", f"v{release.semantic}"]) == 0
    told = dict(line.split("=") for line in output.read_text().splitlines())
    assert told == {
        "version": release.python,
        "semantic": release.semantic,
        "prerelease": str(release.is_prerelease).lower(),
    }


def test_a_version_of_python_is_no_semantic_one() -> None:
    assert Release("1.0.0", "1.0.0").is_prerelease is False
    assert Release("1.0.0rc1", "1.0.0-rc.1").is_prerelease is True


def test_the_bill_of_materials_has_every_pinned_package_once() -> None:
    made = document(ROOT)
    pins = re.findall(r"^([\w.-]+)==([^\s;]+)", (ROOT / "requirements/runtime.txt").read_text(), re.MULTILINE)
    wanted = [f"pkg:pypi/{name.lower()}@{version}" for name, version in pins]
    assert len(wanted) > 20
    assert [item["purl"] for item in made["components"]] == wanted
    assert made["dependencies"] == [{"ref": f"pkg:pypi/napsim@{napsim.__version__}", "dependsOn": wanted}]
    assert {item["name"] for item in made["components"] if "licenses" not in item} <= {"colorama"}


def test_the_bill_of_materials_is_one_that_its_attestation_accepts(tmp_path: Path) -> None:
    """actions/attest-sbom takes for CycloneDX what has these three, though CycloneDX itself asks for two of them."""
    made = document(ROOT)
    assert (made["bomFormat"], made["specVersion"]) == ("CycloneDX", "1.6")
    assert re.fullmatch(r"urn:uuid:[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}", made["serialNumber"])
    assert document(ROOT) == made
    (tmp_path / "requirements").mkdir()
    (tmp_path / "requirements/runtime.txt").write_text("kopf==1.45.2\n")
    (tmp_path / "pyproject.toml").write_text((ROOT / "pyproject.toml").read_text())
    assert document(tmp_path)["serialNumber"] != made["serialNumber"]
