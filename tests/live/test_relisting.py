"""What is declared, held to the API server by lists: what nobody has told of is found."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Any, cast

import msgspec
import pytest

from napsim.controllers.declared import Declared, Manifest
from napsim.controllers.resources import (
    AKS_NODE_CLASSES,
    MAINTENANCE_CONFIGURATIONS,
    NODE_AUTO_PROVISIONINGS,
    NODE_IMAGES,
    NODE_POOLS,
    Resource,
)
from napsim.live import relisting
from napsim.live.client import Client
from napsim.live.errors import TransportError
from napsim.live.relisting import Relisting
from tests.controllers.test_declared import image, meta, nap, node_class, pool
from tests.core.examples import NOW
from tests.live.scripted_server import run, until

WINDOW = {
    "apiVersion": "napsim.dev/v1alpha1",
    "kind": "MaintenanceConfiguration",
    "metadata": meta("node-os"),
    "spec": {
        "configName": "aksManagedNodeOSUpgradeSchedule",
        "maintenanceWindow": {
            "schedule": {"weekly": {"intervalWeeks": 1, "dayOfWeek": "Sunday"}},
            "startTime": "01:00",
            "durationHours": 4,
        },
    },
}


class Server:
    """A client of an API server with these objects; ``while_listing`` happens between the answer and its reading."""

    def __init__(self, *there: Manifest) -> None:
        self.there = list(there)
        self.lists = 0
        self.error: TransportError | None = None
        self.while_listing: Callable[[], None] = lambda: None

    async def list_all(self, resource: Resource, _kind: type) -> list[msgspec.Raw]:
        self.lists += 1
        if self.error is not None:
            error, self.error = self.error, None
            raise error
        answer = [msgspec.Raw(msgspec.json.encode(it)) for it in self.there if it["kind"] == resource.kind]
        self.while_listing()
        return answer


class World:
    """Somebody who has taken in objects, and is told of more."""

    def __init__(self, known: Iterable[Manifest], *there: Manifest) -> None:
        self.declared, self.server = Declared(), Server(*there)
        self.gone: list[str] = []
        for manifest in known:
            self.declared.take(manifest, NOW)
        self.relisting = Relisting(cast(Client, self.server), self.declared, self.observe)

    def observe(self, manifest: Manifest, *, deleted: bool = False) -> None:
        kind, name = manifest["kind"], manifest["metadata"]["name"]
        if deleted:
            self.gone.append(f"{kind}/{name}")
            self.declared.drop(kind, name)
        elif self.declared.is_news(manifest):
            self.declared.take(manifest, NOW)

    def look(self, resource: Resource) -> list[str]:
        asyncio.run(self.relisting.kind(resource))
        return self.gone


EVERY_KIND = [
    (NODE_POOLS, pool()),
    (AKS_NODE_CLASSES, node_class()),
    (NODE_IMAGES, image()),
    (MAINTENANCE_CONFIGURATIONS, WINDOW),
    (NODE_AUTO_PROVISIONINGS, nap()),
]


@pytest.mark.parametrize(("resource", "manifest"), EVERY_KIND, ids=lambda it: getattr(it, "kind", ""))
def test_an_object_that_is_not_there_any_more_is_gone(resource: Resource, manifest: Manifest) -> None:
    world = World([manifest])
    assert world.look(resource) == [f"{resource.kind}/{manifest['metadata']['name']}"]
    assert world.declared.known(resource.kind) == {}


@pytest.mark.parametrize(("resource", "manifest"), EVERY_KIND, ids=lambda it: getattr(it, "kind", ""))
def test_one_that_is_there_stays_and_one_that_came_is_taken_in(resource: Resource, manifest: Manifest) -> None:
    assert World([manifest], manifest).look(resource) == []
    found = World([], manifest)
    assert found.look(resource) == []
    assert found.declared.known(resource.kind) == {manifest["metadata"]["name"]: manifest["metadata"]["uid"]}


def test_one_that_could_not_be_used_is_gone_with_what_is_wrong_with_it() -> None:
    broken: dict[str, Any] = pool("broken", disruption={"consolidateAfter": "x"})
    world = World([broken])
    assert world.declared.problems
    there = World([broken], broken)
    assert there.look(NODE_POOLS) == []
    assert world.look(NODE_POOLS) == ["NodePool/broken"]
    assert not world.declared.problems


def test_one_that_was_made_anew_is_another() -> None:
    anew = pool(version=5)
    anew["metadata"] |= {"uid": "another"}
    world = World([pool()], anew)
    assert world.look(NODE_POOLS) == []
    assert world.declared.known("NodePool") == {"default": "another"}


def test_one_that_comes_anew_while_the_list_is_under_way_stays() -> None:
    anew = pool(version=5)
    anew["metadata"] |= {"uid": "another"}
    world = World([pool()])
    world.server.while_listing = lambda: world.observe(anew)
    assert world.look(NODE_POOLS) == []
    assert world.declared.known("NodePool") == {"default": "another"}


def test_it_goes_on_after_an_api_server_that_did_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relisting, "EVERY_SECONDS", 0.0)

    async def scenario() -> None:
        world = World([pool()])
        world.server.error = TransportError("connection refused", ambiguous=False)
        looking = asyncio.create_task(world.relisting.forever((NODE_POOLS,)))
        await until(lambda: bool(world.gone))
        assert world.server.lists >= 2
        looking.cancel()
        await asyncio.gather(looking, return_exceptions=True)

    run(scenario)
