"""Files as documents: what an API server would make of them."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Any

import pytest

from napsim.reading.judgement import judged
from napsim.reading.sources import Text, documents_of, read_texts, standard_input
from napsim.reading.sources import read as read_paths

POOL = """
apiVersion: karpenter.sh/v1
kind: NodePool
metadata: {name: general, labels: }
spec:
  weight:
  disruption: {consolidateAfter: 0s, consolidationPolicy: , budgets: [{nodes: , reasons: }]}
  template:
    metadata: {labels: {team: }, annotations: }
    spec:
      nodeClassRef: {group: karpenter.azure.com, kind: AKSNodeClass, name: default}
      requirements: [{key: kubernetes.io/arch, operator: Exists, values: }]
"""
DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}, annotations: }
    spec: {containers: [{name: main, resources: {requests: , limits: }}], nodeSelector: }
"""


def read(text: str) -> dict[str, Any]:
    (document,), mistakes = documents_of([Text("a.yaml", text)])
    assert not mistakes
    manifest: dict[str, Any] = document.manifest
    return manifest


@pytest.mark.parametrize(
    ("text", "line", "told"),
    [
        ("a:\n\tb: 1\n", 2, "the line begins with a tab, and YAML indents with blanks alone"),
        ("a: {{ .Values.a }}\nb: [\n", 3, "templates are to be rendered first: helm template CHART | napsim lint -"),
        ('a: {{ include "a" . }}\n', 1, "templates are to be rendered first: helm template CHART | napsim lint -"),
        ("a:\n  - b: 1\n    c: 1\n    b: 2\n", 4, "not valid YAML: key 'b' comes twice"),
        ('a: "{{x}}"\nb: 1\nb: 2\n', 3, "not valid YAML: key 'b' comes twice"),
        ("a: [\nb: }\n", 2, "not valid YAML: did not find expected node content"),
        ("a: 1\n---\n" + "[" * 200 + "]" * 200, 3, "not valid YAML: values are within values more than 100 deep"),
        ('{"a": ' * 200 + "1" + "}" * 200, 1, "not valid YAML: values are within values more than 100 deep"),
    ],
)
def test_what_is_no_yaml_is_told_where_and_what_it_may_be(text: str, line: int, told: str) -> None:
    _, (mistake,) = documents_of([Text("a.yaml", text)])
    assert mistake.line == line
    assert mistake.message.endswith(told)


@pytest.mark.parametrize("text", [POOL, DEPLOYMENT])
def test_fields_that_are_null_are_absent_as_for_an_api_server(text: str) -> None:
    manifest = read(text)
    assert "None" not in str(manifest)
    assert not list(judged(manifest))


def test_a_null_in_json_too() -> None:
    manifest = read('{"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "spec": {"minAvailable": null}}')
    assert manifest["spec"] == {}


def test_a_whole_number_is_an_integer_in_json_too_as_kubectl_sends_it() -> None:
    manifest = read('{"kind": "A", "a": 5.0, "b": 1e3, "c": 0.5, "d": [-2.0, 9223372036854775808], "e": "5.0"}')
    assert manifest == {"kind": "A", "a": 5, "b": 1000, "c": 0.5, "d": [-2, 2**63], "e": "5.0"}
    assert [type(manifest[name]) for name in "abc"] == [int, int, float]


def test_an_object_that_a_scenario_applies_has_none_either() -> None:
    within = DEPLOYMENT.replace("\n", "\n      ")
    scenario = read(f"apiVersion: napsim.dev/v1alpha1\nkind: Scenario\nspec:\n  events:\n  - apply:{within}")
    assert "None" not in str(scenario)


def test_a_null_of_a_name_that_is_not_known_stays() -> None:
    assert [place for place, _, _ in judged(read(POOL.replace("weight:", "wieght:")))] == ["spec.wieght"]


# --- encodings: Windows PowerShell's ``>`` writes UTF-16 with a byte order mark ---------------------------------------


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be"])
def test_a_text_in_any_of_its_encodings_is_the_same_document(tmp_path: Path, encoding: str, ends: str) -> None:
    mark = "\ufeff" if encoding == "utf-16-be" else ""
    content = (mark + POOL.lstrip().replace("\n", ends)).encode(encoding)
    (tmp_path / "pool.yaml").write_bytes(content)
    for documents, mistakes in (
        read_paths([str(tmp_path)], stdin=str),
        read_texts([("pool.yaml", content)]),
    ):
        assert not mistakes
        assert documents[0].manifest == documents_of([Text("a.yaml", POOL)])[0][0].manifest
        assert documents[0].line_of("spec.weight") == 5


def test_standard_input_is_read_in_its_encoding_and_refused_in_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(POOL.encode("utf-16"))))
    (document,), mistakes = read_paths(["-"], standard_input)
    assert (document.manifest["kind"], mistakes) == ("NodePool", [])
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"kind: \xff")))
    documents, (mistake,) = read_paths(["-"], standard_input)
    assert documents == []
    assert str(mistake) == "(stdin): cannot be read: it must be UTF-8, or UTF-16 with a byte order mark"
