"""Forecasts of clusters whose node classes are not Azure's, held to what Karpenter itself did (karpenter/README.md)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from napsim.api import names
from napsim.cli.forecasting import forecast_of as made_of
from napsim.controllers.chains import NODE, POOL, Chains, Target
from napsim.core.hashes import nodepool_hash
from napsim.core.trace import RecordKind
from napsim.live.pseudonyms import Pseudonyms
from napsim.reading.sources import Document
from napsim.sim.composition import Asked, scenario_of
from napsim.sim.foreign import foreign_classes
from napsim.sim.outcome import Outcome
from napsim.sim.scenario import Scenario
from napsim.sim.simulation import simulate
from napsim.sim.standing import standing

Manifest = dict[str, Any]
FOLDER: Final = Path(__file__).parent / "karpenter"
START: Final = datetime(2026, 11, 22, 9, 47, 25, tzinfo=UTC)
CHANGED: Final = datetime(2026, 11, 22, 9, 47, 31, tzinfo=UTC)
TAKEN: Final = (3.8, 24.9, 46.0, 67.0)  # seconds after the change: the table of the README
FINISHED: Final = 79.2
TIMINGS: Final = {
    "launch": {"fixed": "0s"}, "registration": {"fixed": "5.1s"}, "initialization": {"fixed": "0s"},
    "detach": {"fixed": "0s"}, "podStart": {"fixed": "0s"}, "podTermination": {"fixed": "0s"},
}  # fmt: skip


def snapshot(name: str) -> list[Manifest]:
    return [json.loads(line) for line in (FOLDER / name).read_text().splitlines() if line != "---"]


@pytest.fixture(scope="module")
def cluster() -> list[Manifest]:
    return snapshot("cluster.yaml")


def of_kind(kind: str, manifests: list[Manifest]) -> list[Manifest]:
    return [item for item in manifests if item["kind"] == kind]


def changed_pool(manifests: list[Manifest]) -> Manifest:
    """The NodePool with another template, as somebody applies it."""
    (pool,) = of_kind("NodePool", manifests)
    template = {**pool["spec"]["template"], "metadata": {"annotations": {"rev": "2"}}}
    spec = {**pool["spec"], "template": template}
    return {"apiVersion": pool["apiVersion"], "kind": "NodePool", "metadata": {"name": pool["metadata"]["name"]},
            "spec": spec}  # fmt: skip


def composed(manifests: list[Manifest], **spec: Any) -> Scenario:
    told = {"start": f"{START:%Y-%m-%dT%H:%M:%SZ}", "timings": TIMINGS, **spec}
    its_own = {"apiVersion": "napsim.dev/v1alpha1", "kind": "Scenario", "metadata": {"name": "x"}, "spec": told}
    documents = [Document("x.yaml", 1, item) for item in yaml.safe_load(json.dumps([*manifests, its_own]))]
    return scenario_of(documents, Asked(START))


def after_the_change(manifests: list[Manifest]) -> Scenario:
    event = {"at": f"{CHANGED:%Y-%m-%dT%H:%M:%SZ}", "apply": changed_pool(manifests)}
    return composed(manifests, events=[event])


def taken(outcome: Outcome) -> list[float]:
    started = (item.at for item in outcome.trace if item.kind == RecordKind.COMMAND_STARTED)
    return [(at - CHANGED).total_seconds() for at in started]


# --- held to Karpenter ------------------------------------------------------------------------------------------------


def test_nothing_drifts_before_the_change_as_our_hash_is_karpenters_own(cluster: list[Manifest]) -> None:
    outcome = simulate(composed(cluster))
    assert outcome.finished_at == START
    assert not taken(outcome)


def test_nodes_go_one_at_a_time_at_karpenters_polls_and_end_when_its_own_did(cluster: list[Manifest]) -> None:
    outcome = simulate(after_the_change(cluster))
    found = taken(outcome)
    assert len(found) == len(TAKEN)
    assert [later - before for before, later in pairwise(found)] == pytest.approx([21.1, 21.1, 21.0], rel=0.06)
    assert outcome.finished_at is not None
    assert (outcome.finished_at - CHANGED).total_seconds() == pytest.approx(FINISHED, rel=0.05)
    assert outcome.most_disrupting == 1
    assert sum(item.evicted for item in outcome.workloads) == 40


@pytest.mark.parametrize("seed", range(3))
def test_nodes_with_room_of_two_sizes_in_four_zones_go_as_karpenters_did(seed: int) -> None:
    outcome = simulate(composed(snapshot("spread.yaml"), start="2026-11-22T09:56:46Z", seed=seed))
    first, second, *_ = (item for item in outcome.trace if item.kind == RecordKind.COMMAND_STARTED)
    assert [item.object.split("-")[2] for item in (first, second)] == ["xrc2r", "sddcd"]
    assert first.details["replacements"] == ""
    assert second.details["replacements"] != ""
    assert second.at - first.at < timedelta(seconds=1)
    assert outcome.finished_at is not None
    assert (outcome.finished_at - outcome.started_at).total_seconds() == pytest.approx(100.9, rel=0.12)
    assert outcome.pools[0].replaced == 7


# --- what is launched -------------------------------------------------------------------------------------------------


def test_a_replacement_is_what_the_old_node_was_but_for_its_image(cluster: list[Manifest]) -> None:
    scenario = after_the_change(cluster)
    ended = standing(scenario, CHANGED + timedelta(minutes=5))
    (old, *_), new = of_kind("Node", cluster), next(iter(ended.state.nodes.values()))
    for key in (
        names.INSTANCE_TYPE,
        names.ARCH,
        "karpenter.kwok.sh/instance-family",
        "karpenter.kwok.sh/kwoknodeclass",
    ):
        assert new.metadata.labels[key] == old["metadata"]["labels"][key]
    assert names.AKSNODECLASS not in new.metadata.labels
    assert names.NODE_IMAGE_VERSION not in new.metadata.labels
    assert new.status.allocatable["cpu"] == old["status"]["allocatable"]["cpu"]
    assert new.metadata.labels[names.ZONE] in {
        item["metadata"]["labels"][names.ZONE] for item in of_kind("Node", cluster)
    }


def test_a_node_that_is_still_to_join_when_the_snapshot_is_taken_joins(cluster: list[Manifest]) -> None:
    last = of_kind("Node", cluster)[-1]["spec"]["providerID"]
    left = [item for item in cluster if item.get("spec", {}).get("providerID") != last]
    for item in left:
        if item["kind"] == "NodeClaim" and item["status"]["providerID"] == last:
            status = {key: item["status"][key] for key in ("providerID", "capacity", "allocatable")}
            (launched,) = (found for found in item["status"]["conditions"] if found["type"] == "Launched")
            now = [{**launched, "lastTransitionTime": "2026-11-22T09:47:24Z"}]
            left[left.index(item)] = {**item, "status": {**status, "conditions": now}}
    outcome = simulate(composed([item for item in left if item["kind"] != "Pod"]))
    assert outcome.finished_at is not None
    assert [item.kind for item in outcome.trace].count(RecordKind.NODE_JOINED) == 1


def test_classes_are_those_of_pools_and_of_claims_whose_pool_has_another_by_now(cluster: list[Manifest]) -> None:
    classes = {"group": "karpenter.kwok.sh", "kind": "KWOKNodeClass", "name": "another"}
    (pool,) = of_kind("NodePool", cluster)
    template = {**pool["spec"]["template"], "spec": {**pool["spec"]["template"]["spec"], "nodeClassRef": classes}}
    moved = {**pool, "spec": {**pool["spec"], "template": template}}
    assert [item.name for item in foreign_classes(composed([moved, *of_kind("NodeClaim", cluster)]))] == [
        "another",
        "default",
    ]


def test_without_a_node_to_go_by_nothing_is_launched_and_the_report_says_so(cluster: list[Manifest]) -> None:
    kept = [item for item in cluster if item["kind"] not in {"Node", "NodeClaim", "Pod"}]
    scenario = composed(kept)
    assert any("No Node shows an instance type: none is launched." in note for note in scenario.notes)
    outcome = simulate(scenario)
    assert len(outcome.unplaced) == 40


# --- what is told -----------------------------------------------------------------------------------------------------


def test_a_report_speaks_of_pools_not_of_images(cluster: list[Manifest]) -> None:
    scenario = after_the_change(cluster)
    forecast = made_of(scenario, simulate(scenario))
    assert forecast.goal == "as their NodePools ask"
    assert forecast.pools[0].node_class_kind == "KWOKNodeClass"
    (note,) = (item for item in forecast.assumptions if "KWOKNodeClass" in item)
    assert note.endswith("What is launched is of a type that a Node has: c-4x-amd64-linux.")


def test_why_has_not_a_node_moved_that_is_as_its_pool_asks(cluster: list[Manifest]) -> None:
    chains = Chains(standing(composed(cluster)))
    (pool,) = chains.of(Target(POOL, "default"))
    assert pool.moved
    assert pool.message == "all 4 nodes are as their NodePool asks; images of their KWOKNodeClass are not known here"


def test_nodes_of_classes_of_several_kinds_are_told_apart(cluster: list[Manifest]) -> None:
    """Those of a NodePool whose class was changed keep theirs."""
    first, *rest = of_kind("NodeClaim", cluster)
    spec = {**first["spec"], "nodeClassRef": {"group": "karpenter.k8s.aws", "kind": "EC2NodeClass", "name": "large"}}
    mixed = [item for item in cluster if item is not first]
    (pool,) = Chains(standing(composed([*mixed, {**first, "spec": spec}]))).of(Target(POOL, "default"))
    assert pool.message == (
        "1 of 4 nodes is as its NodePool asks; images of its EC2NodeClass are not known here;"
        " 3 of 4 nodes are as their NodePool asks; images of their KWOKNodeClass are not known here"
    )
    alone = [item for item in cluster if item not in rest]
    (pool,) = Chains(standing(composed(alone))).of(Target(POOL, "default"))
    assert pool.message == "1 node is as its NodePool asks; images of its KWOKNodeClass are not known here"


def test_why_has_not_a_node_moved_that_drifts(cluster: list[Manifest]) -> None:
    name = of_kind("Node", cluster)[0]["metadata"]["name"]
    (chain,) = Chains(standing(after_the_change(cluster), CHANGED + timedelta(seconds=1))).of(Target(NODE, name))
    assert not chain.moved
    assert chain.first is None
    assert "the template of NodePool default changed: hash " in chain.links[0].message
    assert [str(link.name) for link in chain.links][:2] == ["Drift", "Synced"]


def test_a_node_whose_label_names_a_pool_that_there_is_not_ends_no_forecast(cluster: list[Manifest]) -> None:
    """It is the label that says of which NodePool a Node is, and anybody may write it."""
    node = of_kind("Node", cluster)[0]
    labels = {**node["metadata"]["labels"], names.NODEPOOL: "gone"}
    strange = {**node, "metadata": {**node["metadata"], "labels": labels}}
    outcome = simulate(after_the_change([*(item for item in cluster if item is not node), strange]))
    assert {pool.name for pool in outcome.pools} >= {"default"}


# --- anonymous --------------------------------------------------------------------------------------------------------


def numbers(outcome: Outcome) -> Mapping[str, object]:
    return {
        "nodes": [pool.steps[-1].nodes for pool in outcome.pools],
        "replaced": [pool.replaced for pool in outcome.pools],
        "finished": outcome.finished_at,
        "evicted": sorted(item.evicted for item in outcome.workloads),
    }


def test_an_anonymous_snapshot_gives_the_same_numbers(cluster: list[Manifest]) -> None:
    """Its ReplicaSets are their Deployments' by owner alone, not by name."""
    pools = [
        {**item, "spec": changed_pool(cluster)["spec"]} if item["kind"] == "NodePool" else item for item in cluster
    ]
    named, nameless = simulate(composed(pools)), simulate(composed(Pseudonyms("salt").manifests(pools)))
    assert numbers(named)["replaced"] == [4]
    assert numbers(nameless) == numbers(named)


FPGA: Final = "acme.example/fpga-of-acme"
OWN_WORDS: Final = {
    '"karpenter.kwok.sh"': '"karpenter.acme.example"', "karpenter.kwok.sh/": "karpenter.acme.example/",
    "KWOKNodeClass": "AcmeNodeClass", "kwoknodeclass": "acmenodeclass",
}  # fmt: skip


def of_acme(manifests: list[Manifest]) -> list[Manifest]:
    """The cluster of a company that has a provider, devices, owners and conditions of its own."""
    text = json.dumps(manifests)
    for word, own in OWN_WORDS.items():
        text = text.replace(word, own)
    found: list[Manifest] = json.loads(text)
    generation = {"key": "acme.example/generation", "operator": "Gt", "values": ["2"]}
    for item in found:
        match item["kind"]:
            case "NodePool":
                item["spec"]["limits"] = {FPGA: "1000"}
                item["spec"]["template"]["metadata"]["labels"] = {"acme.example/generation": "3"}
            case "Node" | "NodeClaim":
                item["metadata"]["labels"]["acme.example/generation"] = "3"
                for part in ("capacity", "allocatable"):
                    item["status"][part][FPGA] = "40"
            case "Deployment" | "ReplicaSet":
                required = {"nodeSelectorTerms": [{"matchExpressions": [generation]}]}
                needs = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": required}}
                pod = item["spec"]["template"]["spec"]
                pod["affinity"], pod["containers"][0]["resources"]["requests"][FPGA] = needs, "1"
        if item["kind"] == "Node":
            told = {"type": "AcmeRackReady", "status": "True", "reason": "AcmeRack", "message": "acme"}
            item["status"]["conditions"].append({**told, "lastTransitionTime": "2026-11-22T09:46:46Z"})
    database = {"apiVersion": "acme.example/v1", "kind": "AcmeDatabase", "name": "acme-db", "uid": "acme-1"}
    pod = next(item for item in found if item["kind"] == "Pod")
    owned = {"name": "acme-db-0", "namespace": "acme", "uid": "acme-2", "labels": {"app": "acme-db"}}
    metadata = {**owned, "ownerReferences": [{**database, "controller": True}]}
    spec = {**pod["spec"], "containers": [{"resources": {"requests": {FPGA: "1"}}}]}
    return [*found, {**pod, "metadata": metadata, "spec": spec}]


def test_an_anonymous_snapshot_with_words_of_a_company_gives_the_same_numbers_and_has_none_of_them(
    cluster: list[Manifest],
) -> None:
    own = of_acme(cluster)
    (pool,) = of_kind("NodePool", own)
    for item in [pool, *of_kind("NodeClaim", own), *of_kind("Node", own)]:
        item["metadata"]["annotations"][names.NODEPOOL_HASH] = nodepool_hash(pool["spec"]["template"])
    pool["spec"]["template"]["metadata"]["annotations"] = {"rev": "2"}
    anonymous = Pseudonyms("salt").manifests(own)
    assert "acme" in json.dumps(own)
    assert "acme" not in json.dumps(anonymous).lower()
    named, nameless = simulate(composed(own)), simulate(composed(anonymous))
    assert numbers(named)["replaced"] == [4]
    assert numbers(nameless) == numbers(named)
