"""What the chart's rules grant, looked at without a cluster: nothing dangerous, and what the docs say."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import pytest

from napsim.core.published_windows import CONFIG_MAP
from napsim.report.doctor.permissions import (
    DELETE_PODS,
    DRIVING,
    REQUIRED,
    Permission,
    leadership,
    reading_window,
    writing_window,
)
from tests.e2e import rbac
from tests.e2e.auditor.access import Account

DOCS: Final = Path(__file__).parents[2] / "docs/rbac.md"
ACCOUNTS: Final = [pytest.param(account, id=account.name) for account in rbac.ACCOUNTS]
VERBS: Final = frozenset({"get", "list", "watch", "create", "patch", "delete"})
WRITES: Final = VERBS - {"get", "list", "watch"}
GROUPS: Final = frozenset(
    {
        "",
        "apps",
        "coordination.k8s.io",
        "events.k8s.io",
        "karpenter.azure.com",
        "karpenter.sh",
        "napsim.dev",
        "policy",
        "storage.k8s.io",
    }
)
_ROW: Final = re.compile(r"^\| (?P<group>[^|]+) \| (?P<resources>[^|]+) \| (?P<verbs>[^|]+) \| (?P<why>[^|]+) \|$")


def of(account: Account, resource: str) -> set[str]:
    """The verbs that the account has on a resource."""
    return {grant.verb for grant in rbac.grants(account) if grant.resource == resource}


@pytest.mark.parametrize("account", ACCOUNTS)
def test_there_are_rules_and_each_names_known_groups_and_verbs(account: Account) -> None:
    grants = rbac.grants(account)
    assert len(grants) > 3
    assert {grant.verb for grant in grants} <= VERBS
    assert {grant.group for grant in grants} <= GROUPS


@pytest.mark.parametrize("account", ACCOUNTS)
def test_there_is_no_wildcard_and_nothing_that_leads_to_other_rights(account: Account) -> None:
    grants = rbac.grants(account)
    assert not [grant for grant in grants if "*" in (*grant, *grant.names)]
    dangerous = {"secrets", "pods/exec", "pods/attach", "pods/portforward", "nodes/proxy"}
    dangerous |= {"serviceaccounts", "serviceaccounts/token", "certificatesigningrequests"}
    assert not {grant.resource for grant in grants} & dangerous
    assert not [grant for grant in grants if grant.resource.startswith("/")], "paths come with system:discovery"


@pytest.mark.parametrize("template", [rbac.TEMPLATE, rbac.DRIVE], ids=lambda template: template.stem)
def test_of_all_config_maps_it_is_about_the_one_with_the_window(template: Path) -> None:
    grants = [grant for grant in rbac.grants(rbac.OPERATOR, template) if grant.resource == "configmaps"]
    assert {grant.verb for grant in grants} & WRITES == ({"create", "patch"} if template == rbac.DRIVE else set())
    assert {grant.namespace for grant in grants} == {rbac.SYSTEM_NAMESPACE}
    assert {grant.names for grant in grants if grant.verb != "create"} == {(CONFIG_MAP,)}


def test_in_drive_mode_it_sees_no_nodes_pods_pools_or_claims() -> None:
    grants = rbac.grants(rbac.OPERATOR, rbac.DRIVE)
    statuses = {"maintenanceconfigurations/status", "nodeautoprovisionings/status"}
    seen = {"maintenanceconfigurations", "nodeautoprovisionings", "configmaps", "leases", "events"} | statuses
    assert {grant.resource for grant in grants} == seen
    assert {grant.resource for grant in grants if grant.verb in WRITES} == {"configmaps", "leases", "events"} | statuses


def test_pods_are_evicted_and_deleted_and_neither_made_nor_changed() -> None:
    assert of(rbac.OPERATOR, "pods") & WRITES == {"delete"}
    assert of(rbac.OPERATOR, "pods/eviction") == {"create"}


def test_of_what_people_declare_in_napsims_kinds_the_status_alone_is_written() -> None:
    ours = [grant for grant in rbac.grants() if grant.group == "napsim.dev" and grant.verb in WRITES]
    assert ours
    assert all(grant.resource.endswith("/status") for grant in ours)


@pytest.mark.parametrize("account", ACCOUNTS)
def test_every_grant_on_leases_is_in_the_release_s_namespace_and_by_name_but_for_create(account: Account) -> None:
    leases = [grant for grant in rbac.grants(account) if grant.resource == "leases"]
    assert all(grant.namespace == rbac.NAMESPACE for grant in leases)
    assert all(grant.names == (rbac.LEASE_NAME,) for grant in leases if grant.verb != "create")


def test_every_role_is_bound_once_and_to_one_of_the_chart_s_accounts() -> None:
    objects = rbac.manifests()
    roles = sorted((item["kind"], item["metadata"]["name"]) for item in objects if "rules" in item)
    bound = sorted((item["roleRef"]["kind"], item["roleRef"]["name"]) for item in objects if "roleRef" in item)
    assert roles == bound
    subjects = {
        (subject["kind"], Account(subject["namespace"], subject["name"]))
        for item in objects
        for subject in item.get("subjects", ())
    }
    assert subjects == {("ServiceAccount", account) for account in rbac.ACCOUNTS}


def test_no_two_rules_grant_the_same() -> None:
    for item in rbac.manifests():
        if "rules" not in item:
            continue
        rules = [row for rule in item["rules"] for row in _single(rule)]
        assert len(rules) == len(set(rules)), item["metadata"]["name"]


def _single(rule: rbac.Manifest) -> Iterator[tuple[str, str, str]]:
    for group in rule["apiGroups"]:
        for resource in rule["resources"]:
            yield from ((group, resource, verb) for verb in rule["verbs"])


def test_napsim_doctor_asks_for_what_the_chart_grants() -> None:
    leading = leadership(rbac.NAMESPACE, rbac.LEASE_NAME)
    reading, writing = reading_window(rbac.SYSTEM_NAMESPACE), writing_window(rbac.SYSTEM_NAMESPACE)
    assert granted(rbac.TEMPLATE) == asked_for((*REQUIRED, DELETE_PODS, *reading, *leading))
    assert granted(rbac.DRIVE) == asked_for((*DRIVING, *writing, *leading))


def asked_for(permissions: Iterable[Permission]) -> set[tuple[str, ...]]:
    return {(item.namespace, item.group, item.resource, item.verb, item.name) for item in permissions}


def granted(template: Path) -> set[tuple[str, ...]]:
    return {(*grant[1:5], *(grant.names or ("",))) for grant in rbac.grants(rbac.OPERATOR, template)}


def test_the_docs_have_a_row_with_a_reason_for_every_rule_in_its_order() -> None:
    rows = [
        found for line in DOCS.read_text().splitlines() if (found := _ROW.match(line)) and found["group"] != "Group"
    ]
    told = [(row["group"], row["resources"], row["verbs"]) for row in rows]
    objects = (*rbac.manifests(), *rbac.manifests(rbac.DRIVE))
    rules = [rule for item in objects for rule in item.get("rules", ())]
    assert told == list(rbac.table(rules))
    assert all(len(row["why"]) > 20 for row in rows)
