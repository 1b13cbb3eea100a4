"""What a user asked for is read from the log, and compared with the rules that it has."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.auditor.access import Access, Account, Grant, beyond, bound_to, grants_of, requests_of, unused

ACCOUNT = Account("napsim-system", "napsim")
CLUSTER, LEASES = "ClusterRole napsim", "Role napsim"

Manifest = dict[str, Any]


def line(verb: str, uri: str, *, ref: Manifest | None = None, **more: Any) -> str:
    """A line of the log, as kube-apiserver v1.36 writes it for a request that the ClusterRole allowed."""
    event: Manifest = {
        "kind": "Event",
        "apiVersion": "audit.k8s.io/v1",
        "level": "Metadata",
        "stage": "ResponseComplete",
        "requestURI": uri,
        "verb": verb,
        "user": {"username": ACCOUNT.user, "groups": ["system:serviceaccounts", "system:authenticated"]},
        "userAgent": "napsim/0.1.0 (one)",
        "responseStatus": {"metadata": {}, "code": 200},
        "requestReceivedTimestamp": "2026-11-02T22:00:00.000000Z",
        "stageTimestamp": "2026-11-02T22:00:00.003000Z",
        "annotations": allowed("ClusterRoleBinding", "napsim", "ClusterRole", "napsim"),
    }
    event |= {"objectRef": {"apiVersion": "v1", **ref}} if ref else {}
    return json.dumps(event | more, separators=(",", ":"))


def allowed(binding_kind: str, binding: str, kind: str, name: str) -> dict[str, str]:
    reason = f'RBAC: allowed by {binding_kind} "{binding}" of {kind} "{name}" to ServiceAccount "napsim/napsim-system"'
    return {"authorization.k8s.io/decision": "allow", "authorization.k8s.io/reason": reason}


def refused(reason: str = "") -> dict[str, str]:
    return {"authorization.k8s.io/decision": "forbid", "authorization.k8s.io/reason": reason}


def log(folder: Path, *lines: str) -> Path:
    path = folder / "audit.log"
    path.write_text("".join(f"{item}\n" for item in lines))
    return path


def role(kind: str, rules: list[Manifest], namespace: str = "", name: str = "napsim") -> list[Manifest]:
    """A role and its binding to the account."""
    place = {"namespace": namespace} if namespace else {}
    subject = {"kind": "ServiceAccount", "name": ACCOUNT.name, "namespace": ACCOUNT.namespace}
    return [
        {"kind": kind, "metadata": {"name": name, **place}, "rules": rules},
        {
            "kind": f"{kind}Binding",
            "metadata": {"name": name, **place},
            "roleRef": {"kind": kind, "name": name},
            "subjects": [subject],
        },
    ]


PODS = {"apiGroups": [""], "resources": ["pods", "pods/eviction"], "verbs": ["list", "create"]}
LEASE = {
    "apiGroups": ["coordination.k8s.io"],
    "resources": ["leases"],
    "resourceNames": ["napsim"],
    "verbs": ["get"],
}


# --- what was asked for -----------------------------------------------------------------------------------------------


def test_each_kind_of_request_is_told_once_with_the_role_that_allowed_it(tmp_path: Path) -> None:
    eviction = {"resource": "pods", "subresource": "eviction", "namespace": "shop", "name": "web-1"}
    lease = {"resource": "leases", "apiGroup": "coordination.k8s.io", "namespace": "napsim-system", "name": "napsim"}
    path = log(
        tmp_path,
        line("create", "/api/v1/namespaces/shop/pods/web-1/eviction", ref=eviction),
        line("create", "/api/v1/namespaces/shop/pods/web-2/eviction", ref=eviction | {"name": "web-2"}),
        line("get", "/x", ref=lease, annotations=allowed("RoleBinding", "napsim/napsim-system", "Role", "napsim")),
        line("get", "/version?timeout=5s", annotations=allowed("ClusterRoleBinding", "a", "ClusterRole", "b:c")),
    )
    found = requests_of(path, ACCOUNT)
    assert found.refused == ()
    assert found.allowed == {
        Access("create", "", "pods/eviction", "shop", CLUSTER),
        Access("get", "coordination.k8s.io", "leases", "napsim-system", LEASES),
        Access("get", "", "/version", "", "ClusterRole b:c"),
    }
    assert {access.resource for access in found.allowed if access.is_path} == {"/version"}


def test_a_watch_counts_before_it_ends_and_a_request_that_failed_was_allowed_all_the_same(tmp_path: Path) -> None:
    path = log(
        tmp_path,
        line("watch", "/api/v1/nodes?watch=1", ref={"resource": "nodes"}, stage="ResponseStarted"),
        line("delete", "/x", ref={"resource": "nodes", "name": "n"}, responseStatus={"metadata": {}, "code": 409}),
        line("patch", "/x?dryRun=All", ref={"resource": "nodes", "name": "n"}),
    )
    assert {access.verb for access in requests_of(path, ACCOUNT).allowed} == {"watch", "delete", "patch"}


def test_others_requests_are_others(tmp_path: Path) -> None:
    admin = {"username": "admin", "extra": {"note": [ACCOUNT.user]}}
    path = log(tmp_path, line("list", "/x", ref={"resource": "secrets"}, user=admin))
    assert requests_of(path, ACCOUNT).allowed == frozenset()


def test_a_refusal_is_told_with_what_was_asked_for_by_whom_when_and_why(tmp_path: Path) -> None:
    ref = {"resource": "nodeclaims", "subresource": "status", "apiGroup": "karpenter.sh", "name": "a"}
    path = log(
        tmp_path,
        line("patch", "/apis/karpenter.sh/v1/nodeclaims/a/status?x=y", ref=ref, annotations=refused("no such role")),
        line("patch", "/apis/karpenter.sh/v1/nodeclaims/a/status", ref=ref, annotations=refused("no such role")),
        line("get", "/metrics", annotations=refused()),
    )
    found = requests_of(path, ACCOUNT)
    assert found.allowed == frozenset()
    assert [str(item) for item in found.refused] == [
        (
            "2026-11-02T22:00:00.003000+00:00 napsim/0.1.0 (one): patch nodeclaims.karpenter.sh/status refused "
            "(/apis/karpenter.sh/v1/nodeclaims/a/status): no such role"
        ),
        "2026-11-02T22:00:00.003000+00:00 napsim/0.1.0 (one): get /metrics refused (/metrics): no rule",
    ]


def test_a_line_that_a_killed_api_server_has_torn_is_counted(tmp_path: Path) -> None:
    whole = line("list", "/api/v1/nodes", ref={"resource": "nodes"})
    found = requests_of(log(tmp_path, whole[:-40] + whole, whole), ACCOUNT)
    assert found.torn == 1
    assert len(found.allowed) == 1


# --- what is granted --------------------------------------------------------------------------------------------------


def test_rules_are_taken_apart_into_single_grants() -> None:
    rules = [*role("ClusterRole", [PODS]), *role("Role", [LEASE], "napsim-system")]
    assert sorted(str(grant) for grant in grants_of(rules, ACCOUNT)) == [
        "ClusterRole napsim: create pods",
        "ClusterRole napsim: create pods/eviction",
        "ClusterRole napsim: list pods",
        "ClusterRole napsim: list pods/eviction",
        "Role napsim: get leases.coordination.k8s.io named napsim in napsim-system",
    ]


def test_a_path_is_granted_like_a_resource() -> None:
    (grant,) = grants_of(role("ClusterRole", [{"nonResourceURLs": ["/version"], "verbs": ["get"]}]), ACCOUNT)
    assert not unused([grant], [Access("get", "", "/version", "", CLUSTER)])


def test_roles_of_others_grant_nothing() -> None:
    theirs = role("ClusterRole", [PODS], name="theirs")
    theirs[1]["subjects"] = [{"kind": "ServiceAccount", "name": "napsim", "namespace": "elsewhere"}]
    ours = role("Role", [LEASE], "napsim-system")
    assert {grant.role for grant in grants_of([*theirs, *ours], ACCOUNT)} == {LEASES}
    assert bound_to([*theirs, *ours], ACCOUNT) == ours


def test_a_binding_of_a_role_that_is_not_there_is_named() -> None:
    (_, binding) = role("ClusterRole", [PODS])
    with pytest.raises(LookupError, match="ClusterRoleBinding napsim binds ClusterRole napsim, which is not here"):
        grants_of([binding], ACCOUNT)


# --- one beside the other ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("access", "used"),
    [
        pytest.param(Access("create", "", "pods/eviction", "shop", CLUSTER), True, id="used"),
        pytest.param(Access("list", "", "pods/eviction", "shop", CLUSTER), False, id="another verb"),
        pytest.param(Access("create", "", "pods", "shop", CLUSTER), False, id="not the subresource"),
        pytest.param(Access("create", "metrics.k8s.io", "pods/eviction", "shop", CLUSTER), False, id="another group"),
        pytest.param(Access("create", "", "pods/eviction", "shop", LEASES), False, id="another role allowed it"),
    ],
)
def test_a_grant_is_used_by_the_request_that_it_allowed(access: Access, used: bool) -> None:
    grant = Grant(CLUSTER, "", "", "pods/eviction", "create")
    assert unused([grant], [access]) == ([] if used else [grant])


def test_a_grant_in_one_namespace_is_not_used_in_another() -> None:
    grant = Grant(LEASES, "napsim-system", "coordination.k8s.io", "leases", "get", ("napsim",))
    elsewhere = Access("get", "coordination.k8s.io", "leases", "kube-system", LEASES)
    assert unused([grant], [elsewhere]) == [grant]
    assert unused([grant], [elsewhere, elsewhere._replace(namespace="napsim-system")]) == []


@pytest.mark.parametrize(
    ("name", "namespace", "covered"),
    [
        pytest.param("napsim", "napsim-system", True, id="roles not read yet"),
        pytest.param("other", "napsim-system", False, id="another name"),
        pytest.param("napsim", "kube-system", False, id="another namespace"),
    ],
)
def test_a_refusal_of_what_the_rules_cover_is_not_for_want_of_a_rule(
    name: str, namespace: str, covered: bool, tmp_path: Path
) -> None:
    grant = Grant(LEASES, "napsim-system", "coordination.k8s.io", "leases", "get", ("napsim",))
    ref = {"resource": "leases", "apiGroup": "coordination.k8s.io", "namespace": namespace, "name": name}
    refusals = requests_of(log(tmp_path, line("get", "/x", ref=ref, annotations=refused())), ACCOUNT).refused
    assert beyond([grant], refusals) == ([] if covered else list(refusals))


@pytest.mark.parametrize(
    ("verb", "path", "covered"),
    [
        pytest.param("get", "/apis/karpenter.sh/v1", True, id="discovery"),
        pytest.param("get", "/version", True, id="version"),
        pytest.param("get", "/versions", False, id="another path"),
        pytest.param("get", "/metrics", False, id="metrics"),
        pytest.param("post", "/version", False, id="another verb"),
    ],
)
def test_a_refusal_of_what_kubernetes_lets_everybody_read_is_not_for_want_of_a_rule(
    verb: str, path: str, covered: bool, tmp_path: Path
) -> None:
    refusals = requests_of(log(tmp_path, line(verb, path, annotations=refused())), ACCOUNT).refused
    assert beyond([], refusals) == ([] if covered else list(refusals))
