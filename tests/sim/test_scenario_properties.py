"""Whatever stands in a manifest, it gives a scenario or mistakes that say where."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from napsim.reading.sources import BadInput, Document, Mistake, read
from napsim.sim.composition import Asked, scenario_of
from napsim.sim.scenario import Scenario
from tests.manifests import load_manifests
from tests.sim.scenario_texts import NOW

FOLDERS = Path(__file__).parents[1] / "scenarios"
DOCUMENTS: list[Any] = [
    document
    for name in ("no_capacity", "ordered_statefulset", "wrong_zone")
    for document in load_manifests((FOLDERS / name / "scenario.yaml").read_text())
    if document["kind"] != "Scenario" or name == "no_capacity"
]
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 3),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(["", "x", "10%", "-1", "1h", "2026-03-02T08:00:00Z", "NodePool", "default"]),
    st.just([]),
    st.just({}),
    st.just([{}]),
    st.just({"a": 1}),
    st.just([None]),
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a document but the document itself."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [place for key, item in items for place in [(*path, key), *places(item, (*path, key))]]


@st.composite
def spoiled(draw: st.DrawFn) -> list[Any]:
    """All documents, with another value in up to three places of one of them."""
    documents = copy.deepcopy(DOCUMENTS)
    chosen = draw(st.integers(0, len(documents) - 1))
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.sampled_from(places(documents[chosen]) or [()]))
        if not place:
            break
        inner = documents[chosen]
        for key in place[:-1]:
            inner = inner[key]
        inner[place[-1]] = copy.deepcopy(draw(VALUES))
    return documents


@given(spoiled())
@settings(max_examples=50)
def test_any_value_anywhere_gives_a_scenario_or_mistakes_with_their_place(documents: list[Any]) -> None:
    text = yaml.safe_dump_all(documents)
    found, mistakes = read(["-"], stdin=lambda: text)
    told = outcome(found, mistakes)
    if isinstance(told, Scenario):
        assert told.start < told.until
    else:
        assert told.mistakes
        assert all(mistake.message and mistake.file for mistake in told.mistakes)


def outcome(found: list[Document], mistakes: list[Mistake]) -> Scenario | BadInput:
    try:
        return scenario_of(found, Asked(NOW), mistakes)
    except BadInput as error:
        return error
