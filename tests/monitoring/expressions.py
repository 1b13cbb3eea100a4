"""What a PromQL expression refers to: its metrics, the labels it selects them by, and the labels it keeps."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_SELECTOR = re.compile(r"\b(?P<metric>[a-z_:][a-z0-9_:]*_[a-z0-9_]+)\s*(?P<matchers>\{[^}]*\})?")
_MATCHER = re.compile(r"(\w+)\s*(?:=~|!~|!=|=)")
_GROUPING = re.compile(r"\b(?:by|without|on|ignoring)\s*\(([^)]*)\)")
_FUNCTIONS = {"histogram_quantile", "label_values", "group_left", "group_right"}
_STRING = re.compile(r'"[^"]*"')


@dataclass(frozen=True, slots=True)
class Reference:
    """A metric in an expression, with the labels of its matchers."""

    metric: str
    labels: frozenset[str]


def references(expression: str) -> Iterator[Reference]:
    """All metrics of an expression. A dashboard's ``label_values(metric, label)`` counts as a matcher on the label."""
    listed = re.fullmatch(r"label_values\((\w+), (\w+)\)", expression)
    if listed:
        yield Reference(listed[1], frozenset({listed[2]}))
        return
    plain = _GROUPING.sub(" ", expression)
    for found in _SELECTOR.finditer(plain):
        before = plain[: found.start()]
        if found["metric"] in _FUNCTIONS or before.count("{") > before.count("}"):
            continue
        matchers = _STRING.sub('""', found["matchers"] or "")
        yield Reference(found["metric"], frozenset(_MATCHER.findall(matchers)))


def kept(expression: str) -> frozenset[str]:
    """The labels that aggregations group by."""
    found = (name.strip() for group in _GROUPING.findall(expression) for name in group.split(","))
    return frozenset(name for name in found if name)
