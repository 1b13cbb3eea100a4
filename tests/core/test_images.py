"""The catalogue of published images, and the list of the latest that is kept for 72 hours."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napsim.core.definitions import DEFINITIONS, GalleryKind
from napsim.core.images import Catalogue, ListCache, ListKey, PublishedImage, list_images
from napsim.core.versions import is_newer

T0 = datetime(2025, 1, 1, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
GEN2, GEN1, ARM = "2204gen2containerd", "2204containerd", "2204gen2arm64containerd"


def image(version: str, at: datetime = T0, definition: str = GEN2, patch: str = "") -> PublishedImage:
    return PublishedImage(definition, version, "Ubuntu2204", at, patch)


def key(*definitions: str, kind: GalleryKind = GalleryKind.CIG, patched: bool = False) -> ListKey:
    return ListKey(tuple(DEFINITIONS[name] for name in definitions or (GEN2,)), "1.33.2", kind, patched)


def versions(images: tuple[PublishedImage, ...]) -> list[str]:
    return [found.full_version for found in images]


@st.composite
def catalogues(draw: st.DrawFn) -> list[PublishedImage]:
    hours = draw(st.lists(st.integers(0, 400), max_size=12, unique=True))
    return [
        image(
            f"2024{draw(st.integers(10, 12))}.{draw(st.integers(1, 28)):02d}.0",
            T0 + hour * HOUR,
            draw(st.sampled_from([GEN2, GEN1, ARM])),
        )
        for hour in hours
    ]


def test_an_image_is_visible_from_the_instant_of_its_publication() -> None:
    catalogue = Catalogue([image("202412.01.0", T0), image("202412.08.0", T0 + DAY)])
    assert versions(catalogue.visible(T0 - timedelta(microseconds=1))) == []
    assert versions(catalogue.visible(T0)) == ["202412.01.0"]
    assert versions(catalogue.visible(T0 + DAY)) == ["202412.01.0", "202412.08.0"]


@pytest.mark.parametrize(("kind", "expected"), [(GalleryKind.CIG, "202602.13.5"), (GalleryKind.SIG, "202602.19.0")])
def test_the_community_gallery_goes_by_date_and_the_shared_one_by_version(kind: GalleryKind, expected: str) -> None:
    catalogue = Catalogue([image("202602.19.0", T0), image("202602.13.5", T0 + 5 * DAY)])
    assert versions(catalogue.latest(key(kind=kind), T0 + 6 * DAY)) == [expected]


def test_of_two_images_of_the_same_instant_the_first_given_is_the_latest() -> None:
    first, second = image("202412.01.0"), image("202412.01.1")
    assert versions(Catalogue([first, second]).latest(key(), T0)) == ["202412.01.0"]
    assert versions(Catalogue([second, first]).latest(key(), T0)) == ["202412.01.1"]


def test_the_latest_stand_in_the_order_of_the_definitions_and_missing_ones_are_left_out() -> None:
    catalogue = Catalogue([image("202412.01.0", definition=ARM), image("202412.02.0", definition=GEN2)])
    found = catalogue.latest(key(GEN2, GEN1, ARM), T0)
    assert [(one.definition, one.version) for one in found] == [(GEN2, "202412.02.0"), (ARM, "202412.01.0")]


def test_each_channel_lists_its_own_catalogue() -> None:
    catalogue = Catalogue([image("202412.01.0"), image("202411.01.0", T0 + DAY, patch="2024.12.20")])
    assert versions(catalogue.latest(key(), T0 + DAY)) == ["202412.01.0"]
    assert versions(catalogue.latest(key(patched=True), T0 + DAY)) == ["202411.01.0-2024.12.20"]


@pytest.mark.parametrize(
    "kind", [pytest.param(GalleryKind.CIG, id="nap:L6"), pytest.param(GalleryKind.SIG, id="nap:L6 SIG")]
)
def test_a_list_is_kept_although_a_newer_version_is_published(kind: GalleryKind) -> None:
    before = Catalogue([image("202410.09.0", T0 - DAY)])
    first = list_images(before, None, key(kind=kind), T0)
    after = Catalogue([*before.images, image("202501.02.0", T0 + HOUR)])
    second = list_images(after, first.cache, key(kind=kind), T0 + HOUR)
    assert versions(second.images) == ["202410.09.0"]
    assert versions(second.unlisted) == ["202501.02.0"]
    assert second.cache == first.cache


def test_a_list_is_kept_for_72_hours_from_its_fill_and_not_from_its_use() -> None:
    catalogue = Catalogue([image("202410.09.0", T0 - DAY), image("202501.02.0", T0 + HOUR)])
    listing = list_images(catalogue, None, key(), T0)
    for hours in range(1, 72):
        listing = list_images(catalogue, listing.cache, key(), T0 + hours * HOUR)
        assert (versions(listing.images), listing.wake_at) == (["202410.09.0"], T0 + 72 * HOUR)
    last = list_images(catalogue, listing.cache, key(), T0 + 72 * HOUR - timedelta(microseconds=1))
    assert versions(last.images) == ["202410.09.0"]
    expired = list_images(catalogue, last.cache, key(), T0 + 72 * HOUR)
    assert (versions(expired.images), expired.cache.filled_at) == (["202501.02.0"], T0 + 72 * HOUR)


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(ListKey((DEFINITIONS[GEN2],), "1.33.3"), id="another Kubernetes version"),
        pytest.param(key(GEN2, GEN1), id="other definitions"),
        pytest.param(key(kind=GalleryKind.SIG), id="the other gallery"),
    ],
)
def test_another_key_lists_afresh(other: ListKey) -> None:
    catalogue = Catalogue([image("202410.09.0", T0 - DAY), image("202501.02.0", T0 + HOUR)])
    cache = list_images(catalogue, None, key(), T0).cache
    assert versions(list_images(catalogue, cache, other, T0 + HOUR).images) == ["202501.02.0"]


@pytest.mark.parametrize("cache", [pytest.param(None, id="nap:X9")])
def test_a_restart_lists_afresh(cache: ListCache | None) -> None:
    catalogue = Catalogue([image("202410.09.0", T0 - DAY), image("202501.02.0", T0 + HOUR)])
    assert versions(list_images(catalogue, cache, key(), T0 + HOUR).images) == ["202501.02.0"]


def test_a_list_filled_in_the_future_is_not_believed() -> None:
    catalogue = Catalogue([image("202410.09.0", T0 - DAY)])
    stale = ListCache(T0 + DAY, key(), ())
    assert list_images(catalogue, stale, key(), T0).cache.filled_at == T0


def test_a_definition_without_images_is_added_to_a_kept_list_when_its_first_one_appears() -> None:
    catalogue = Catalogue(
        [image("202410.09.0", T0 - DAY), image("202501.02.0", T0 + HOUR), image("202501.02.0", T0 + HOUR, ARM)]
    )
    first = list_images(catalogue, None, key(GEN2, ARM), T0)
    assert (versions(first.images), first.wake_at) == (["202410.09.0"], T0 + HOUR)
    second = list_images(catalogue, first.cache, key(GEN2, ARM), T0 + HOUR)
    assert [(one.definition, one.version) for one in second.images] == [(GEN2, "202410.09.0"), (ARM, "202501.02.0")]
    assert (second.cache.filled_at, second.wake_at) == (T0, T0 + 72 * HOUR)


def test_a_definition_that_leaves_the_catalogue_is_listed_until_the_list_expires() -> None:
    cache = list_images(Catalogue([image("202410.09.0", T0 - DAY)]), None, key(), T0).cache
    assert versions(list_images(Catalogue(), cache, key(), T0 + HOUR).images) == ["202410.09.0"]
    assert list_images(Catalogue(), cache, key(), T0 + 72 * HOUR).images == ()


def test_without_a_cache_duration_only_a_publication_changes_the_list() -> None:
    catalogue = Catalogue([image("202410.09.0", T0 - DAY), image("202501.02.0", T0 + HOUR)])
    first = list_images(catalogue, None, key(), T0, timedelta(0))
    assert first.wake_at == T0 + HOUR
    second = list_images(catalogue, first.cache, key(), T0 + HOUR, timedelta(0))
    assert (versions(second.images), second.wake_at) == (["202501.02.0"], None)


@given(catalogues(), st.integers(0, 400), st.sampled_from(GalleryKind), st.randoms(use_true_random=False))
def test_the_order_of_the_published_images_does_not_matter(
    images: list[PublishedImage], hour: int, kind: GalleryKind, shuffler: random.Random
) -> None:
    asked, at = key(GEN2, GEN1, ARM, kind=kind), T0 + hour * HOUR
    shuffled = list(images)
    shuffler.shuffle(shuffled)
    assert Catalogue(images).latest(asked, at) == Catalogue(shuffled).latest(asked, at)


@given(catalogues(), st.integers(0, 400), st.sampled_from(GalleryKind))
def test_no_visible_image_is_later_than_the_latest(images: list[PublishedImage], hour: int, kind: GalleryKind) -> None:
    catalogue, at = Catalogue(images), T0 + hour * HOUR
    latest = {one.definition: one for one in catalogue.latest(key(GEN2, GEN1, ARM, kind=kind), at)}
    for one in catalogue.visible(at):
        best = latest[one.definition]
        if kind is GalleryKind.CIG:
            assert one.published_at <= best.published_at
        else:
            assert not is_newer(one.version, best.version)


@given(catalogues(), st.integers(0, 300), st.integers(1, 300), st.integers(0, 100))
def test_a_list_does_not_change_before_its_wake_up(
    images: list[PublishedImage], filled: int, later: int, duration: int
) -> None:
    asked, start, kept = key(GEN2, GEN1, ARM), T0 + filled * HOUR, duration * HOUR
    first = list_images(Catalogue(images), None, asked, start, kept)
    assert first.wake_at is None or first.wake_at > start
    at = start + later * HOUR
    if first.wake_at is None or at < first.wake_at:
        assert list_images(Catalogue(images), first.cache, asked, at, kept).images == first.images
