"""Manifests are read as kubectl reads them.

What a plain value is, sigs.k8s.io/yaml v1.6.0 has said, on go.yaml.in/yaml/v2 v2.4.4 (YAMLToJSON).
"""

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
        ("y", True),
        ("N", False),
        ("1e3", 1000),
        ("1.5E1", 15),
        ("-.5", -0.5),
        ("0o17", 15),
        ("017", 15),
        ("09", 9),
        ("0x1F", 31),
        ("0b11", 3),
        ("1_000", 1000),
        ("1e400", "1e400"),
        ("0x", "0x"),
        ("1.2.3", "1.2.3"),
        ("_1", "_1"),
        ("=", "="),
        ("<<", "<<"),
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


@pytest.mark.parametrize("text", [".inf", "-.Inf", ".NaN"])
def test_a_number_that_json_has_not_is_refused(text: str) -> None:
    with pytest.raises(yaml.YAMLError, match="JSON has no number"):
        value_of(text)


@pytest.mark.parametrize(("key", "text"), [("1", "1"), ("yes", "true"), ("1.5", "1.5"), ("2026-02-15", "2026-02-15")])
def test_a_key_is_text(key: str, text: str) -> None:
    assert value_of(f"{{{key}: a}}") == {text: "a"}


def test_keys_that_are_equal_in_python_are_two() -> None:
    assert value_of("{yes: a, 1: b, 1.0: c}") == {"true": "a", "1": "c"}


@pytest.mark.parametrize("text", ["{[a]: b}", "{{a: b}: c}"])
def test_a_key_that_is_no_scalar_is_refused(text: str) -> None:
    with pytest.raises(yaml.YAMLError, match="a key must be text"):
        value_of(text)


@pytest.mark.parametrize("text", ["&x [*x]", "&x {a: {b: *x}}"])
def test_an_anchor_within_itself_is_refused(text: str) -> None:
    with pytest.raises(yaml.YAMLError, match="the value of an anchor has itself in it"):
        value_of(text)


def nested(levels: int) -> str:
    return "[" * levels + "1" + "]" * levels


@pytest.mark.parametrize("levels", [101, 400, 5_000])
def test_what_is_deeper_than_any_manifest_is_refused(levels: int) -> None:
    with pytest.raises(yaml.YAMLError, match="values are within values more than 100 deep"):
        list(load_documents(nested(levels)))
    assert list(load_documents(nested(100)))


def multiplied(times: int) -> str:
    """Each line stands for nine of the one before."""
    lines = ["- &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"- &a{at + 1} [{', '.join([f'*a{at}'] * 9)}]" for at in range(times)]
    return "\n".join(lines)


def test_aliases_that_stand_for_more_than_any_manifest_has_are_refused_before_they_are_followed() -> None:
    with pytest.raises(yaml.YAMLError, match="its aliases stand for more than 1000000 values"):
        list(load_documents(multiplied(30)))
    assert list(load_documents(multiplied(3)))


@pytest.mark.parametrize("text", ["!!map 5", "!!map [1]"])
def test_a_mapping_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(yaml.YAMLError, match="a mapping is expected"):
        value_of(text)


def test_what_is_merged_in_gives_way_to_what_is_written() -> None:
    ((document, _),) = load_documents("base: &base {a: 1, b: 2}\nvalue: {<<: *base, b: 3}\n")
    assert document["value"] == {"a": 1, "b": 3}


def test_a_key_that_is_null_is_refused() -> None:
    with pytest.raises(yaml.YAMLError, match="a key must be text"):
        value_of("{null: a}")


@pytest.mark.parametrize("text", ["!!binary aGk=", "!!set {a}"])
def test_what_is_no_json_is_refused(text: str) -> None:
    with pytest.raises(yaml.YAMLError, match="could not determine a constructor"):
        value_of(text)


def test_empty_documents_are_skipped() -> None:
    text = "---\n---\nkind: A\n---\nkind: B\n"
    assert [document["kind"] for document, _ in load_documents(text)] == ["A", "B"]


def test_json_is_read_too() -> None:
    ((document, _),) = load_documents('{"kind": "A", "at": "01:00"}')
    assert document == {"kind": "A", "at": "01:00"}
