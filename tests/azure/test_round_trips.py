"""What is exported is read back as what it was, in every format that is read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napsim.api.validation import errors_of
from napsim.azure import aso, azapi, azurermblocks, bicep, formats, scripts
from napsim.azure.exports import Exports, Target, exports_of
from napsim.azure.imports import Imports
from napsim.reading.sources import Document, Text
from tests.azure import drawn

TODAY = date(2024, 1, 1)
TARGET = Target("prod 1's ${x}", "rg", "2026-05-01")
Spec = dict[str, Any]
Written = Callable[[Exports], Sequence[Text]]


def exported(specs: Sequence[Spec], channels: Spec) -> Exports:
    manifests = [drawn.manifest("MaintenanceConfiguration", spec, f"mc-{index}") for index, spec in enumerate(specs)]
    if channels:
        manifests.append(drawn.manifest("NodeAutoProvisioning", channels))
    assert [error for manifest in manifests for error in errors_of(manifest)] == []
    exports = exports_of([Document("ours.yaml", 1, manifest) for manifest in manifests], TODAY)
    assert exports.mistakes == []
    return exports


def read_back(texts: Sequence[Text]) -> tuple[list[Spec], Spec]:
    """The specs of configurations, and the channels."""
    found = Imports()
    for text in texts:
        formats.read(found, text)
    manifests = found.judged()
    assert found.mistakes == []
    channels: Spec = {}
    for manifest in manifests:
        if manifest["kind"] == "NodeAutoProvisioning":
            channels |= manifest["spec"]
    return [it["spec"] for it in manifests if it["kind"] == "MaintenanceConfiguration"], channels


def files(exports: Exports) -> list[Text]:
    return [Text(f"folder/{scripts.file_name(it)}", scripts.config_file(it)) for it in exports.configurations]


def one(name: str, written: Callable[[Exports, Target], str]) -> Written:
    return lambda exports: [Text(name, written(exports, TARGET))]


WITH_CHANNELS: dict[str, Written] = {
    "az": one("all.sh", scripts.script),
    "az from standard input": one("(stdin)", scripts.script),
    "aso": one("all.yaml", aso.written),
    "azapi": one("all.tf", azapi.written),
}


@pytest.mark.parametrize("written", WITH_CHANNELS.values(), ids=WITH_CHANNELS)
@settings(max_examples=12)
@given(data=st.data())
def test_any_configuration_comes_back_as_it_was(written: Written, data: st.DataObject) -> None:
    specs = data.draw(st.lists(drawn.ANY, min_size=1, max_size=3, unique_by=lambda spec: spec["configName"]))
    channels = data.draw(drawn.CHANNELS)
    assert read_back(written(exported(specs, channels))) == (specs, channels)


@settings(max_examples=12)
@given(spec=drawn.ANY)
def test_a_config_file_is_the_configuration_that_it_is_called(spec: Spec) -> None:
    assert read_back(files(exported([spec], {}))) == ([spec], {})


@settings(max_examples=12)
@given(
    specs=st.lists(
        st.one_of(drawn.RECURRING, drawn.HOURS), min_size=1, max_size=3, unique_by=lambda spec: spec["configName"]
    ),
    channels=drawn.CHANNELS,
)
def test_what_azurerm_can_say_comes_back_as_it_was(specs: list[Spec], channels: Spec) -> None:
    back, told = read_back(one("all.tf", azurermblocks.written)(exported(specs, channels)))
    assert told == channels
    assert {spec["configName"]: spec for spec in back} == {spec["configName"]: spec for spec in specs}


@settings(max_examples=12)
@given(spec=drawn.ANY)
def test_bicep_has_every_value_of_a_configuration(spec: Spec) -> None:
    text = bicep.written(exported([spec], {}), TARGET)
    assert text.count("{") - text.count("${") == text.count("}") - text.count("${")
    for value in leaves({key: value for key, value in spec.items() if key != "configName"}):
        assert (f"'{value}'" if isinstance(value, str) else str(value)) in text.split()


def leaves(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [leaf for inner in value.values() for leaf in leaves(inner)]
    return [leaf for inner in value for leaf in leaves(inner)] if isinstance(value, list) else [value]
