"""Why has it not moved? The first link that blocks, when that changes by itself, and an edit that really ends it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import pytest
from msgspec.structs import replace

from napsim.api import names
from napsim.controllers.chains import IMAGE, NODE, POOL, Chains, Target
from napsim.core.agentpools import Phase, Record
from napsim.core.chain import Chain, Edit, LinkName, Standing
from napsim.reading.sources import read
from napsim.sim.composition import Asked, scenario_of
from napsim.sim.scenario import Applied, Deleted, Event
from napsim.sim.standing import standing
from tests.e2e import manifests as made
from tests.sim.scenarios import NEW, OLD, OPENS, START, Manifest, cluster, images, scenario, settings, shop

LABEL: Final = f"AKSUbuntu-2204gen2containerd-{NEW}"
PUBLISHED: Final = START + timedelta(hours=1)
TICK: Final = timedelta(microseconds=1)
IN_TIME: Final = timedelta(minutes=10)
COMMUNITY: Final = "/CommunityGalleries/AKSUbuntu-38d80f77-467a-481f-a8d4-09b6d4220bd2/images/"
SINCE: Final = "2026-02-01T00:00:00Z"
POOLS_TURN: Final = Target(POOL, "default")


def merged(target: Any, patch: Any) -> Any:
    """A JSON merge patch (RFC 7396)."""
    if not isinstance(patch, Mapping):
        return patch
    found = dict(target) if isinstance(target, Mapping) else {}
    for key, value in patch.items():
        if value is None:
            found.pop(key, None)
        else:
            found[key] = merged(found.get(key), value)
    return found


def asked(
    manifests: Iterable[Manifest], at: datetime, target: Target = POOLS_TURN, events: Iterable[Event] = ()
) -> Chain:
    """The one chain of what is asked for, in the simulated cluster at that instant."""
    (chain,) = Chains(standing(scenario(manifests, events), at)).of(target)
    return chain


def with_nap(manifests: list[Manifest], **spec: Any) -> list[Manifest]:
    return [settings(**spec) if item["kind"] == "NodeAutoProvisioning" else item for item in manifests]


def without(kind: str, manifests: list[Manifest]) -> list[Manifest]:
    return [item for item in manifests if item["kind"] != kind]


def with_window(manifests: list[Manifest], **window: Any) -> list[Manifest]:
    return [made.window(**window) if item["kind"] == "MaintenanceConfiguration" else item for item in manifests]


def patched(manifests: Iterable[Manifest], edit: Edit) -> Manifest:
    """The object that the edit names, as it is afterwards."""
    (found,) = (it for it in manifests if (it["kind"], it["metadata"]["name"]) == (edit.kind, edit.name))
    return dict(merged(found, edit.patch))


@dataclass(frozen=True)
class Row:
    manifests: list[Manifest]
    at: datetime
    first: LinkName
    reason: str
    until: datetime | None
    after: timedelta | None = None  # how long after the edit another answer is expected


NONE_AT_ONCE: Final = [{"nodes": "0"}]
AT_NIGHT: Final = [{"nodes": "0", "schedule": "0 0 * * 0", "duration": "12h"}]
CUT_OUT: Final = {"notAllowedDates": [{"start": "2026-02-10", "end": "2026-02-20"}]}
ROWS: Final = {
    "the window is closed": Row(
        cluster(shop(10)), PUBLISHED + timedelta(hours=1), LinkName.WINDOW, "MaintenanceWindowClosed", OPENS + TICK,
        timedelta(hours=4),
    ),
    "it opens every day, but later": Row(
        with_window(cluster(shop(10)), schedule={"daily": {"intervalDays": 1}}), PUBLISHED + timedelta(hours=1),
        LinkName.WINDOW, "MaintenanceWindowClosed", OPENS + TICK, timedelta(hours=2),
    ),
    "its dates are not allowed": Row(
        with_window(cluster(shop(10)), **CUT_OUT), OPENS + IN_TIME, LinkName.WINDOW, "MaintenanceNotAllowed",
        datetime.fromisoformat("2026-02-22T01:00:00+00:00") + TICK, timedelta(minutes=45),
    ),
    "there is no window, and no fallback": Row(
        without("MaintenanceConfiguration", with_nap(cluster(shop(10)), fallback={"mode": "None"})),
        PUBLISHED + IN_TIME, LinkName.WINDOW, "NoFurtherMaintenanceWindow",
        datetime.fromisoformat("2026-04-10T00:00:00+00:00") + TICK, timedelta(minutes=6),
    ),
    "images are listed every three days": Row(
        with_nap(cluster(shop(10)), listCacheDuration="72h"), OPENS + IN_TIME, LinkName.LISTED, "ListCache",
        START - timedelta(minutes=10) + timedelta(hours=72),
    ),
    "the budget allows none": Row(
        cluster(shop(10), budgets=NONE_AT_ONCE), OPENS + IN_TIME, LinkName.BUDGET, "BlockingBudget", None, IN_TIME,
    ),
    "the budget allows none at night": Row(
        cluster(shop(10), budgets=AT_NIGHT), OPENS + IN_TIME, LinkName.BUDGET, "BlockingBudget",
        datetime.fromisoformat("2026-02-15T12:00:00+00:00"), IN_TIME,
    ),
    "a PodDisruptionBudget allows none": Row(
        cluster(shop(10, minAvailable=10)), OPENS + IN_TIME, LinkName.CANDIDATE, "PodDisruptionBudget", None, IN_TIME,
    ),
    "a pod is protected": Row(
        cluster([made.deployment("web", 10, annotations={names.DO_NOT_DISRUPT: "true"})]), OPENS + IN_TIME,
        LinkName.CANDIDATE, "PodDoNotDisrupt", None,
    ),
    "two PodDisruptionBudgets select one pod": Row(
        cluster([*shop(10), made.pdb("again", "web", maxUnavailable=1)]), OPENS + IN_TIME,
        LinkName.CANDIDATE, "MultiplePodDisruptionBudgets", None,
    ),
}  # fmt: skip


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_the_first_link_that_blocks_and_the_edit_that_ends_it(row: Row) -> None:
    chain = asked(row.manifests, row.at)
    assert chain.first is not None
    assert (chain.first.name, chain.first.reason, chain.first.until) == (row.first, row.reason, row.until)
    edit = chain.first.edit
    if row.after is None:
        assert edit is None or not edit.patch
        return
    assert edit is not None
    assert edit.command.startswith(f"kubectl patch {edit.kind.lower()} {edit.name} ")
    change = Applied(row.at, patched(row.manifests, edit))
    later = asked(row.manifests, row.at + row.after, events=(change,))
    assert later.first is None or later.first.name is not row.first


@pytest.mark.parametrize(("kept", "told"), [("72h", "72 hours"), ("1h", "1 hour"), ("6h30m", "6h30m")])
def test_a_list_of_images_is_kept_as_long_as_the_settings_say(kept: str, told: str) -> None:
    window = {"startTime": "20:30"}  # the list was read ten minutes before the start
    manifests = with_nap(with_window(cluster(shop(10)), **window), listCacheDuration=kept)
    at = made.image(NEW, (START + timedelta(minutes=10)).isoformat())
    first = asked([*without("NodeImage", manifests), images()[0], at], START + timedelta(minutes=40)).first
    assert first is not None
    assert first.message.endswith(f"before it was published, and is kept for {told}")


def test_the_pod_to_unprotect_is_one_that_is_protected() -> None:
    """Of the pods of one node the first by name has an annotation that is over."""
    over = made.deployment("aaa", 1, annotations={names.DO_NOT_DISRUPT: "1s"})
    held = made.deployment("zzz", 1, annotations={names.DO_NOT_DISRUPT: "true"})
    first = asked(cluster([over, held]), OPENS + IN_TIME).first
    assert first is not None
    assert first.reason == "PodDoNotDisrupt"
    assert first.edit is not None
    assert first.edit.command.startswith("kubectl annotate pod -n default zzz-")


def test_a_pool_above_its_limits_may_have_what_it_has() -> None:
    manifests = cluster(shop(10))
    lowered = merged(next(it for it in manifests if it["kind"] == "NodePool"), {"spec": {"limits": {"cpu": "1"}}})
    change = Applied(PUBLISHED, lowered)
    first = asked(manifests, OPENS + IN_TIME, events=(change,)).first
    assert first is not None
    assert (first.name, first.reason) == (LinkName.ROOM, "NotAllPodsWouldSchedule")
    assert first.edit is not None
    assert first.edit.patch == {"spec": {"limits": {"cpu": "4"}}}
    raised = Applied(OPENS + IN_TIME, merged(lowered, first.edit.patch))
    assert asked(manifests, OPENS + 2 * IN_TIME, events=(change, raised)).moved


def test_the_pace_of_commands_is_told_as_it_is() -> None:
    """10 s pass between passes only where the one before started nothing."""
    lowered = merged(next(it for it in cluster() if it["kind"] == "NodePool"), {"spec": {"limits": {"cpu": "1"}}})
    chain = asked(cluster(shop(10)), OPENS + IN_TIME, events=(Applied(PUBLISHED, lowered),))
    (turn,) = (link for link in chain.links if link.name is LinkName.TURN)
    assert turn.message == (
        "of pool default, it is the first; each pass starts one command, and the next pass follows at once,"
        " or 10 s after one that started none"
    )


def test_a_node_on_its_way_waits_for_its_replacement_and_then_for_its_pods() -> None:
    manifests = cluster(shop(10, maxUnavailable=1))
    first = asked(manifests, OPENS + timedelta(seconds=30)).first
    assert first is not None
    assert (first.name, first.reason) == (LinkName.COMMAND, "WaitingOnReadiness")
    assert first.until is not None
    assert first.until > OPENS + IN_TIME
    draining = asked(manifests, OPENS + timedelta(seconds=62))
    assert draining.first is not None
    assert (draining.first.name, draining.first.reason) == (LinkName.DRAIN, "Draining")
    assert any("PodDisruptionBudget default/web allows 0" in text for text in draining.first.details)


def test_a_node_that_somebody_deleted_waits_for_the_same_pods_without_a_deadline() -> None:
    manifests = cluster(shop(10, minAvailable=10))
    (node,) = standing(scenario(manifests), START).state.nodes.values()
    claim = node.name.removeprefix("aks-")
    chain = asked(manifests, PUBLISHED, Target(NODE, node.name), [Deleted(START + IN_TIME, "NodeClaim", claim)])
    assert chain.first is not None
    assert (chain.first.name, chain.first.until) == (LinkName.DRAIN, None)
    assert chain.first.edit is not None
    assert chain.first.edit.patch == {"spec": {"minAvailable": None, "maxUnavailable": 1}}


def test_links_behind_the_first_that_blocks_are_asked_too() -> None:
    chain = asked(cluster(shop(10, minAvailable=10), budgets=NONE_AT_ONCE), PUBLISHED + timedelta(hours=1))
    blocking = [link.name for link in chain.links if link.standing is Standing.BLOCKS]
    assert blocking == [LinkName.WINDOW, LinkName.CANDIDATE, LinkName.BUDGET]
    assert [link.name for link in chain.links] == [name for name in LinkName if name is not LinkName.CHANNEL]


@pytest.mark.parametrize(
    ("at", "moved", "message"),
    [
        (START + IN_TIME, False, "AKSNodeClass default"),
        (OPENS - IN_TIME, False, "AKSNodeClass default: 1 node has not moved"),
        (OPENS + timedelta(hours=1), True, "AKSNodeClass default: 1 node runs the newest image"),
    ],
    ids=["to come", "published", "everywhere"],
)
def test_an_image_is_asked_for_in_each_class_that_could_take_it(at: datetime, moved: bool, message: str) -> None:
    chain = asked(cluster(shop(10)), at, Target(IMAGE, LABEL))
    assert (chain.moved, chain.message) == (moved, message)


def test_an_image_that_is_not_the_newest_any_more_is_what_no_node_goes_to() -> None:
    chain = asked(cluster(shop(10)), PUBLISHED, Target(IMAGE, LABEL.replace(NEW, OLD)))
    assert (chain.moved, chain.message) == (True, f"AKSNodeClass default: {NEW} is newer, and what nodes go to")


@pytest.mark.parametrize(
    "name", [NEW, LABEL, f"2204gen2containerd-{NEW}"], ids=["version", "label of a Node", "NodeImage"]
)
def test_an_image_has_several_names(name: str) -> None:
    assert Chains(standing(scenario(cluster()), START)).named(name) == (Target(IMAGE, LABEL),)


def test_a_cluster_with_nodes_stands_as_it_was_given(given: list[Manifest]) -> None:
    """The window is open and nothing stands in the way; but nobody acts while one asks."""
    asking = replace(scenario(given), start=OPENS + timedelta(hours=2), settles=False)
    cluster_ = standing(asking)
    chain = Chains(cluster_).of(Target(NODE, "aks-one"))[0]
    assert chain.first is None
    assert {link.name: link.standing for link in chain.links}[LinkName.LISTED] is Standing.PASSES
    assert OLD in cluster_.declared.node_classes["default"].state.images[0].id
    assert not cluster_.state.commands


@pytest.mark.parametrize("replicas", [None, 3])
def test_the_turn_says_when_the_next_pass_comes(replicas: int | None) -> None:
    manifests = without("NodePool", cluster(shop(10) if replicas is None else ()))
    chain = asked([*manifests, made.pool(budgets=NONE_AT_ONCE, replicas=replicas)], OPENS + timedelta(hours=1))
    (turn,) = (link for link in chain.links if link.name is LinkName.TURN)
    started = "one command" if replicas is None else "as many commands as budgets allow"
    assert (
        f"each pass starts {started}, and the next pass follows at once, or 10 s after one that started none"
        in turn.message
    )


AGENT_LINKS: Final = [LinkName.PUBLISHED, LinkName.CHANNEL, LinkName.WINDOW, LinkName.TURN, LinkName.DRAIN]
CLOSED: Final = "MaintenanceWindowClosed"


def of_agent_pool(node: Manifest, label: str, annotations: dict[str, str] | None = None) -> Manifest:
    labels = {names.AGENT_POOL: "system", names.AKS_MODE: "system", names.NODE_IMAGE_VERSION: label}
    metadata = {"name": "aks-system", "labels": labels, "annotations": annotations or {}}
    return {**node, "metadata": metadata, "spec": {"providerID": "kwok://two"}}


def test_a_node_of_an_agent_pool_goes_by_the_channel(given: list[Manifest]) -> None:
    node = next(item for item in given if item["kind"] == "Node")
    other = of_agent_pool(node, f"AKSUbuntu-2204gen2containerd-{OLD}")

    def chain(label: str = "", at: datetime = PUBLISHED + IN_TIME, **spec: Any) -> Chain:
        it = of_agent_pool(node, label) if label else other
        asking = replace(scenario([*with_nap(given, **spec), it]), start=at, settles=False)
        return Chains(standing(asking)).of(Target(NODE, "aks-system"))[0]

    waits = chain()
    assert waits.message.startswith(
        "it is of AKS agent pool system, channel NodeImage: AKS and not NAP moves its image"
    )
    assert [link.name for link in waits.links] == AGENT_LINKS
    assert waits.first is not None
    assert (waits.first.name, waits.first.reason, waits.first.until) == (LinkName.WINDOW, CLOSED, OPENS + TICK)
    assert waits.first.edit is not None
    assert waits.first.edit.patch["spec"]["maintenanceWindow"]["schedule"]["daily"] == {"intervalDays": 1}
    assert chain(at=OPENS + IN_TIME).first is None
    held = chain(nodeOSUpgradeChannel="None").first
    assert held is not None
    assert (held.name, held.reason) == (LinkName.CHANNEL, "NoUpdatesOnChannel")
    assert held.edit is not None
    assert held.edit.patch == {"spec": {"nodeOSUpgradeChannel": "NodeImage"}}
    assert chain(label=LABEL).moved
    unknown = chain(label="nothing").first
    assert unknown is not None
    assert (unknown.name, unknown.reason) == (LinkName.PUBLISHED, "ImageUnknown")


def test_the_channel_that_is_proposed_for_a_node_of_an_agent_pool_brings_the_image(given: list[Manifest]) -> None:
    node = of_agent_pool(next(item for item in given if item["kind"] == "Node"), f"AKSUbuntu-2204gen2containerd-{OLD}")
    asked_for = {"nodeOSUpgradeChannel": "None", "agentPools": {"mode": "Play"}}
    asking = replace(scenario([*with_nap(given, **asked_for), node]), settles=False)
    at = PUBLISHED + IN_TIME
    blocked = Chains(standing(asking, at)).of(Target(NODE, "aks-system"))[0].first
    assert blocked is not None
    assert blocked.edit is not None
    change = Applied(at, patched(map(dict, asking.manifests), blocked.edit))
    later = replace(asking, events=(change,), ends_early=False)
    after = Chains(standing(later, at + timedelta(days=1, minutes=1))).of(Target(NODE, "aks-system"))[0]
    assert {link.name: link.standing for link in after.links}[LinkName.CHANNEL] is Standing.PASSES


def test_a_node_of_an_agent_pool_that_is_drained_waits_for_its_pods(given: list[Manifest]) -> None:
    record = Record(Phase.DRAINING, f"x-{OLD}", f"x-{NEW}", OPENS, OPENS).encoded()
    label, nodes = f"AKSUbuntu-2204gen2containerd-{OLD}", next(item for item in given if item["kind"] == "Node")
    node = of_agent_pool(nodes, label, {names.OS_UPGRADE: record})
    owner = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "one", "uid": "1", "controller": True}
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "one", "namespace": "default", "labels": {"app": "one"}, "ownerReferences": [owner]},
        "spec": {"nodeName": "aks-system", "containers": []},
        "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]},
    }
    pdb = made.pdb("one", "one", maxUnavailable=0)
    asking = replace(
        scenario([*with_nap(given, agentPools={"mode": "Play"}), node, pod, pdb]), start=OPENS, settles=False
    )
    first = Chains(standing(asking)).of(Target(NODE, "aks-system"))[0].first
    assert first is not None
    assert (first.name, first.until) == (LinkName.DRAIN, OPENS + timedelta(minutes=30))
    assert first.details == ("Pod default/one: default/one allows none",)


def test_napsim_s_operator_says_that_it_lets_agent_pools_be(given: list[Manifest]) -> None:
    node = of_agent_pool(next(item for item in given if item["kind"] == "Node"), f"AKSUbuntu-2204gen2containerd-{OLD}")
    asking = replace(scenario([*given, node]), start=OPENS + IN_TIME, settles=False)
    first = Chains(standing(asking), operator=True).of(Target(NODE, "aks-system"))[0].first
    assert first is not None
    assert (first.name, first.reason) == (LinkName.TURN, "Ignored")
    assert first.edit is not None
    assert first.edit.patch == {"spec": {"agentPools": {"mode": "Play"}}}


def test_a_class_with_images_of_nap_s_gallery_is_asked_with_that_gallery(given: list[Manifest]) -> None:
    """In another gallery every image would be new to the class, and taken whatever the window says."""
    shared = "/subscriptions/0b5c/resourceGroups/AKS-Ubuntu/providers/Microsoft.Compute/galleries/AKSUbuntu/images/"
    objects = [item for item in given if item["kind"] != "NodeAutoProvisioning"]
    text = "\n---\n".join(json.dumps(item).replace(COMMUNITY, shared) for item in objects)
    documents, mistakes = read(["-"], lambda: text)
    composed = scenario_of(documents, Asked(PUBLISHED + timedelta(hours=1)), mistakes)
    assert "Images are those of the shared gallery, as AKS lists them: the classes hold such." in composed.notes
    (chain,) = Chains(standing(composed, listed_at=PUBLISHED)).of(Target(NODE, "aks-one"))
    assert chain.first is not None
    assert (chain.first.name, chain.first.reason) == (LinkName.WINDOW, "MaintenanceWindowClosed")


def conditions(*types: str) -> list[Manifest]:
    said = {"status": "True", "message": "", "lastTransitionTime": SINCE, "observedGeneration": 1}
    return [{"type": kind, "reason": kind, **said} for kind in types]


@pytest.fixture
def given() -> list[Manifest]:
    """One Node, its NodeClaim, and a class that holds the old image."""
    held = f"{COMMUNITY}2204gen2containerd/versions/{OLD}"
    ready = conditions(names.IMAGES_READY, names.KUBERNETES_VERSION_READY)
    class_ = {
        **made.node_class(),
        "status": {"kubernetesVersion": "1.34.2", "conditions": ready, "images": [{"id": held, "requirements": []}]},
    }
    labels = {
        names.NODEPOOL: "default",
        names.INITIALIZED: "true",
        names.REGISTERED: "true",
        names.INSTANCE_TYPE: made.SIZE,
    }
    reference = {"group": names.AZURE_GROUP, "kind": "AKSNodeClass", "name": "default"}
    claim = {
        "apiVersion": "karpenter.sh/v1",
        "kind": "NodeClaim",
        "metadata": {"name": "one", "labels": labels, "annotations": {names.CREATED_AT: SINCE}},
        "spec": {"nodeClassRef": reference, "requirements": []},
        "status": {
            "providerID": "azure:///one",
            "nodeName": "aks-one",
            "imageID": held,
            "conditions": conditions(names.LAUNCHED, names.REGISTERED_CONDITION, names.INITIALIZED_CONDITION),
        },
    }
    node = {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": "aks-one", "labels": labels},
        "spec": {"providerID": "azure:///one"},
        "status": {
            "allocatable": {"cpu": "4", "memory": "16Gi", "pods": "110"},
            "conditions": [{"type": "Ready", "status": "True"}],
            "nodeInfo": {"kubeletVersion": "v1.34.2"},
        },
    }
    rest = [it for it in cluster() if it["kind"] != "AKSNodeClass"]
    return [class_, claim, node, *rest]
