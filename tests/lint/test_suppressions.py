"""Comments that silence rules: what they cover, what they must say, and that none is left over."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import pytest

from napsim.lint.configuration import configuration_of
from napsim.reading.sources import Text
from tests.lint.examples import linted, pool, together

WHY: Final = "napsim: ignore[NAP105] because it moves in May"


def frozen(beside: str = "") -> str:
    """A pool that is frozen, with something beside that."""
    return pool(f'\n      - nodes: "0"{beside}')


@pytest.mark.parametrize(
    "text",
    [
        frozen(f"  # {WHY}"),
        frozen().replace("    budgets:", f"    # {WHY}\n    budgets:"),
        frozen().replace("    budgets:", f"    #{WHY}\n    # and that is all\n\n    budgets:"),
        f"# {WHY}\n---\n" + frozen(),
        f"# {WHY}\n" + frozen(),
    ],
    ids=["on the line", "above", "above other comments", "above the document's mark", "above the document"],
)
def test_a_comment_covers_what_begins_on_its_line(text: str) -> None:
    result = linted(text)
    assert result.findings == ()
    assert [(item.code, item.suppressed, item.by_comment) for item in result.suppressed] == [
        ("NAP105", "it moves in May", True)
    ]


def test_a_comment_covers_one_document_only() -> None:
    text = together(f"# {WHY}\n" + frozen(), frozen().replace("name: default", "name: other", 1))
    assert [item.object for item in linted(text).findings] == ["NodePool/other"]


@pytest.mark.parametrize(
    ("comment", "message"),
    [
        ("napsim: ignore[NAP105]", "a reason is missing"),
        ("napsim: ignore because I say so", "the form is"),
        ("napsim: ignore[] because of me", "the form is"),
        ("napsim: ignore[NAP999] because of me", "no such rule: NAP999"),
    ],
)
def test_a_comment_without_rule_or_reason_silences_nothing(comment: str, message: str) -> None:
    found = {item.code: item.message for item in linted(frozen(f"  # {comment}")).findings}
    assert set(found) == {"NAP002", "NAP105"}
    assert found["NAP002"].startswith(message)


def test_what_a_comment_does_not_silence_any_more_is_told_rule_by_rule() -> None:
    text = frozen("  # napsim: ignore[NAP105, NAP101] because it moves in May")
    (left,) = linted(text).findings
    assert (left.code, left.message, left.edit) == ("NAP003", "NAP101 finds nothing here", None)


def test_a_comment_for_a_rule_that_is_not_asked_is_not_left_over() -> None:
    settings = configuration_of('[lint]\nselect = ["NAP0", "NAP4"]\n')
    assert linted(frozen(f"  # {WHY}"), settings=settings).findings == ()


def test_what_looks_like_a_comment_inside_of_a_text_is_none() -> None:
    text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata:\n  script: |\n    # napsim: ignore\n    true\n"
    assert linted(text).findings == ()


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param(lambda text: text.replace('nodes: "0"', "nodes: 0"), id="the API server would refuse the object"),
        pytest.param(lambda text: f"{text}\n  : [", id="the file cannot be read"),
    ],
)
def test_a_comment_on_what_was_not_judged_is_not_left_over(broken: Callable[[str], str]) -> None:
    """--fix would take it away, and the rule would find something once the object is right."""
    found = linted(broken(frozen(f"  # {WHY}"))).findings
    assert [item for item in found if item.code == "NAP003"] == []


def test_a_comment_on_what_a_kustomization_changes_is_not_left_over() -> None:
    patched = "resources: [pool.yaml]\npatches: [{target: {kind: NodePool}, patch: '[]'}]\n"
    result = linted(Text("kustomization.yaml", patched), Text("pool.yaml", frozen(f"  # {WHY}")))
    assert result.findings == ()
