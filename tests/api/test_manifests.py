"""Manifests are read as kubectl reads them."""

from __future__ import annotations

import pytest
import yaml

from napsim.api.manifests import load_documents


def value_of(text: str) -> object:
    ((document, _),) = load_documents(f"value: {text}")
    return document["value"]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("01:00", "01:00"),
        ("22:30", "22:30"),
        ("+05:30", "+05:30"),
        ("-08:00", "-08:00"),
        ("2026-02-15", "2026-02-15"),
        ("2026-02-14T23:00:00Z", "2026-02-14T23:00:00Z"),
        ("202602.13.0", "202602.13.0"),
        ("12", 12),
        ("4.0", 4),
        ("0.5", 0.5),
        ("yes", True),
        ("null", None),
        ("None", "None"),
    ],
)
def test_a_plain_value_is_what_it_is_for_kubectl(text: str, value: object) -> None:
    assert value_of(text) == value
    assert type(value_of(text)) is type(value)


def test_a_key_that_comes_twice_is_refused() -> None:
    with pytest.raises(yaml.YAMLError, match="'b' comes twice"):
        list(load_documents("a:\n  b: 1\n  b: 2\n"))


def test_empty_documents_are_skipped() -> None:
    text = "---\n---\nkind: A\n---\nkind: B\n"
    assert [document["kind"] for document, _ in load_documents(text)] == ["A", "B"]


def test_json_is_read_too() -> None:
    ((document, _),) = load_documents('{"kind": "A", "at": "01:00"}')
    assert document == {"kind": "A", "at": "01:00"}
