"""What only the operator can see is wrong is named in status and event; what runs goes on, and a correction is taken.

What the API server refuses is in test_admission.py. Here it has let something through: a value that no schema can
judge, a reference to nothing, a hand that wrote where only napsim writes, an object from the time of a laxer CRD.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import pytest

from tests.e2e import manifests as m
from tests.e2e.kubectl import get, kubectl
from tests.e2e.rehearsal import DISRUPTED, NEW, OLD, POOL, Rehearsal, rehearsal

PUBLISHED: Final = "2026-02-01T00:00:00Z"
MONDAY: Final = "2026-02-16T08:00:00Z"
FACTOR: Final = 100  # an hour and a half (real) until the window opens
HEALTHY: Final = 2
PATIENCE_SECONDS: Final = 180.0
COMMAND: Final = "napsim.dev/command"
NOWHERE: Final = {"key": "node.kubernetes.io/instance-type", "operator": "In", "values": ["Standard_D4s_v99"]}
BROKEN: Final = {"nodes": "1", "schedule": "0 25 * * *", "duration": "8h"}


def _window(name: str, **spec: Any) -> m.Manifest:
    made = m.window(name)
    made["spec"].update(spec)
    return made


def _with_class(name: str) -> m.Manifest:
    return m.pool("pool-of-nothing", replicas=1, node_class=name)


@dataclass(frozen=True, slots=True)
class Mistake:
    """Something bad, its correction, and how the operator is to tell of it."""

    bad: m.Manifest
    good: m.Manifest
    condition: tuple[str, str]  # type, status
    reason: str
    words: tuple[str, ...]  # field, value, and what is allowed

    @property
    def kind(self) -> str:
        return str(self.bad["kind"]).lower()

    @property
    def name(self) -> str:
        return str(self.bad["metadata"]["name"])


MISTAKES: Final = {
    "an unknown time zone": Mistake(
        _window("other", configName="default", timeZone="Europe/Berln"),
        _window("other", configName="default", timeZone="Europe/Berlin"),
        ("Ready", "False"),
        "InvalidSpec",
        ("other", "spec.timeZone", "Europe/Berln", "IANA time zone database", "Europe/Berlin"),
    ),
    "a cron schedule that cannot be read": Mistake(
        m.pool("pool-of-broken-budget", [{"nodes": "1"}, BROKEN], replicas=0),
        m.pool("pool-of-broken-budget", [{"nodes": "1"}, {**BROKEN, "schedule": "0 23 * * *"}], replicas=0),
        ("Findings", "True"),
        "InvalidBudget",
        ("spec.disruption.budgets[1]", "schedule '0 25 * * *'", "hour '25'", "within 0-23"),
    ),
    "a node class that is not there": Mistake(
        _with_class("gone"),
        _with_class("default"),
        ("NodeClassReady", "False"),
        "NodeClassNotFound",
        ("spec.template.spec.nodeClassRef.name", "'gone'", "no AKSNodeClass", "there are default"),
    ),
    "requirements that no instance type meets": Mistake(
        m.pool("pool-of-no-size", replicas=1, requirements=[NOWHERE]),
        m.pool("pool-of-no-size", replicas=1),
        ("Findings", "True"),
        "NoCompatibleInstanceTypes",
        ("spec.template.spec.requirements", "In [Standard_D4s_v99]", "there are zones", "Standard_D4s_v5"),
    ),
    "a grace period longer than time": Mistake(
        m.pool("pool-of-ages", replicas=0, terminationGracePeriod="99999999999999h"),
        m.pool("pool-of-ages", replicas=0, terminationGracePeriod="99h"),
        ("Ready", "False"),
        "InvalidSpec",
        ("spec.terminationGracePeriod", "99999999999999h", "allowed is"),
    ),
    "an image of an unknown definition": Mistake(
        m.image(OLD, PUBLISHED, "2204gen9containerd"),
        m.image(OLD, PUBLISHED, "2204containerd"),
        ("Findings", "True"),
        "UnknownDefinition",
        ("spec.definition", "2204gen9containerd", "2204gen2containerd"),
    ),
}
MISTAKEN: Final = [pytest.param(mistake, id=name) for name, mistake in MISTAKES.items()]


@pytest.fixture(scope="module")
def world() -> Iterator[Rehearsal]:
    """A healthy pool on an old image. Nothing drifts yet."""
    with rehearsal() as made:
        made.apply(m.nap(FACTOR, MONDAY), m.node_class(), m.image(OLD, PUBLISHED))
        made.apply(m.pool("healthy", [{"nodes": "1"}], replicas=HEALTHY))
        made.operator()
        made.eventually("the pool is there", lambda: made.versions("healthy") == {OLD: HEALTHY}, PATIENCE_SECONDS)
        yield made


def condition(world: Rehearsal, kind: str, name: str, type_: str) -> m.Manifest | None:
    status = world.get(kind, name).get("status", {})
    return next((item for item in status.get("conditions", ()) if item["type"] == type_), None)


def says(item: m.Manifest | None, status: str, words: tuple[str, ...]) -> bool:
    return item is not None and item["status"] == status and all(word in item["message"] for word in words)


def warnings(world: Rehearsal, reason: str, name: str) -> list[m.Manifest]:
    return [item for item in world.events(reason) if item["regarding"]["name"] == name and item["type"] == "Warning"]


# --- one mistake after another ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("mistake", MISTAKEN)
def test_a_mistake_is_named_in_status_and_event_and_its_correction_is_taken(world: Rehearsal, mistake: Mistake) -> None:
    type_, status = mistake.condition
    world.apply(mistake.bad)

    def named() -> bool:
        return says(condition(world, mistake.kind, mistake.name, type_), status, mistake.words)

    def told() -> bool:
        notes = [item["note"] for item in warnings(world, mistake.reason, mistake.name)]
        return any(mistake.words[0] in note and mistake.words[1] in note for note in notes)

    world.eventually("the condition names it", named, PATIENCE_SECONDS)
    world.eventually("an event names it", told, PATIENCE_SECONDS)
    found = condition(world, mistake.kind, mistake.name, type_)
    assert found is not None
    assert found["reason"] == mistake.reason

    _correct(world, mistake)

    def corrected() -> bool:
        if not _exists(world, mistake):
            return True
        item = condition(world, mistake.kind, mistake.name, type_)
        return item is None or item["status"] != status

    world.eventually("the correction is taken", corrected, PATIENCE_SECONDS)


def _correct(world: Rehearsal, mistake: Mistake) -> None:
    if mistake.good["metadata"]["name"] != mistake.name:
        world.delete(mistake.kind, mistake.name)
    world.apply(mistake.good)


def _exists(world: Rehearsal, mistake: Mistake) -> bool:
    return any(item["metadata"]["name"] == mistake.name for item in world.items(mistake.kind))


def test_two_configurations_of_one_name_tell_of_each_other(world: Rehearsal) -> None:
    """AKS has one of each name; here the first by name counts, and both say so until one is gone."""
    world.apply(m.window("b-second"), m.window("a-first"))
    for name, ending in (("a-first", "it counts"), ("b-second", "a-first counts, this one does not")):
        words = ("a-first, b-second", "aksManagedNodeOSUpgradeSchedule", "AKS has one", ending)
        world.eventually(
            f"{name} says so",
            lambda name=name, words=words: (
                says(condition(world, "mc", name, "Findings"), "True", words)  # type: ignore[misc]  # mypy cannot infer a lambda with defaults
                and bool(warnings(world, "SeveralOfOneName", name))
            ),
            PATIENCE_SECONDS,
        )
    world.eventually("the first counts", lambda: "a-first" in world.nap()["window"], PATIENCE_SECONDS)
    world.delete("mc", "a-first")

    def alone() -> bool:
        item = condition(world, "mc", "b-second", "Findings")
        return item is None or item["reason"] != "SeveralOfOneName"

    world.eventually("the other is alone", alone, PATIENCE_SECONDS)
    world.eventually("it counts", lambda: "b-second" in world.nap()["window"], PATIENCE_SECONDS)
    assert all("a-first, b-second" in item["note"] for item in warnings(world, "SeveralOfOneName", "b-second"))
    world.delete("mc", "b-second")


# --- what lint finds --------------------------------------------------------------------------------------------------


def test_a_pool_says_what_lint_finds_in_its_budgets_until_they_are_right(world: Rehearsal) -> None:
    nights = {"nodes": "1", "schedule": "0 23 * * *", "duration": "8h"}
    words = ("NAP101 spec.disruption.budgets[0].schedule: restricts disruption only while it is active", "67%")
    world.apply(m.pool("pool-of-nights", [nights], replicas=0))

    def found() -> m.Manifest | None:
        return condition(world, "nodepool", "pool-of-nights", "Findings")

    world.eventually("the condition names it", lambda: says(found(), "True", words), PATIENCE_SECONDS)
    assert (found() or {})["reason"] == "BudgetUnlimitedOutsideSchedule"
    world.apply(m.pool("pool-of-nights", [nights, {"nodes": "1"}], replicas=0))
    world.eventually("the correction is taken", lambda: found() is None, PATIENCE_SECONDS)
    world.delete("nodepool", "pool-of-nights")


# --- the last good state stands ---------------------------------------------------------------------------------------


def test_a_window_with_a_mistake_goes_on_as_it_was_and_so_it_does_after_a_restart(world: Rehearsal) -> None:
    good = _window("node-os", timeZone="UTC")
    world.apply(good)
    world.eventually("it is in force", lambda: "node-os: closed" in world.nap().get("window", ""), PATIENCE_SECONDS)
    window = world.get("mc", "node-os")["status"]["window"]
    world.apply(_window("node-os", timeZone="Middle/Earth"))

    def refused() -> bool:
        return says(condition(world, "mc", "node-os", "Ready"), "False", ("spec.timeZone", "Middle/Earth"))

    world.eventually("it is refused", refused, PATIENCE_SECONDS)
    _restart(world)
    pickups = len(world.nap()["pickups"])
    world.apply(m.image(NEW))
    world.eventually("the image is known", lambda: "state" in _image(world, NEW).get("status", {}), PATIENCE_SECONDS)
    world.steadily("nothing is picked up", lambda: len(world.nap()["pickups"]) == pickups, seconds=3)
    assert "node-os: closed" in world.nap()["window"]
    assert refused()
    assert world.get("mc", "node-os")["status"]["window"] == window

    world.delete("nodeimage", _image(world, NEW)["metadata"]["name"])
    world.apply(good)
    ready = ("True", ())
    world.eventually("corrected", lambda: says(condition(world, "mc", "node-os", "Ready"), *ready), PATIENCE_SECONDS)
    world.delete("mc", "node-os")


def test_settings_of_a_laxer_crd_are_refused_and_those_before_stand(world: Rehearsal) -> None:
    """As after an upgrade of the CRDs: what is stored no longer is what the models allow."""
    crd = get(world.cluster, "crd", "nodeautoprovisionings.napsim.dev")
    laxer = json.loads(json.dumps(crd))
    schema = laxer["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]
    del schema["imageExpiry"]["properties"]["days"]["maximum"]
    _replace_crd(world, laxer)
    lax = '{"spec": {"imageExpiry": {"days": 99999}}}'
    world.eventually("the laxer CRD is served", lambda: _patched(world, lax), PATIENCE_SECONDS)

    def refused() -> bool:
        return says(condition(world, "nap", "default", "Ready"), "False", ("imageExpiry.days", "99999", "3650"))

    world.eventually("it is refused", refused, PATIENCE_SECONDS)

    def told() -> bool:
        return any("imageExpiry.days" in item["note"] for item in warnings(world, "InvalidSpec", "default"))

    world.eventually("an event says so", told, PATIENCE_SECONDS)
    before = world.virtual_now()
    world.apply(m.pool("afterwards", replicas=1))
    world.eventually("what runs goes on", lambda: world.versions("afterwards") == {OLD: 1}, PATIENCE_SECONDS)
    assert world.virtual_now() > before
    assert refused(), "also when the status was written since"

    world.patch("nap", "default", '{"spec": {"imageExpiry": {"days": 90}}}')
    _replace_crd(world, crd)
    ready = ("True", ())
    world.eventually("corrected", lambda: says(condition(world, "nap", "default", "Ready"), *ready), PATIENCE_SECONDS)


def _image(world: Rehearsal, version: str) -> m.Manifest:
    return next(item for item in world.items("nodeimages") if item["spec"]["version"] == version)


def _patched(world: Rehearsal, changes: str) -> bool:
    arguments = ("patch", "nap", "default", "--type=merge", f"--patch={changes}")
    return kubectl(world.cluster, *arguments, check=False).returncode == 0


def _replace_crd(world: Rehearsal, crd: m.Manifest) -> None:
    crd["metadata"] = {key: value for key, value in crd["metadata"].items() if key in ("name", "annotations")}
    kubectl(world.cluster, "replace", "--filename=-", stdin=json.dumps(crd))


def _restart(world: Rehearsal) -> None:
    world.operators[-1].kill()
    world.operator()
    renewed = _renewed(world)
    world.eventually("the operator leads again", lambda: _renewed(world) > renewed, PATIENCE_SECONDS)


def _renewed(world: Rehearsal) -> str:
    return str(world.get("lease", "napsim", "--namespace=napsim-system")["spec"]["renewTime"])


# --- hands where only napsim writes -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "why"),
    [
        pytest.param("drain me", "JSON is malformed", id="no JSON"),
        pytest.param('{"reason": 7, "startedAt": "now"}', "Expected `str`, got `int`", id="wrong types"),
        pytest.param('{"reason": "Drifted"}', "missing required field `startedAt`", id="incomplete"),
    ],
)
def test_a_command_that_napsim_did_not_write_is_taken_off_and_named(world: Rehearsal, text: str, why: str) -> None:
    node = _healthy(world)[0]
    name = node["metadata"]["name"]
    kubectl(world.cluster, "annotate", "--overwrite", "node", name, f"{COMMAND}={text}")
    world.eventually("it is taken off", lambda: COMMAND not in world.annotations(name), PATIENCE_SECONDS)

    def told() -> bool:
        return any(COMMAND in item["note"] and why in item["note"] for item in warnings(world, "InvalidCommand", name))

    world.eventually("an event names it", told, PATIENCE_SECONDS)
    assert world.get("node", name)["metadata"]["uid"] == node["metadata"]["uid"]


def test_marks_that_napsim_did_not_set_are_taken_off_and_the_node_stays(world: Rehearsal) -> None:
    node = _healthy(world)[0]
    name = node["metadata"]["name"]
    (claim,) = [item for item in world.items("nodeclaims") if item["status"].get("nodeName") == name]
    mark = {"type": "DisruptionReason", "status": "True", "reason": "ByHand", "message": ""}
    conditions = [*claim["status"]["conditions"], {**mark, "lastTransitionTime": "2026-02-14T20:00:00Z"}]
    change = json.dumps({"status": {"conditions": conditions}})
    world.patch("nodeclaim", claim["metadata"]["name"], change, "--subresource=status")
    kubectl(world.cluster, "taint", "node", name, f"{DISRUPTED}:NoSchedule")

    def clean() -> bool:
        types = {item["type"] for item in world.get("nodeclaim", claim["metadata"]["name"])["status"]["conditions"]}
        return "DisruptionReason" not in types and not world.disrupted()

    world.eventually("all marks are off", clean, PATIENCE_SECONDS)
    assert world.get("node", name)["metadata"]["uid"] == node["metadata"]["uid"]


@pytest.mark.parametrize("key", ["karpenter.sh/nodeclaim-termination-timestamp", "napsim.dev/created-at"])
def test_an_instant_that_cannot_be_read_is_named_and_put_right(world: Rehearsal, key: str) -> None:
    claim = world.items("nodeclaims", f"--selector={POOL}=healthy")[0]["metadata"]["name"]
    kubectl(world.cluster, "annotate", "--overwrite", "nodeclaim", claim, f"{key}=tomorrow")

    def told() -> bool:
        words = (key, "'tomorrow'", "2026-02-15T01:00:00Z")
        return any(all(word in item["note"] for word in words) for item in warnings(world, "InvalidAnnotation", claim))

    world.eventually("an event names it", told, PATIENCE_SECONDS)
    world.eventually(
        "it is put right",
        lambda: world.get("nodeclaim", claim)["metadata"]["annotations"].get(key) != "tomorrow",
        PATIENCE_SECONDS,
    )
    assert not world.get("nodeclaim", claim)["metadata"].get("deletionTimestamp")


def _healthy(world: Rehearsal) -> list[m.Manifest]:
    return world.items("nodes", f"--selector={POOL}=healthy")


# --- all of them at once ----------------------------------------------------------------------------------------------


def test_a_rollout_finishes_beside_all_mistakes_under_an_operator_started_with_them(world: Rehearsal) -> None:
    for mistake in MISTAKES.values():
        if not _exists(world, mistake) or mistake.kind != "nodeimage":
            world.apply(mistake.bad)
    _restart(world)
    world.apply(m.image(NEW))

    world.eventually(
        "the healthy pool rolls out", lambda: world.versions("healthy") == {NEW: HEALTHY}, PATIENCE_SECONDS
    )
    for mistake in MISTAKES.values():
        type_, status = mistake.condition
        world.eventually(
            f"{mistake.name} is still named",
            lambda mistake=mistake, type_=type_, status=status: says(  # type: ignore[misc]  # mypy cannot infer a lambda with defaults
                condition(world, mistake.kind, mistake.name, type_), status, mistake.words
            ),
            PATIENCE_SECONDS,
        )
    assert world.operators[-1].process is not None
    assert world.operators[-1].process.poll() is None
