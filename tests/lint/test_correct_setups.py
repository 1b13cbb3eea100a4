"""Set-ups as people have them, and right: no rule finds an error or a warning in any. A false positive is a bug."""

from __future__ import annotations

import codecs
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pytest

from napsim.lint.configuration import Configuration
from napsim.lint.findings import Severity
from napsim.lint.linting import Result, lint
from napsim.reading.sources import Text, texts_of

SETUPS: Final = Path(__file__).with_name("setups")
NOW: Final = datetime(2026, 11, 21, tzinfo=UTC)
EVERY: Final = sorted(path.name for path in SETUPS.iterdir())
KUSTOMIZATION: Final = """
resources: [app.yaml]
patches:
  - target: {kind: Deployment, name: web}
    patch: '[{op: replace, path: /spec/replicas, value: 3}]'
"""
APP: Final = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 1
  selector: {matchLabels: {app: web}}
  template: {metadata: {labels: {app: web}}, spec: {containers: [{name: web, image: web}]}}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: web}
spec: {minAvailable: 1, selector: {matchLabels: {app: web}}}
"""


def over(folder: Path) -> Result:
    texts, mistakes = texts_of([str(folder)], str)
    assert not mistakes
    return lint(texts, Configuration(), NOW)


def complaints(result: Result) -> list[str]:
    assert not result.unread
    found = [it for it in result.findings if it.severity is not Severity.INFO]
    return [f"{it.file}:{it.span.line} {it.code} {it.message}" for it in found]


def test_there_are_more_than_twenty_of_them() -> None:
    assert len(EVERY) > 20


@pytest.mark.parametrize("setup", EVERY)
def test_a_set_up_that_is_right_is_let_be(setup: str) -> None:
    assert complaints(over(SETUPS / setup)) == []


def test_windows_line_ends_and_a_byte_order_mark_change_nothing(tmp_path: Path) -> None:
    shutil.copytree(SETUPS / "aks-docs", tmp_path / "it")
    (file,) = (tmp_path / "it").iterdir()
    file.write_bytes(codecs.BOM_UTF8 + file.read_bytes().replace(b"\n", b"\r\n"))
    found = over(tmp_path)
    assert complaints(found) == []
    assert found.judged == 3


@pytest.mark.parametrize(
    ("kustomization", "codes"),
    [
        pytest.param("resources: [app.yaml]\nnamespace: shop\nnamePrefix: a-\n", ["NAP402"], id="names"),
        pytest.param("resources: [app.yaml]\ncommonLabels: {team: a}\n", ["NAP402"], id="labels"),
        pytest.param(KUSTOMIZATION, [], id="patch"),
        pytest.param(KUSTOMIZATION.replace("name: web", "name: other"), ["NAP402"], id="patch of another"),
        pytest.param("resources: [app.yaml]\nreplicas: [{name: web, count: 3}]\n", [], id="replicas"),
        pytest.param("resources: [other.yaml]\nreplicas: [{name: web, count: 3}]\n", ["NAP402"], id="not taken in"),
        pytest.param("resources: [app.yaml]\ntransformers: [x.yaml]\n", [], id="transformer"),
    ],
)
def test_what_a_kustomization_changes_is_not_judged_as_it_is_written(kustomization: str, codes: list[str]) -> None:
    folders = [""] if "other.yaml" not in kustomization else ["", "x/"]
    texts = [Text(f"base/{folders[-1]}kustomization.yaml", kustomization), Text("base/app.yaml", APP)]
    found = lint(texts, Configuration(), NOW)
    assert [it.code for it in found.findings] == codes


def test_a_merged_key_gives_way_to_the_one_that_is_written() -> None:
    merged = APP.replace("spec: {minAvailable: 1,", "spec: {<<: {minAvailable: 0}, minAvailable: 1,")
    (found,) = lint([Text("app.yaml", merged)], Configuration(), NOW).findings
    assert (found.code, found.value, found.span.line) == ("NAP402", 1, merged[: merged.index("<<")].count("\n") + 1)
    assert merged.split("\n")[found.span.line - 1][found.span.column - 1] == "1"
