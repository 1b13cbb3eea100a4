"""The ConfigMap with the maintenance window, on a real API server: kept in drive mode, or read as somebody else's.

In drive mode the operator speaks under the rules of drive mode alone, on a cluster without Karpenter's kinds.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final

import pytest

from tests.e2e import manifests as m
from tests.e2e import rbac
from tests.e2e.auditor.access import requests_of, unused
from tests.e2e.kubectl import get, kubectl, served
from tests.e2e.rehearsal import CRDS, NEW, OLD, Rehearsal, rehearsal

NAME: Final = "upcoming-maintenance-window"
CHANNEL: Final = "aksManagedNodeOSUpgradeSchedule"
WHERE: Final = f"--namespace={rbac.SYSTEM_NAMESPACE}"
AT_ONCE: Final = {"leadTimes": {"nodeOS": "1s", "others": "1s"}}
KINDS: Final = ("maintenanceconfigurations", "nodeautoprovisionings")


def settings(**clock: Any) -> m.Manifest:
    """For the wall clock, unless said otherwise; a change of a configuration counts at once."""
    metadata = {"name": "default"}
    spec = {**AT_ONCE, "clock": clock}
    return {"apiVersion": "napsim.dev/v1alpha1", "kind": "NodeAutoProvisioning", "metadata": metadata, "spec": spec}


def config_map(start: str, end: str, **labels: str) -> m.Manifest:
    metadata = {"name": NAME, "namespace": rbac.SYSTEM_NAMESPACE, "labels": labels}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": window_data(start, end)}


def window_data(start: str, end: str) -> dict[str, str]:
    return {f"{CHANNEL}-start": start, f"{CHANNEL}-end": end}


def held(world: Rehearsal) -> dict[str, str]:
    """What the ConfigMap holds; empty where there is none."""
    found = world.items("configmaps", WHERE, f"--field-selector=metadata.name={NAME}")
    data: dict[str, str] = found[0].get("data", {}) if found else {}
    return data


def condition(world: Rehearsal, type_: str) -> tuple[str, str, str]:
    """Status, reason and message of a condition of the settings; empty where there is none."""
    for item in world.nap().get("conditions", ()):
        if item["type"] == type_:
            return item["status"], item["reason"], item["message"]
    return "", "", ""


# --- written ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def driven() -> Iterator[Rehearsal]:
    """A cluster with the two kinds that drive mode follows, and the operator that keeps the window of every Sunday."""
    with rehearsal(crds=False, rules=rbac.DRIVE) as made:
        for kind in KINDS:
            kubectl(made.cluster, "apply", "--server-side", f"--filename={CRDS / f'napsim.dev_{kind}.yaml'}")
        served(made.cluster)
        made.apply(settings(), m.window())
        made.operator("one", "--drive")
        yield made


def sunday(world: Rehearsal) -> dict[str, str]:
    """What the ConfigMap is to hold: the window that the status of the configuration shows."""
    status = world.get("maintenanceconfiguration", "node-os").get("status", {})
    shown = status.get("current") or status.get("next")
    return window_data(shown["start"], shown["end"]) if shown else {}


def is_kept(world: Rehearsal) -> bool:
    return held(world) == sunday(world) != {}


def test_the_next_window_is_written_by_the_wall_clock(driven: Rehearsal) -> None:
    driven.eventually("the window is there", lambda: is_kept(driven))
    start, end = (datetime.fromisoformat(held(driven)[f"{CHANNEL}-{bound}"]) for bound in ("start", "end"))
    assert (start.isoweekday(), start.hour, (end - start).total_seconds()) == (7, 1, 4 * 3600)
    assert end > datetime.now(UTC)
    assert start.date().toordinal() - datetime.now(UTC).date().toordinal() <= 7
    driven.eventually("it says so", lambda: condition(driven, "Ready")[:2] == ("True", "Driving"))


def test_what_somebody_else_deletes_or_changes_is_put_right(driven: Rehearsal) -> None:
    driven.eventually("the window is there", lambda: is_kept(driven))
    deleted = get(driven.cluster, "configmap", NAME, WHERE)["metadata"]["uid"]
    driven.delete("configmap", NAME, WHERE)
    driven.eventually("the window is back", lambda: is_kept(driven))
    assert get(driven.cluster, "configmap", NAME, WHERE)["metadata"]["uid"] != deleted

    longer = f'{{"data": {{"{CHANNEL}-end": "2099-01-01T00:00:00Z", "note": "longer"}}}}'
    driven.patch("configmap", NAME, longer, WHERE)
    driven.eventually("the window is right", lambda: is_kept(driven))
    assert "note" not in held(driven), "what somebody added is gone too"


def test_a_change_of_the_configuration_is_written(driven: Rehearsal) -> None:
    before = held(driven)
    driven.apply(m.window(start_time="02:00"))
    driven.eventually("another window", lambda: is_kept(driven) and held(driven) != before)
    assert held(driven)[f"{CHANNEL}-start"].endswith("T02:00:00Z")


def test_on_a_fast_clock_nothing_is_written_and_the_settings_say_why(driven: Rehearsal) -> None:
    before = held(driven)
    driven.apply(settings(factor=600))
    driven.eventually("it says so", lambda: condition(driven, "Ready")[:2] == ("False", "DriveNeedsWallClock"))
    driven.eventually("an event says so", lambda: bool(driven.events("DriveNeedsWallClock")))
    driven.apply(m.window(start_time="03:00"))
    driven.eventually("the change counts", lambda: sunday(driven)[f"{CHANNEL}-start"].endswith("T03:00:00Z"))
    assert held(driven) == before
    driven.apply(settings())
    driven.eventually("it is written", lambda: is_kept(driven) and held(driven) != before)


def test_one_that_somebody_else_keeps_is_left_alone(driven: Rehearsal) -> None:
    driven.eventually("the window is there", lambda: is_kept(driven))
    theirs = '{"metadata": {"labels": {"app.kubernetes.io/managed-by": "aks"}}, "data": {"note": "ours"}}'
    driven.patch("configmap", NAME, theirs, WHERE)
    driven.eventually("it says so", lambda: condition(driven, "Ready")[:2] == ("False", "ConfigMapOfAnother"))
    assert held(driven)["note"] == "ours"
    driven.patch("configmap", NAME, theirs.replace("aks", "napsim"), WHERE)
    driven.eventually("it is napsim's again", lambda: is_kept(driven))


def test_an_operator_that_starts_anew_writes_nothing_that_is_there(driven: Rehearsal) -> None:
    driven.eventually("the window is there", lambda: is_kept(driven))
    before = get(driven.cluster, "configmap", NAME, WHERE)["metadata"]["resourceVersion"]
    driven.operators[-1].kill()
    driven.patch("nodeautoprovisioning", "default", '{"status": {"window": "stale"}}', "--subresource=status")
    driven.operator("two", "--drive")
    driven.eventually("the second one looked", lambda: driven.nap().get("window") != "stale")
    assert get(driven.cluster, "configmap", NAME, WHERE)["metadata"]["resourceVersion"] == before

    auto = m.window("auto")
    auto["spec"]["configName"] = "aksManagedAutoUpgradeSchedule"
    driven.apply(auto)
    driven.eventually("it goes on", lambda: "aksManagedAutoUpgradeSchedule-start" in held(driven))
    assert sunday(driven).items() <= held(driven).items()


def test_it_asked_for_all_that_its_rules_allow_and_for_nothing_else(driven: Rehearsal) -> None:
    """Comes last, as it counts on what the tests before it made it do."""
    requests = requests_of(driven.cluster.audit_log, rbac.OPERATOR)
    assert [str(item) for item in unused(rbac.grants(rbac.OPERATOR, rbac.DRIVE), requests.allowed)] == []
    assert {access.resource for access in requests.allowed if not access.is_path} <= {
        "configmaps",
        "events",
        "leases",
        *KINDS,
        *(f"{kind}/status" for kind in KINDS),
    }


# --- read -------------------------------------------------------------------------------------------------------------


def _clock(**spec: Any) -> m.Manifest:
    return m.nap(60, "2026-02-14T06:00:00Z", **spec)


@pytest.fixture(scope="module")
def played() -> Iterator[Rehearsal]:
    """A node, on a clock 60 times as fast, and a window of the next day that somebody else publishes: in 19 minutes."""
    with rehearsal() as made:
        made.apply(config_map("2026-02-15T01:00:00Z", "2026-02-15T05:00:00Z"))
        made.apply(_clock(), m.node_class(), m.image(OLD), m.pool(replicas=1))
        made.operator()
        made.eventually("a node", lambda: made.versions() == {OLD: 1})
        yield made


def test_a_window_that_somebody_else_publishes_holds_pick_up_until_it_opens(played: Rehearsal) -> None:
    played.apply(m.image(NEW))
    played.eventually("it waits", lambda: condition(played, "RolledOut")[1] == "WaitingForWindow")
    assert played.nap()["window"] == f"ConfigMap kube-system/{NAME}: closed, opens Sun 2026-02-15 01:00 UTC"

    played.patch("configmap", NAME, f'{{"data": {{"{CHANNEL}-end": null}}}}', WHERE)
    played.eventually("half a window", lambda: condition(played, "Findings")[1] == "MaintenanceWindowUnreadable")
    assert "incomplete maintenance window data" in condition(played, "Findings")[2]
    played.eventually("the class says it", lambda: bool(played.events("ImagePickUpFailed")))
    assert played.versions() == {OLD: 1}

    now_open = window_data("2026-02-14T00:00:00Z", "2026-03-01T00:00:00Z")
    played.apply({**config_map("", ""), "data": now_open})
    played.eventually("the new image", lambda: played.versions() == {NEW: 1})
    assert {item["rule"] for item in played.nap()["pickups"] if item["to"] == NEW} == {"WindowOpen"}
    played.eventually("nothing to mind", lambda: condition(played, "Findings") == ("", "", ""))


def test_a_configuration_counts_before_the_config_map(played: Rehearsal) -> None:
    played.apply(m.window())
    played.eventually("the configuration counts", lambda: played.nap()["window"].startswith("node-os: "))
    assert "opens" in played.nap()["window"], "it is closed, although the ConfigMap's window is open"
    played.delete("maintenanceconfiguration", "node-os")
    played.eventually("the ConfigMap counts", lambda: played.nap()["window"].startswith("ConfigMap "))
    assert "OPEN" in played.nap()["window"]


def test_an_upgrade_on_a_channel_waits_for_its_own_window(played: Rehearsal) -> None:
    """Also over an operator that is killed; without the window it is done at once."""
    before = played.nap()["kubernetesVersion"]
    auto = m.window("auto", start_time="13:00")
    auto["spec"]["configName"] = "aksManagedAutoUpgradeSchedule"
    played.apply(_clock(**AT_ONCE))
    played.apply(auto)
    played.eventually("it is closed", lambda: _state(played, "auto") == "closed")
    wanted: m.Manifest = {"kubernetesVersion": "1.99.0", "upgradeChannel": "stable", "leadTimes": AT_ONCE["leadTimes"]}
    played.apply(_clock(**wanted))
    played.eventually("it waits", lambda: condition(played, "Findings")[1] == "KubernetesUpgradeWaits")
    assert "aksManagedAutoUpgradeSchedule is closed" in condition(played, "Findings")[2]
    assert played.nap()["kubernetesVersion"] == before

    played.operators[-1].kill()
    played.operator("two")
    played.eventually("another leads", lambda: _leader(played) == "two")
    played.steadily("it still waits", lambda: played.nap()["kubernetesVersion"] == before, 2)

    played.delete("maintenanceconfiguration", "auto")
    played.eventually("it is done", lambda: played.nap()["kubernetesVersion"] == "1.99.0")
    played.eventually("the class follows", lambda: _class_version(played) == "1.99.0")
    played.eventually("an event tells it", lambda: bool(played.events("KubernetesUpgraded")))


def _state(world: Rehearsal, name: str) -> str:
    found: str = world.get("maintenanceconfiguration", name).get("status", {}).get("state", "")
    return found


def _leader(world: Rehearsal) -> str:
    found: str = world.get("lease", rbac.LEASE_NAME, f"--namespace={rbac.NAMESPACE}")["spec"].get("holderIdentity", "")
    return found


def _class_version(world: Rehearsal) -> str:
    found: str = world.get("aksnodeclass", "default")["status"]["kubernetesVersion"]
    return found
