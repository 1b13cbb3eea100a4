"""--fix changes what is certain, and nothing beside it."""

from __future__ import annotations

import pytest

from napsim.lint.findings import Edit
from napsim.lint.fixes import difference, fixed
from napsim.reading.sources import Span
from tests.lint.examples import linted

WRONG = """\
# the pool of the shop
apiVersion: karpenter.sh/v1
kind: NodePool
metadata: {name: default}
spec:
  disruption:
    consolidateAfter: 0s
    budgets:
      - {nodes: 5}   # five at once
      - nodes:   3
        # napsim: ignore[NAP101] because it was once
        reasons: [Empty]  # napsim: ignore[NAP102] because it was once
  template:
    spec:
      nodeClassRef: {group: karpenter.azure.com, kind: AKSNodeClass, name: default}
      requirements: []
"""
RIGHT = """\
# the pool of the shop
apiVersion: karpenter.sh/v1
kind: NodePool
metadata: {name: default}
spec:
  disruption:
    consolidateAfter: 0s
    budgets:
      - {nodes: "5"}   # five at once
      - nodes:   "3"
        reasons: [Empty]
  template:
    spec:
      nodeClassRef: {group: karpenter.azure.com, kind: AKSNodeClass, name: default}
      requirements: []
"""


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_comments_and_formatting_stay(line_end: str) -> None:
    """Comments are judged once the object is one that the API server takes."""
    taken, text = WRONG, WRONG.replace("\n", line_end)
    for _ in range(2):
        edits = [item.edit for item in linted(taken).findings if item.edit is not None]
        taken, text = fixed(taken, edits), fixed(text, edits)
    assert text == RIGHT.replace("\n", line_end)
    assert linted(RIGHT).findings == ()


def test_a_text_without_edits_is_the_same() -> None:
    assert fixed("a: 1\n\n  \nb: 2", []) == "a: 1\n\n  \nb: 2"


def test_of_edits_that_overlap_one_is_made() -> None:
    assert fixed("abcdef", [Edit(Span(1, 2, 5), "X"), Edit(Span(1, 4, 6), "Y")]) == "abcYf"


def test_a_difference_is_shown_as_diff_shows_it() -> None:
    assert difference("f.yaml", "a\nb\n", "a\nc\n") == "--- a/f.yaml\n+++ b/f.yaml\n@@ -1,2 +1,2 @@\n a\n-b\n+c\n"
    assert difference("f.yaml", "a\n", "a\n") == ""
