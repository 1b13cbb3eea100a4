"""The informer's copy, and what it tells, whatever the watch does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napsim.controllers.resources import PODS
from napsim.core.objects import Pod
from napsim.live.client import Client
from napsim.live.informer import Informer
from tests.live.scripted_server import (
    Json,
    ScriptedServer,
    Step,
    bookmark,
    breaking,
    event,
    expired,
    failing,
    hanging_up,
    listing,
    middle,
    open_watch,
    pod,
    run,
    serving,
    streaming,
    until,
)

Told = tuple[str, str, str]


class Tale:
    """What an informer told: (what, name, resourceVersion)."""

    def __init__(self) -> None:
        self.told: list[Told] = []

    def __call__(self, old: Pod | None, new: Pod | None) -> None:
        what = "added" if old is None else "deleted" if new is None else "modified"
        item = new or old
        assert item is not None
        self.told.append((what, item.metadata.name, item.metadata.resource_version))


@asynccontextmanager
async def informing(
    lists: Iterable[Step],
    watches: Iterable[Step] = (),
    *,
    keep: Callable[[Pod], bool] | None = None,
    resync_seconds: float = 0.0,
    silence_seconds: float = 30.0,
) -> AsyncIterator[tuple[ScriptedServer, Informer[Pod], Tale]]:
    """An informer of pods that runs against a script."""
    tale = Tale()
    async with serving(lists, watches) as server, server.client() as client:
        informer = Informer(
            client,
            PODS,
            Pod,
            tale,
            jitter=middle,
            keep=keep,
            resync_seconds=resync_seconds,
            silence_seconds=silence_seconds,
        )
        task = asyncio.create_task(informer.run())
        try:
            yield server, informer, tale
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


def test_a_listing_in_pages_is_told_whole_and_then_watched_from_its_version() -> None:
    async def scenario() -> None:
        lists = [listing(pod("a", 3), pod("b", 5), version=9, proceed="more"), listing(pod("c", 4), version=9)]
        async with informing(lists, [open_watch(event("ADDED", pod("d", 10)))]) as (server, informer, tale):
            await until(lambda: len(tale.told) == 4)
            assert tale.told == [("added", "a", "3"), ("added", "b", "5"), ("added", "c", "4"), ("added", "d", "10")]
            assert informer.synced.is_set()
            assert set(informer.store) == {"default/a", "default/b", "default/c", "default/d"}
            first, second = server.seen[:2]
            assert first.query == {"limit": "500", "resourceVersion": ""}
            assert second.query == {"limit": "500", "continue": "more"}
            assert server.watch_versions() == ["9"]

    run(scenario)


def test_added_modified_and_deleted_come_with_the_old_and_the_new_state() -> None:
    async def scenario() -> None:
        lines = event("MODIFIED", pod("a", 10)) + event("ADDED", pod("b", 11)) + event("DELETED", pod("a", 12))
        async with informing([listing(pod("a", 3), version=9)], [open_watch(lines)]) as (_, informer, tale):
            await until(lambda: len(tale.told) == 4)
            assert tale.told[1:] == [("modified", "a", "10"), ("added", "b", "11"), ("deleted", "a", "10")]
            assert set(informer.store) == {"default/b"}
            assert informer.resource_version == 12

    run(scenario)


@pytest.mark.parametrize("size", [1, 7, 60])
def test_lines_may_be_cut_anywhere(size: int) -> None:
    text = event("ADDED", pod("a", 10)) + event("MODIFIED", pod("a", 11)) + event("ADDED", pod("b", 12))
    pieces = [text[at : at + size] for at in range(0, len(text), size)]

    async def scenario() -> None:
        async with informing([listing(version=9)], [open_watch(*pieces)]) as (_, _informer, tale):
            await until(lambda: len(tale.told) == 3)
            assert tale.told == [("added", "a", "10"), ("modified", "a", "11"), ("added", "b", "12")]

    run(scenario)


def test_a_line_longer_than_any_buffer_arrives_whole() -> None:
    async def scenario() -> None:
        large = event("ADDED", pod("a", 10, annotations={"large": "x" * 3_000_000}))
        async with informing([listing(version=9)], [open_watch(large)]) as (_, informer, _tale):
            await until(lambda: "default/a" in informer.store)
            assert len(informer.store["default/a"].metadata.annotations["large"]) == 3_000_000

    run(scenario)


def test_a_half_line_at_the_end_of_a_watch_is_asked_for_again() -> None:
    async def scenario() -> None:
        whole, half = event("ADDED", pod("a", 10)), event("ADDED", pod("b", 11))[:40]
        again = open_watch(event("ADDED", pod("b", 11)))
        async with informing([listing(version=9)], [streaming(whole + half), again]) as (server, _informer, tale):
            await until(lambda: len(tale.told) == 2)
            assert tale.told == [("added", "a", "10"), ("added", "b", "11")]
            assert server.watch_versions() == ["9", "10"]

    run(scenario)


def test_a_bookmark_moves_the_version_a_watch_goes_on_from() -> None:
    async def scenario() -> None:
        async with informing([listing(version=9)], [streaming(bookmark(40)), open_watch()]) as (server, _, tale):
            await until(lambda: len(server.watch_versions()) == 2)
            assert server.watch_versions() == ["9", "40"]
            assert not tale.told

    run(scenario)


@pytest.mark.parametrize(
    "end", [streaming(expired()), failing(410, "Expired")], ids=["in the middle of a watch", "as the watch's answer"]
)
def test_after_410_exactly_the_missed_changes_are_told(end: Step) -> None:
    async def scenario() -> None:
        lists = [
            listing(pod("same", 1), pod("changed", 2), pod("gone", 3), pod("reborn", 4, uid="one"), version=9),
            listing(pod("same", 1), pod("changed", 20), pod("new", 21), pod("reborn", 22, uid="two"), version=30),
        ]
        async with informing(lists, [end]) as (server, informer, tale):
            await until(lambda: server.watch_versions() == ["9", "30"])
            assert tale.told[4:] == [
                ("modified", "changed", "20"),
                ("added", "new", "21"),
                ("deleted", "reborn", "4"),
                ("added", "reborn", "22"),
                ("deleted", "gone", "3"),
            ]
            assert informer.counts.lists == 2

    run(scenario)


def test_a_continue_token_that_expired_begins_the_listing_again() -> None:
    async def scenario() -> None:
        lists = [
            listing(pod("a", 1), version=9, proceed="old"),
            failing(410, "Expired", "The provided continue parameter is too old"),
            listing(pod("a", 1), pod("b", 2), version=12),
        ]
        async with informing(lists) as (server, _, tale):
            await until(lambda: server.watch_versions() == ["12"])
            assert tale.told == [("added", "a", "1"), ("added", "b", "2")]

    run(scenario)


@pytest.mark.parametrize(
    "break_", [breaking(bookmark(10)), hanging_up(), failing(500, "InternalError"), failing(429, "TooManyRequests")]
)
def test_a_broken_watch_goes_on_from_where_it_was(break_: Step) -> None:
    async def scenario() -> None:
        after = open_watch(event("ADDED", pod("a", 11)))
        async with informing([listing(version=10)], [break_, after]) as (server, informer, tale):
            await until(lambda: bool(tale.told))
            assert server.watch_versions() == ["10", "10"]
            assert informer.counts.lists == 1

    run(scenario)


def test_a_watch_that_goes_silent_is_begun_again() -> None:
    async def scenario() -> None:
        watches = [open_watch(bookmark(11)), open_watch(event("ADDED", pod("a", 12)))]
        async with informing([listing(version=10)], watches, silence_seconds=0.2) as (server, informer, tale):
            await until(lambda: bool(tale.told))
            assert server.watch_versions()[:2] == ["10", "11"]
            assert informer.counts.lists == 1

    run(scenario)


def test_a_watch_that_speaks_now_and_then_is_left_alone() -> None:
    async def scenario() -> None:
        slow = streaming(*(bookmark(10 + n) for n in range(8)), event("ADDED", pod("a", 30)), pause_seconds=0.5)
        async with informing([listing(version=9)], [slow], silence_seconds=3.0) as (server, _, tale):
            await until(lambda: bool(tale.told))
            assert server.watch_versions() == ["9"]

    run(scenario)


def test_a_server_that_ends_every_watch_at_once_is_not_hammered() -> None:
    async def scenario() -> None:
        waits: list[float] = []

        def noted() -> float:
            waits.append(0.0)
            return 0.0

        tale = Tale()
        async with serving([listing(version=9)], [streaming()] * 3) as server, server.client() as client:
            informer = Informer(client, PODS, Pod, tale, jitter=noted)
            task = asyncio.create_task(informer.run())
            await until(lambda: len(server.watch_versions()) == 4)
            task.cancel()
        assert informer.counts.failures == 3

    run(scenario)


def test_an_object_that_does_not_fit_is_left_as_known_and_the_rest_goes_on() -> None:
    async def scenario() -> None:
        odd: Json = {**pod("a", 10), "status": {"phase": 7}}
        lines = event("MODIFIED", odd) + event("ADDED", pod("b", 11))
        odd_too: Json = {**pod("c", 2), "spec": []}
        async with informing([listing(pod("a", 1), odd_too, version=9)], [open_watch(lines)]) as (_, informer, tale):
            await until(lambda: len(tale.told) == 2)
            assert tale.told == [("added", "a", "1"), ("added", "b", "11")]
            assert informer.store["default/a"].metadata.resource_version == "1"
            assert informer.counts.undecodable == 2

    run(scenario)


def test_an_object_that_does_not_fit_any_more_when_listed_again_is_left_as_known() -> None:
    async def scenario() -> None:
        odd: Json = {**pod("a", 10), "spec": []}
        lists = [listing(pod("a", 1), pod("b", 2), version=9), listing(odd, version=12)]
        async with informing(lists, [streaming(pause_seconds=1.1)] * 2, resync_seconds=0.01) as (_, informer, tale):
            await until(lambda: informer.counts.undecodable == 1 and len(tale.told) == 3)
            assert tale.told == [("added", "a", "1"), ("added", "b", "2"), ("deleted", "b", "2")]
            assert list(informer.store) == ["default/a"]

    run(scenario)


def test_what_is_not_to_be_kept_is_told_as_deleted() -> None:
    async def scenario() -> None:
        lines = event("MODIFIED", pod("a", 10, labels={"keep": "no"})) + event("ADDED", pod("b", 11))
        kept = listing(pod("a", 1, labels={"keep": "yes"}), version=9)

        def keep(item: Pod) -> bool:
            return item.metadata.labels.get("keep") == "yes"

        async with informing([kept], [open_watch(lines)], keep=keep) as (_, informer, tale):
            await until(lambda: informer.resource_version == 11)
            assert tale.told == [("added", "a", "1"), ("deleted", "a", "1")]
            assert not informer.store

    run(scenario)


def test_a_resync_lists_again_and_tells_what_the_watch_had_lost() -> None:
    async def scenario() -> None:
        lists = [listing(pod("a", 1), version=9), listing(pod("b", 10), version=12)]
        async with informing(lists, [streaming(pause_seconds=1.1)] * 2, resync_seconds=0.01) as (_, informer, tale):
            informer.counts.lists = 0
            await until(lambda: len(tale.told) == 3)
            assert tale.told[1:] == [("added", "b", "10"), ("deleted", "a", "1")]

    run(scenario)


def test_an_exception_of_the_callback_ends_the_run() -> None:
    async def scenario() -> None:
        def refuse(_old: Pod | None, _new: Pod | None) -> None:
            raise LookupError("no room")

        async with serving([listing(pod("a", 1), version=9)]) as server, server.client() as client:
            with pytest.raises(LookupError, match="no room"):
                await Informer(client, PODS, Pod, refuse, jitter=middle).run()

    run(scenario)


# --- our own writes ---------------------------------------------------------------------------------------------------


def known(*items: Json, version: int) -> tuple[Informer[Pod], Tale]:
    """An informer that has listed those, without a server."""
    tale = Tale()
    informer = Informer(Client(ScriptedServer().connection()), PODS, Pod, tale, jitter=middle)
    informer._take([event("ADDED", item).rstrip() for item in items] + [bookmark(version).rstrip()])
    tale.told.clear()
    return informer, tale


def answer(item: Json) -> bytes:
    return event("", item)[len(b'{"type":"","object":') : -2]


def test_our_own_patch_is_seen_at_once_and_its_echo_is_not_told_again() -> None:
    informer, tale = known(pod("a", 1), version=5)
    informer.apply_answer(answer(pod("a", 8)))
    informer._take([event("MODIFIED", pod("a", 7)), event("MODIFIED", pod("a", 8)), event("MODIFIED", pod("a", 9))])
    assert tale.told == [("modified", "a", "8"), ("modified", "a", "9")]


def test_an_answer_that_comes_after_its_echo_changes_nothing() -> None:
    informer, tale = known(pod("a", 9), version=9)
    informer.apply_answer(answer(pod("a", 8)))
    assert not tale.told


def test_an_answer_about_what_was_deleted_since_brings_nothing_back() -> None:
    informer, tale = known(pod("a", 1), version=5)
    informer._take([event("DELETED", pod("a", 9))])
    informer.apply_answer(answer(pod("a", 8)))
    assert not informer.store
    assert tale.told == [("deleted", "a", "1")]


def test_our_own_create_is_seen_at_once() -> None:
    informer, tale = known(version=5)
    informer.apply_answer(answer(pod("a", 8)))
    informer._take([event("ADDED", pod("a", 8))])
    assert tale.told == [("added", "a", "8")]


def test_what_we_deleted_stays_away_whatever_the_watch_still_tells_of_it() -> None:
    informer, tale = known(pod("a", 1), version=5)
    informer.forget_local("default/a", "uid-a")
    informer._take([event("MODIFIED", pod("a", 6)), event("DELETED", pod("a", 7))])
    assert tale.told == [("deleted", "a", "1")]
    assert not informer.store
    informer._take([event("ADDED", pod("a", 8, uid="another"))])
    assert tale.told[1:] == [("added", "a", "8")]


def test_forgetting_spares_a_successor_of_the_same_name() -> None:
    informer, tale = known(pod("a", 1, uid="second"), version=5)
    informer.forget_local("default/a", "first")
    assert not tale.told


def test_the_late_deletion_of_a_predecessor_spares_what_we_created_in_its_place() -> None:
    informer, tale = known(pod("a", 1, uid="first"), version=5)
    informer.apply_answer(answer(pod("a", 9, uid="second")))
    informer._take([event("DELETED", pod("a", 8, uid="first"))])
    assert tale.told == [("deleted", "a", "1"), ("added", "a", "9")]
    assert informer.store["default/a"].metadata.uid == "second"


@settings(max_examples=100)
@given(st.data())
def test_answers_at_any_time_leave_the_copy_as_the_watch_alone_would(data: st.DataObject) -> None:
    """However late or early the answers to our own writes come in, the copy ends as the API server's history ends, and
    what was told adds up to it."""
    names = data.draw(st.lists(st.sampled_from("abc"), min_size=1, max_size=12))
    live: dict[str, int] = {}
    lines: list[bytes] = []
    answers: list[tuple[int, str, Json]] = []  # (not before this event, what, object)
    for version, name in enumerate(names, start=10):
        if name not in live:
            live[name] = version
            item, kind = pod(name, version, uid=f"{name}-{version}"), "ADDED"
        elif data.draw(st.booleans()):
            item, kind = pod(name, version, uid=f"{name}-{live[name]}"), "MODIFIED"
        else:
            item, kind = pod(name, version, uid=f"{name}-{live.pop(name)}"), "DELETED"
        lines.append(event(kind, item))
        if data.draw(st.booleans()):
            answers.append((data.draw(st.integers(0, len(names))), kind, item))
    balance: dict[str, str] = {}

    def tell(old: Pod | None, new: Pod | None) -> None:
        item = new or old
        assert item is not None
        assert balance.get(item.key, "") == (old.metadata.resource_version if old else "")
        if new is None:
            del balance[item.key]
        else:
            balance[item.key] = new.metadata.resource_version

    informer = Informer(Client(ScriptedServer().connection()), PODS, Pod, tell, jitter=middle)
    informer._take([bookmark(9)])
    for position in range(len(lines) + 1):
        for when, kind, item in answers:
            if when == position and kind == "DELETED":
                informer.forget_local(f"default/{item['metadata']['name']}", item["metadata"]["uid"])
            elif when == position:
                informer.apply_answer(answer(item))
        if position < len(lines):
            informer._take([lines[position]])
    assert {key.removeprefix("default/") for key in informer.store} == set(live)
    assert balance == {key: item.metadata.resource_version for key, item in informer.store.items()}
