"""Which images exist in a scenario, and when: given, real, one so often, or the next one to ship."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from napsim.sim.catalogue import real
from napsim.sim.scenario import Scenario
from tests.sim.scenario_texts import CLUSTER, NODE_CLASS, NOW, POOL, composed, named

GIVEN = """
apiVersion: napsim.dev/v1alpha1
kind: NodeImage
metadata: {name: given}
spec: {osSKU: Ubuntu2404, definition: 2404gen2containerd, version: 202602.13.0, publishedAt: 2026-02-15T00:00:00Z}
"""


def told(spec: str) -> str:
    return f"{{apiVersion: napsim.dev/v1alpha1, kind: Scenario, metadata: {{name: x}}, spec: {{{spec}}}}}"


def images(scenario: Scenario) -> list[tuple[str, str, str]]:
    return [
        (it["spec"]["definition"], it["spec"]["version"], it["spec"]["publishedAt"])
        for it in named(scenario, "NodeImage")
    ]


def test_an_image_that_is_published_twice_is_there_from_the_first_time_on(tmp_path: Path) -> None:
    image = "image: {osSKU: Ubuntu2404, definition: 2404gen2containerd, version: 202603.10.0}"
    events = [f"{{at: 2026-03-{day}T01:00:00Z, {image}}}" for day in (11, 10)]
    scenario = composed(tmp_path, CLUSTER, told(f"events: [{', '.join(events)}]"))
    assert images(scenario) == [("2404gen2containerd", "202603.10.0", "2026-03-10T01:00:00Z")]
    assert any("202603.10.0 is published twice: since 2026-03-10T01:00:00Z it is there." in it for it in scenario.notes)


def test_280_real_versions_are_shipped_with_the_package() -> None:
    assert len(real()) == 280
    assert len({(image.definition, image.version) for image in real()}) == 280
    first = next(image for image in real() if image.definition == "2404gen2containerd")
    assert (first.os_sku, first.at) == ("Ubuntu2404", datetime(2025, 1, 22, tzinfo=UTC))


def test_of_two_images_of_one_day_the_later_is_published_later() -> None:
    by_version = {image.version: image.at for image in real() if image.definition == "2204gen2containerd"}
    assert by_version["202401.17.1"] == by_version["202401.17.0"] + timedelta(hours=1)


def test_images_that_are_given_are_the_only_ones(tmp_path: Path) -> None:
    assert images(composed(tmp_path, CLUSTER, GIVEN)) == [("2404gen2containerd", "202602.13.0", "2026-02-15T00:00:00Z")]


def test_an_image_without_a_date_is_there_at_the_start(tmp_path: Path) -> None:
    dateless = GIVEN.replace(", publishedAt: 2026-02-15T00:00:00Z", "")
    assert images(composed(tmp_path, CLUSTER, dateless)) == [
        ("2404gen2containerd", "202602.13.0", "2026-03-02T08:00:00Z")
    ]


def test_an_image_of_an_event_is_published_then(tmp_path: Path) -> None:
    spec = "{osSKU: Ubuntu2404, definition: 2404gen2containerd, version: 202603.10.0}"
    event = told(f"events: [{{at: 2026-03-12T00:00:00Z, image: {spec}}}]")
    assert images(composed(tmp_path, CLUSTER, GIVEN, event))[1:] == [
        ("2404gen2containerd", "202603.10.0", "2026-03-12T00:00:00Z")
    ]


def test_real_images_are_the_newest_at_the_start_and_all_after_it(tmp_path: Path) -> None:
    scenario = composed(tmp_path, CLUSTER, told("images: real, until: 2026-04-01T00:00:00Z"))
    found = images(scenario)
    at = [datetime.fromisoformat(published) for _, _, published in found]
    assert at[0] <= NOW < at[1]
    assert {definition for definition, _, _ in found} == {"2404gen2containerd"}
    span = [it for it in real() if it.definition == "2404gen2containerd" and NOW < it.at <= scenario.until]
    assert len(found) == 1 + len(span)


def test_a_forecast_beyond_the_last_real_image_says_so(tmp_path: Path) -> None:
    scenario = composed(tmp_path, CLUSTER, told("images: real"), start=datetime(2026, 8, 1, tzinfo=UTC))
    assert any("known until 2026-08-20" in note for note in scenario.notes)


def test_one_image_so_often_is_newer_each_time(tmp_path: Path) -> None:
    scenario = composed(tmp_path, CLUSTER, told("images: 168h, until: 2026-03-24T00:00:00Z"))
    mine = [image for image in images(scenario) if image[0] == "2404gen2containerd"]
    assert [version for _, version, _ in mine] == ["202602.23.0", "202603.09.0", "202603.16.0", "202603.23.0"]
    assert [published for _, _, published in mine][1] == "2026-03-09T08:00:00Z"


def test_where_nothing_is_said_one_image_ships_an_hour_after_the_start(tmp_path: Path) -> None:
    scenario = composed(tmp_path, CLUSTER)
    (existing, shipped) = images(scenario)
    assert existing[2] <= "2026-03-02T08:00:00Z"
    assert shipped == ("2404gen2containerd", "202603.02.0", "2026-03-02T09:00:00Z")
    assert any("One new image ships at 2026-03-02T09:00:00Z" in note for note in scenario.notes)


def test_nothing_older_than_what_a_class_holds_is_published(tmp_path: Path) -> None:
    gallery = "AKSUbuntu-38d80f77-467a-481f-a8d4-09b6d4220bd2"
    image = f"/CommunityGalleries/{gallery}/images/2404gen2containerd/versions/202699.01.0"
    holding = f"{NODE_CLASS}status: {{images: [{{id: {image}, requirements: []}}]}}\n"
    scenario = composed(tmp_path, POOL, holding)
    assert [version for _, version, _ in images(scenario)] == ["202699.01.0", "202699.01.1"]


def test_a_class_that_no_image_is_for_is_named(tmp_path: Path) -> None:
    other = NODE_CLASS.replace("Ubuntu2404", "AzureLinux")
    scenario = composed(tmp_path, POOL, other, GIVEN)
    assert any("No image of V3gen2, V3, V3gen2arm64 is given" in note for note in scenario.notes)
