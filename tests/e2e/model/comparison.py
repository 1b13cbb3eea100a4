"""The same requests to the model and to a real cluster, one after the other: the first difference there is."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from typing import Final

from napsim.cluster import Cluster
from tests.e2e.model.model import Model
from tests.e2e.model.real import Real
from tests.e2e.model.requests import Request, namespaces
from tests.e2e.model.states import State

PATIENCE_SECONDS: Final = 90.0
"""For controllers to follow a request. What is still different then, is."""
_LOOK_AGAIN_SECONDS: Final = 0.05
_LATER_SECONDS: Final = 0.5
_AT_ONCE: Final = 8
_ONE_MODEL: Final = threading.Lock()  # napsim is one thread: msgspec crashes where two meet a type for the first time


class World:
    """A model and a real world side by side."""

    def __init__(self, model: Model, real: Real) -> None:
        self.model = model
        self.real = real
        self.requests: list[Request] = []

    def ask(self, request: Request) -> str:
        """Both, and wait until what follows is the same; else what differs."""
        self.requests.append(request)
        with _ONE_MODEL:
            expected = self.model.ask(request)
        answer = self.real.ask(request)
        if answer != expected:
            return self._told(f"real: {answer}\n  model: {expected}")
        return self.agree()

    def agree(self) -> str:
        """Wait until the worlds are the same; else what differs."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        with _ONE_MODEL:
            expected = self.model.state()
        while (state := self.real.state()) != expected:
            if time.monotonic() > deadline:
                return self._told(_difference(state, expected))
            time.sleep(_LOOK_AGAIN_SECONDS)
        return ""

    def _told(self, difference: str) -> str:
        asked = "\n".join(f"  {number}. {request}" for number, request in enumerate(self.requests, 1))
        return f"after the last of\n{asked}\n  {difference}"


def compared(world: World, requests: Iterable[Request]) -> str:
    """The first difference; empty where there is none, also not a moment later."""
    world.real.wait_until_inhabitable()
    told = next(filter(None, map(world.ask, requests)), "")
    if told:
        return told
    time.sleep(_LATER_SECONDS)  # controllers that would do more than the model does have had the time to
    return world.agree()


def _difference(real: State, model: State) -> str:
    lines = []
    for part in fields(State):
        there, here = getattr(real, part.name), getattr(model, part.name)
        lines += [f"  real only:  {item}" for item in there if there.count(item) > here.count(item)]
        lines += [f"  model only: {item}" for item in here if here.count(item) > there.count(item)]
    return "\n".join(lines)


def differences(cluster: Cluster, cases: Mapping[str, Sequence[Request]], worlds_named: str = "w") -> Mapping[str, str]:
    """The first difference of each case, each in a world of its own (a name and a number), many at once."""
    worlds = []
    for number, requests in enumerate(cases.values()):
        name = f"{worlds_named}{number}"
        worlds.append(World(Model(name), Real(cluster, name, namespaces(requests))))
    try:
        for world in worlds:
            world.real.found()
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            return dict(zip(cases, pool.map(compared, worlds, cases.values()), strict=True))
    finally:
        for world in worlds:
            world.real.close()
