"""The models as code uses them: attributes in Python's spelling, values in Python's types."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from napsim.api.aksnodeclass import AKSNodeClass
from napsim.api.base import Model, wire_name
from napsim.api.checks import CHECKS, parse_span
from napsim.api.maintenanceconfiguration import MaintenanceConfiguration
from napsim.api.nodeautoprovisioning import NodeAutoProvisioning, NodeAutoProvisioningSpec
from napsim.api.nodeclaim import NodeClaim
from napsim.api.nodeimage import NodeImage
from napsim.api.nodepool import NodePool
from napsim.api.registry import KINDS, kind_of
from napsim.api.rollout import NodeAutoProvisioningStatus, PickUp
from napsim.api.scalars import parse_instant, parse_offset, write_duration, write_instant, write_offset
from napsim.api.scenario import SCENARIO
from tests.api.good import good
from tests.api.statuses import STATUSES

AT = datetime(2026, 2, 15, 1, tzinfo=UTC)


def test_a_pool_reads_like_a_sentence() -> None:
    pool = NodePool.parse(good("NodePool"))
    assert pool.name == "general-purpose"
    assert [budget.nodes for budget in pool.spec.disruption.budgets] == ["20%", "0", "5"]
    assert pool.spec.disruption.budgets[1].reasons == ("Drifted", "Underutilized")
    assert pool.spec.template.spec.node_class_ref.name == "default"
    assert pool.spec.template.metadata.labels["example.com/tier"] == "general"
    assert pool.spec.replicas is None
    assert not pool.static


def test_a_pool_without_disruption_gets_karpenters_defaults() -> None:
    pool = NodePool.parse(good("NodePool", 2))
    assert pool.spec.disruption.consolidate_after == "0s"
    assert pool.spec.disruption.consolidation_policy == "WhenEmptyOrUnderutilized"
    assert [budget.nodes for budget in pool.spec.disruption.budgets] == ["10%"]
    assert pool.spec.template.spec.expire_after == "720h"


def test_a_window_holds_dates_times_and_offsets() -> None:
    window = MaintenanceConfiguration.parse(good("MaintenanceConfiguration")).spec.maintenance_window
    assert window is not None
    assert window.start_date == date(2026, 3, 3)
    assert window.start_time == time(22, 30)
    assert window.utc_offset == timedelta(hours=2)
    assert window.schedule.weekly is not None
    assert window.schedule.weekly.day_of_week == "Tuesday"
    assert window.not_allowed_dates[0].end == date(2027, 1, 3)


def test_the_settings_of_a_cluster_without_a_manifest_are_those_of_an_empty_one() -> None:
    empty = NodeAutoProvisioning.parse(good("NodeAutoProvisioning", 2))
    assert empty.spec == NodeAutoProvisioningSpec()
    assert empty.spec.lead_times.node_os == timedelta(minutes=30)
    assert empty.spec.list_cache_duration == timedelta(hours=72)
    assert (empty.spec.image_expiry.days, empty.spec.image_expiry.margin_minutes) == (90, 0)


def test_a_node_class_knows_what_its_images_must_be() -> None:
    spec = AKSNodeClass.parse(good("AKSNodeClass")).spec
    assert (spec.fips, spec.trusted, spec.image_family) == (True, True, "Ubuntu2204")


@pytest.mark.parametrize(
    ("os_sku", "gallery", "patch", "label"),
    [
        ("Ubuntu2204", None, None, "AKSUbuntu-d-202602.13.0"),
        ("AzureLinux3", None, None, "AKSAzureLinux-d-202602.13.0"),
        ("Ubuntu2204", None, "2026.03.01", "AKSUbuntu-d-202602.13.0-2026.03.01"),
        ("Ubuntu2204", "MyGallery", None, "MyGallery-d-202602.13.0"),
    ],
)
def test_an_image_names_the_label_of_its_nodes(os_sku: str, gallery: str | None, patch: str | None, label: str) -> None:
    spec = {"osSKU": os_sku, "definition": "d", "version": "202602.13.0", "gallery": gallery, "securityPatch": patch}
    assert NodeImage.parse({**good("NodeImage"), "spec": spec}).spec.node_image_version == label


def test_a_pick_up_is_written_with_the_words_from_and_to() -> None:
    pickup = PickUp(node_class="c", definition="d", from_version="1", to_version="2", at=AT, rule="ImageExpiry")
    written = pickup.to_manifest()
    assert (written["from"], written["to"], written["at"]) == ("1", "2", "2026-02-15T01:00:00Z")


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_full_status_is_read_and_written_without_loss(kind: object) -> None:
    model = next(found.model for found in KINDS if found is kind)
    manifest = {**good(model.__name__), "status": STATUSES[model.__name__]}
    assert model.parse(manifest, strict=True).stored()["status"] == STATUSES[model.__name__]


def test_a_status_of_nothing_is_the_default() -> None:
    assert NodeAutoProvisioning.parse(good("NodeAutoProvisioning", 2)).status == NodeAutoProvisioningStatus()


def test_a_condition_tells_when_it_changed() -> None:
    claim = NodeClaim.parse({**good("NodeClaim"), "status": STATUSES["NodeClaim"]})
    (drifted,) = (item for item in claim.status.conditions if item.type == "Drifted")
    assert drifted.last_transition_time == AT


def test_what_is_stored_tells_empty_from_absent_as_drift_hashes_need() -> None:
    pool = good("NodePool", 2)
    pool["spec"]["template"]["metadata"] = {"labels": {}}
    assert NodePool.parse(pool).spec.template.stored()["metadata"] == {"labels": {}}
    assert "metadata" not in NodePool.parse(good("NodePool", 2)).spec.template.stored()


def test_a_model_cannot_be_changed() -> None:
    pool = NodePool.parse(good("NodePool"))
    with pytest.raises(ValidationError, match="frozen"):
        pool.spec.weight = 1  # type: ignore[misc]  # what mypy forbids is what is tried


def test_fields_of_a_newer_karpenter_are_skipped_when_reading() -> None:
    assert NodePool.parse({**good("NodePool"), "surprise": 1}).name == "general-purpose"


def test_python_spelling_is_for_python_only() -> None:
    manifest = good("NodePool", 2)
    manifest["spec"]["template"]["spec"]["node_class_ref"] = manifest["spec"]["template"]["spec"].pop("nodeClassRef")
    with pytest.raises(ValidationError, match="nodeClassRef"):
        NodePool.parse(manifest)


@pytest.mark.parametrize(
    ("attribute", "name"),
    [
        ("vnet_subnet_id", "vnetSubnetID"),
        ("os_disk_size_gb", "osDiskSizeGB"),
        ("cpu_cfs_quota_period", "cpuCFSQuotaPeriod"),
        ("image_gc_high_threshold_percent", "imageGCHighThresholdPercent"),
        ("net_ipv4_ip_local_port_range", "netIPv4IPLocalPortRange"),
        ("net_ipv4_neigh_default_gc_thresh1", "netIPv4NeighDefaultGcThresh1"),
        ("node_os_upgrade_channel", "nodeOSUpgradeChannel"),
        ("provider_id", "providerID"),
        ("local_dns", "localDNS"),
        ("os_sku", "osSKU"),
    ],
)
def test_an_attribute_has_the_name_that_kubernetes_gives_it(attribute: str, name: str) -> None:
    assert wire_name(attribute) == name


def test_a_manifest_finds_its_kind_in_every_version_that_is_served() -> None:
    served = {
        (manifest["apiVersion"], manifest["kind"]) for manifest in (good("AKSNodeClass"), good("AKSNodeClass", 2))
    }
    assert len(served) == 2
    assert {kind.name for version, name in served if (kind := kind_of({"apiVersion": version, "kind": name}))} == {
        "AKSNodeClass"
    }
    assert kind_of({"apiVersion": "v1", "kind": "Pod"}) is None


@given(st.datetimes(timezones=st.just(UTC)))
def test_an_instant_is_read_back_as_it_was_written(instant: datetime) -> None:
    assert parse_instant(write_instant(instant)) == instant


@pytest.mark.parametrize("text", ["0d", "3661d", "999999w" * 200, "1x"])
def test_a_span_of_checks_is_from_a_minute_to_ten_years(text: str) -> None:
    with pytest.raises(ValueError, match="must be a span"):
        parse_span(text)
    assert parse_span("1w2d") == timedelta(days=9)


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59-01:00"])
def test_an_instant_that_utc_does_not_have_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="date-time"):
        parse_instant(text)


@given(st.integers(min_value=-14 * 60, max_value=14 * 60))
def test_an_offset_is_read_back_as_it_was_written(minutes: int) -> None:
    assert parse_offset(write_offset(timedelta(minutes=minutes))) == timedelta(minutes=minutes)


@given(st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=3650)))
def test_a_duration_is_read_back_as_it_was_written(duration: timedelta) -> None:
    settings = NodeAutoProvisioningSpec(list_cache_duration=duration)
    assert NodeAutoProvisioningSpec.parse(settings.to_manifest()) == settings


@pytest.mark.parametrize(
    ("duration", "text"),
    [
        (timedelta(hours=72), "72h"),
        (timedelta(minutes=30), "30m"),
        (timedelta(hours=1, seconds=5), "1h0m5s"),
        (timedelta(minutes=1, seconds=30), "1m30s"),
        (timedelta(milliseconds=2500), "2.5s"),
        (timedelta(0), "0s"),
    ],
)
def test_a_duration_is_written_in_its_shortest_form(duration: timedelta, text: str) -> None:
    assert write_duration(duration) == text


def models(parent: type[Model] = Model) -> Iterator[type[Model]]:
    for model in parent.__subclasses__():
        yield model
        yield from models(model)


def model_defaults() -> Iterator[tuple[str, Model]]:
    """Every model that is a field's default, or one of several: where, and what."""
    assert {kind.model for kind in (*KINDS, SCENARIO, CHECKS)} <= set(models()), "all of them are loaded"
    for model in models():
        for name, field in model.model_fields.items():
            within = field.default if isinstance(field.default, tuple) else (field.default,)
            yield from ((f"{model.__name__}.{name}", part) for part in within if isinstance(part, Model))


def test_every_default_is_what_its_model_makes_of_it() -> None:
    told = {where: (part, type(part).parse(part.stored(), strict=True)) for where, part in model_defaults()}
    assert {"NodePoolSpec.disruption", "Disruption.budgets", "Timings.launch", "NodePool.metadata"} <= set(told)
    assert [where for where, (part, parsed) in told.items() if part != parsed] == []
    assert [where for where, (part, parsed) in told.items() if part.model_fields_set != parsed.model_fields_set] == []
