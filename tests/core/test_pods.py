"""Predicates over pods: who is protected, evicted, waited for, placed again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from napsim.api import names
from napsim.core.clock import WALL_CLOCK, Timeline
from napsim.core.objects import Container, OwnerReference, Pod, PodSpec, ResourceRequirements, Taint, Toleration
from napsim.core.pods import (
    DISRUPTED,
    is_active,
    is_critical,
    is_evictable,
    is_mirror,
    is_provisionable,
    is_reschedulable,
    is_stuck_terminating,
    is_waited_for,
    owned_by,
    owner,
    protection,
    ready_status,
    requests,
    stuck_from,
    tolerates,
    tolerates_all,
)
from tests.core.examples import NOW, pod

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
EXISTS = Toleration(operator="Exists", key=names.DISRUPTED_TAINT)
EQUAL = Toleration(operator="Equal", key=names.DISRUPTED_TAINT, effect="NoSchedule")
STARTED = NOW - 10 * MINUTE


def protected(value: str | None, **more: object) -> Pod:
    annotations = {} if value is None else {names.DO_NOT_DISRUPT: value}
    return pod(annotations=annotations, started_at=STARTED, **more)  # type: ignore[arg-type]  # passed on as given


@pytest.mark.parametrize(
    ("value", "active", "until", "elapsed", "says"),
    [
        pytest.param(None, False, None, False, "", id="karpenter:A01"),
        pytest.param("true", True, None, False, "", id="karpenter:A02"),
        pytest.param("invalid-format", False, None, False, "neither true nor a duration", id="karpenter:A03"),
        pytest.param("0s", False, None, False, "must be positive", id="karpenter:A04"),
        pytest.param("15m", True, STARTED + 15 * MINUTE, False, "", id="karpenter:A06"),
        pytest.param("5m", False, None, True, "", id="karpenter:A07"),
        pytest.param("-5m", False, None, False, "must be positive", id="negative"),
        pytest.param("false", False, None, False, "neither", id="false"),
        pytest.param("True", False, None, False, "neither", id="capital"),
        pytest.param("", False, None, False, "neither", id="empty"),
        pytest.param("9999999999999h", False, None, False, "neither", id="longer-than-any-Go-duration"),
    ],
)
def test_do_not_disrupt_on_a_pod(value: str | None, active: bool, until: datetime, elapsed: bool, says: str) -> None:
    found = protection(protected(value), WALL_CLOCK, NOW)
    assert (found.active, found.until, found.elapsed) == (active, until, elapsed)
    assert says in found.invalid
    assert bool(found.invalid) is bool(says)


@pytest.mark.parametrize(("seconds", "active"), [(-1, True), (0, False), (1, False)])
def test_a_duration_protects_until_its_last_second(seconds: int, active: bool) -> None:
    held = protected("15m")
    assert protection(held, WALL_CLOCK, STARTED + 15 * MINUTE + seconds * SECOND).active is active


def test_a_duration_without_a_start_protects() -> None:
    held = pod(annotations={names.DO_NOT_DISRUPT: "5m"}, started_at=None)
    assert protection(held, WALL_CLOCK, NOW).active
    assert protection(held, WALL_CLOCK, NOW).until is None


def test_a_duration_is_of_virtual_time_from_the_virtual_start() -> None:
    real = datetime(2026, 6, 1, tzinfo=UTC)
    timeline = Timeline(real, NOW, 600.0)
    held = pod(annotations={names.DO_NOT_DISRUPT: "15m"}, started_at=real)
    assert protection(held, timeline, NOW).until == NOW + 15 * MINUTE


@pytest.mark.parametrize(
    ("value", "evictable"),
    [
        pytest.param("true", False, id="karpenter:A02"),
        pytest.param("invalid-format", True, id="karpenter:X12"),
        pytest.param("5m", True, id="karpenter:A07"),
    ],
)
def test_a_protected_pod_is_not_evicted_and_yet_waited_for(value: str, evictable: bool) -> None:
    held = protected(value)
    assert is_evictable(held, WALL_CLOCK, NOW) is evictable
    assert is_waited_for(held, NOW)


def test_a_terminal_pod_is_never_in_the_way() -> None:
    done = protected("true", phase="Succeeded")
    assert not is_active(done)
    assert not is_waited_for(done, NOW)


@pytest.mark.parametrize(
    "toleration",
    [
        pytest.param(EQUAL, id="karpenter:N04"),
        pytest.param(EXISTS, id="karpenter:N05"),
        pytest.param(Toleration(operator="Exists"), id="everything"),
    ],
)
def test_a_pod_that_tolerates_the_disrupted_taint_is_neither_evicted_nor_waited_for(toleration: Toleration) -> None:
    tolerant = pod(tolerations=(toleration,))
    assert not is_evictable(tolerant, WALL_CLOCK, NOW)
    assert not is_waited_for(tolerant, NOW)


@pytest.mark.parametrize(
    ("toleration", "taint", "expected"),
    [
        (Toleration(key="k", value="v"), Taint("k", "NoSchedule", "v"), True),
        (Toleration(key="k", value="w"), Taint("k", "NoSchedule", "v"), False),
        (Toleration(key="k", value="v", effect="NoExecute"), Taint("k", "NoSchedule", "v"), False),
        (Toleration(key="k", operator="Exists"), Taint("k", "NoExecute", "v"), True),
        (Toleration(key="j", operator="Exists"), Taint("k", "NoExecute"), False),
        (Toleration(operator=""), Taint("k", "NoSchedule"), False),
        (Toleration(key="k", operator="", value="v"), Taint("k", "NoSchedule", "v"), True),
        (Toleration(key="k", operator="Lt", value="5"), Taint("k", "NoSchedule", "5"), False),
    ],
)
def test_tolerations_match_key_value_and_effect(toleration: Toleration, taint: Taint, expected: bool) -> None:
    assert tolerates((toleration,), taint) is expected


def test_a_preference_never_keeps_a_pod_away() -> None:
    assert tolerates_all(pod(), (Taint("k", "PreferNoSchedule"),))
    assert not tolerates_all(pod(), (Taint("k", "PreferNoSchedule"), DISRUPTED))


@pytest.mark.parametrize(
    ("seconds", "stuck"),
    [
        pytest.param(60, False, id="a-minute"),
        pytest.param(61, True, id="more-than-a-minute"),
        pytest.param(90, True, id="karpenter:N15"),
        pytest.param(-30, False, id="its-grace-is-not-over"),
    ],
)
def test_a_pod_is_stuck_a_minute_after_its_deletion_timestamp(seconds: int, stuck: bool) -> None:
    leaving = pod(deleted_at=NOW)
    assert is_stuck_terminating(leaving, NOW + seconds * SECOND) is stuck
    assert is_waited_for(leaving, NOW + seconds * SECOND) is not stuck
    assert not is_stuck_terminating(pod(), NOW)


@pytest.mark.parametrize(
    ("pod_", "expected"),
    [
        pytest.param(pod(), True, id="active"),
        pytest.param(pod(owner=""), True, id="without-owner"),
        pytest.param(pod(deleted_at=NOW), False, id="terminating"),
        pytest.param(pod(deleted_at=NOW, owner="StatefulSet"), True, id="terminating-of-a-stateful-set"),
        pytest.param(
            pod(deleted_at=NOW, owner="StatefulSet", phase="Failed"), True, id="terminal-and-terminating-of-one"
        ),
        pytest.param(pod(phase="Succeeded", owner="StatefulSet"), False, id="terminal"),
        pytest.param(pod(owner="DaemonSet"), False, id="daemon"),
        pytest.param(pod(owner="Node"), False, id="karpenter:N11"),
    ],
)
def test_who_is_placed_again(pod_: Pod, expected: bool) -> None:
    assert is_reschedulable(pod_) is expected


@pytest.mark.parametrize(
    ("pod_", "expected"),
    [
        pytest.param(pod(node="", unschedulable=True), True, id="marked-unschedulable"),
        pytest.param(pod(node=""), False, id="not-looked-at-yet"),
        pytest.param(pod(unschedulable=True), False, id="bound"),
        pytest.param(pod(node="", unschedulable=True, deleted_at=NOW), False, id="terminating"),
        pytest.param(pod(node="", unschedulable=True, owner="DaemonSet"), False, id="daemon"),
        pytest.param(pod(node="", unschedulable=True, owner="Node"), False, id="mirror"),
        pytest.param(
            msgspec.structs.replace(
                pod(node="", unschedulable=True),
                status=msgspec.structs.replace(pod(node="", unschedulable=True).status, nominated_node_name="n"),
            ),
            False,
            id="preempting",
        ),
    ],
)
def test_who_needs_a_node(pod_: Pod, expected: bool) -> None:
    assert is_provisionable(pod_) is expected


def test_a_static_pod_is_known_by_its_annotation_or_its_owner() -> None:
    assert is_mirror(pod(annotations={names.MIRROR_POD: "x"}))
    assert is_mirror(pod(owner="Node"))
    assert not is_mirror(pod())


def test_a_daemon_set_of_another_group_is_none_of_kubernetes() -> None:
    """OpenKruise's, say: Karpenter waits for such a pod as for any other, and asks for room for it elsewhere."""
    theirs = OwnerReference("DaemonSet", "agent", "u", controller=True, api_version="apps.kruise.io/v1alpha1")
    metadata = msgspec.structs.replace(pod().metadata, owner_references=(theirs,))
    advanced = msgspec.structs.replace(pod(), metadata=metadata)
    assert not owned_by(advanced, "DaemonSet")
    assert is_reschedulable(advanced)
    assert not is_reschedulable(pod(owner="DaemonSet"))


@pytest.mark.parametrize("priority", ["system-cluster-critical", "system-node-critical"])
def test_two_priority_classes_are_critical(priority: str) -> None:
    assert is_critical(pod(priority=priority))
    assert not is_critical(pod(priority="high"))


def test_the_owner_is_the_one_that_controls() -> None:
    references = (OwnerReference(kind="A"), OwnerReference(kind="B", controller=True))
    several = msgspec.structs.replace(
        pod(), metadata=msgspec.structs.replace(pod().metadata, owner_references=references)
    )
    found = owner(several)
    assert found is not None
    assert found.kind == "B"
    assert owner(pod(owner="")) is None


def test_ready_is_what_the_condition_says() -> None:
    assert ready_status(pod(ready="False")) == "False"
    assert ready_status(pod(ready="")) == ""


def wanting(cpu: str, restart_policy: str = "") -> Container:
    return Container(ResourceRequirements({"cpu": cpu}), restart_policy)


@pytest.mark.parametrize(
    ("spec", "millicores"),
    [
        pytest.param(PodSpec(containers=(wanting("1"), wanting("500m"))), 1500, id="containers-add-up"),
        pytest.param(PodSpec(containers=(wanting("1"),), init_containers=(wanting("3"),)), 3000, id="an-init-peak"),
        pytest.param(
            PodSpec(containers=(wanting("1"),), init_containers=(wanting("1", "Always"), wanting("2"))),
            3000,
            id="an-init-peak-beside-a-sidecar",
        ),
        pytest.param(
            PodSpec(containers=(wanting("2"),), init_containers=(wanting("1"), wanting("1", "Always"))),
            3000,
            id="a-sidecar-stays",
        ),
        pytest.param(PodSpec(containers=(wanting("1"),), overhead={"cpu": "250m"}), 1250, id="overhead"),
    ],
)
def test_what_the_scheduler_reserves_for_a_pod(spec: PodSpec, millicores: int) -> None:
    assert requests(Pod(spec=spec)) == {"cpu": millicores, "pods": 1}


@pytest.mark.parametrize(
    ("resources", "millicores"),
    [
        pytest.param({"limits": {"cpu": "2"}}, 2000, id="a-limit-alone-is-a-request"),
        pytest.param({"requests": {"cpu": "1"}, "limits": {"cpu": "2"}}, 1000, id="a-request-counts-first"),
        pytest.param({"requests": {"cpu": "0"}, "limits": {"cpu": "2"}}, 0, id="a-request-of-nothing-too"),
        pytest.param({"requests": {"pods": "1"}, "limits": {"cpu": "2"}}, 2000, id="one-resource-at-a-time"),
    ],
)
def test_a_container_requests_its_limits(resources: dict[str, object], millicores: int) -> None:
    written = {"spec": {"containers": [{"resources": resources}]}}
    assert requests(msgspec.convert(written, Pod))["cpu"] == millicores


def test_the_clock_alone_tells_when_a_terminating_pod_counts_as_stuck() -> None:
    leaving, stuck = pod(deleted_at=NOW), pod("s", deleted_at=NOW - 2 * MINUTE)
    (at,) = stuck_from((pod("stays"), stuck, leaving), NOW)
    assert is_stuck_terminating(leaving, at)
    assert not is_stuck_terminating(leaving, at - timedelta(microseconds=1))
