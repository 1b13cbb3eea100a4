"""What ``napsim doctor`` reads of a cluster, and reads it as the operator would. Nothing is written.

A kind that the API server does not let us read, or does not serve, is noted with the reason: the checks that need it
say so. Only when the API server cannot be reached, or does not know us, there is nothing to say.
"""

from __future__ import annotations

from collections.abc import Awaitable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final, TypeVar

import msgspec

import napsim
from napsim.api.crd import custom_resource_definition
from napsim.api.registry import KINDS
from napsim.controllers import resources
from napsim.controllers.declared import Declared
from napsim.controllers.resources import Resource
from napsim.core.objects import KubeObject, Node, NodeClaim, Pod, PodDisruptionBudget
from napsim.core.provisioning import Offer
from napsim.live.client import Client
from napsim.live.errors import ApiError, Forbidden, NotFound
from napsim.live.snapshot import DEPLOYMENTS
from napsim.report.doctor.permissions import (
    DELETE_PODS,
    DRIVING,
    REQUIRED,
    Permission,
    leadership,
    reading_window,
    writing_window,
)
from napsim.report.doctor.readings import OPERATOR, Deployment, Manifest, Readings
from napsim.report.observed import Lease

T = TypeVar("T")
Object = TypeVar("Object", bound=KubeObject)

CRDS: Final = Resource(
    "apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition", namespaced=False
)
ACCESS_REVIEWS: Final = Resource(
    "authorization.k8s.io", "v1", "subjectaccessreviews", "SubjectAccessReview", namespaced=False
)
# The operator's settings come first: with them the others are read.
_DECLARED: Final = (
    resources.NODE_AUTO_PROVISIONINGS,
    resources.NODE_POOLS,
    resources.AKS_NODE_CLASSES,
    resources.NODE_IMAGES,
    resources.MAINTENANCE_CONFIGURATIONS,
)
_KARPENTERS_LEASE: Final = "karpenter-leader-election"
_LEASE_NAMESPACE: Final = "kube-system"


class _Version(msgspec.Struct, frozen=True, rename="camel"):
    git_version: str = ""


class _ReviewStatus(msgspec.Struct, frozen=True):
    allowed: bool = False


class _Review(msgspec.Struct, frozen=True):
    status: _ReviewStatus = _ReviewStatus()


@dataclass(slots=True)
class _Examination:
    """Reads what can be read, and keeps why the rest cannot."""

    client: Client
    absent: set[str] = field(default_factory=set)
    unread: dict[str, str] = field(default_factory=dict)

    async def attempt(self, what: str, reading: Awaitable[T], otherwise: T) -> T:
        """``reading``; ``otherwise``, and the reason, where the API server does not serve it or does not allow it."""
        try:
            return await reading
        except NotFound:
            self.absent.add(what)
        except Forbidden as error:
            self.unread[what] = error.message
        return otherwise

    async def objects(self, resource: Resource, kind: type[Object]) -> tuple[Object, ...]:
        return tuple(await self.attempt(resource.plural, self.client.list_all(resource, kind), []))

    async def declared(self, resource: Resource) -> list[Manifest]:
        return await self.attempt(resource.plural, self._declared(resource), [])

    async def _declared(self, resource: Resource) -> list[Manifest]:
        return list(await self.client.list_all(resource, dict[str, Any]))

    async def crds(self) -> tuple[Manifest, ...]:
        found: list[Manifest] = []
        for kind in KINDS:
            try:
                found.append(msgspec.json.decode(await self.client.get(CRDS, "", kind.crd_name), type=dict[str, Any]))
            except NotFound:
                continue  # the check tells which are missing
            except Forbidden as error:
                self.unread["crds"] = error.message
        return tuple(found)

    async def readiness(self) -> str:
        """What is wrong with it; empty if nothing is."""
        try:
            await self.client.get_path("/readyz")
        except ApiError as error:
            return str(error)
        return ""

    async def may(self, user: str, wanted: Sequence[Permission]) -> dict[str, bool]:
        """Whether ``user`` has each permission."""
        return await self.attempt(ACCESS_REVIEWS.plural, self._may(user, wanted), {})

    async def _may(self, user: str, wanted: Sequence[Permission]) -> dict[str, bool]:
        return {str(item): await self._asked(user, item) for item in wanted}

    async def _asked(self, user: str, wanted: Permission) -> bool:
        resource, _, subresource = wanted.resource.partition("/")
        attributes = {
            "verb": wanted.verb,
            "group": wanted.group,
            "resource": resource,
            "subresource": subresource,
            "namespace": wanted.namespace,
            "name": wanted.name,
        }
        review = {
            "apiVersion": ACCESS_REVIEWS.api_version,
            "kind": ACCESS_REVIEWS.kind,
            "spec": {"user": user, "groups": _groups(user), "resourceAttributes": attributes},
        }
        answer = await self.client.create(ACCESS_REVIEWS, "", msgspec.json.encode(review))
        return msgspec.json.decode(answer, type=_Review).status.allowed


def _groups(user: str) -> list[str]:
    """The groups that the API server puts a ServiceAccount into."""
    namespace = user.split(":")[2]
    return ["system:serviceaccounts", f"system:serviceaccounts:{namespace}", "system:authenticated"]


async def server_version(client: Client) -> str:
    """The API server's version, such as ``v1.36.3``."""
    return msgspec.json.decode(await client.get_path("/version"), type=_Version).git_version


async def deployments(client: Client, namespace: str) -> tuple[Deployment, ...]:
    return tuple(await client.list_all(DEPLOYMENTS, Deployment, namespace=namespace))


async def operator_leases(client: Client, operators: Iterable[Deployment], namespace: str) -> tuple[Lease, ...]:
    """Those that an operator leads by: of the usual name, or of the name that a Deployment was given."""
    names = {OPERATOR, *(option(item, "--lease-name", OPERATOR) for item in operators)}
    return tuple([item for name in sorted(names) for item in await _leases(client, name, namespace)])


async def _leases(client: Client, name: str, namespace: str = "") -> list[Lease]:
    selectors = {"fieldSelector": f"metadata.name={name}"}
    return await client.list_all(resources.LEASES, Lease, namespace=namespace, selectors=selectors)


async def examined(client: Client, server: str, namespace: str, real: datetime) -> Readings:
    """All that the checks need. ``namespace``: where the operator is looked for; "" is everywhere.

    Raises TransportError when the API server cannot be reached, and ApiError when it does not know us or fails.
    """
    found = _Examination(client)
    version = await server_version(client)
    deployed = await found.attempt(DEPLOYMENTS.plural, deployments(client, namespace), ())
    operators = [item for item in deployed if item.is_operator]
    manifests = [item for resource in _DECLARED for item in await found.declared(resource)]
    readings = Readings(
        real=real,
        server=server,
        version=napsim.__version__,
        server_version=version,
        ready=await found.readiness(),
        crds=await found.crds(),
        shipped=tuple(custom_resource_definition(kind) for kind in KINDS),
        nodes=await found.objects(resources.NODES, Node),
        claims=await found.objects(resources.NODE_CLAIMS, NodeClaim),
        pods=await found.objects(resources.PODS, Pod),
        pdbs=await found.objects(resources.POD_DISRUPTION_BUDGETS, PodDisruptionBudget),
        leases=await found.attempt(resources.LEASES.plural, operator_leases(client, operators, namespace), ()),
        rivals=tuple(await found.attempt(resources.LEASES.plural, _leases(client, _KARPENTERS_LEASE), [])),
        deployments=deployed,
        manifests=tuple(manifests),
    )
    readings = await _with_permissions(found, interpreted(readings))
    return replace(readings, absent=frozenset(found.absent), unread=found.unread)


async def _with_permissions(found: _Examination, readings: Readings) -> Readings:
    if not readings.operators:
        return readings
    operator = readings.operators[0]
    namespace = operator.metadata.namespace
    user = f"system:serviceaccount:{namespace}:{operator.spec.template.spec.service_account_name}"
    lease_namespace = option(operator, "--lease-namespace", _LEASE_NAMESPACE)
    leading = leadership(lease_namespace, option(operator, "--lease-name", OPERATOR))
    system_namespace = option(operator, "--system-namespace", "")
    if has_option(operator, "--drive"):
        wanted = [*DRIVING, *writing_window(system_namespace), *leading]
        return replace(readings, service_account=user, allowed=await found.may(user, wanted))
    wanted = [*REQUIRED, *(reading_window(system_namespace) if system_namespace else ()), *leading]
    if any(pool.spec.template.spec.termination_grace_period for pool in readings.pools.values()):
        wanted.append(DELETE_PODS)
    return replace(readings, service_account=user, allowed=await found.may(user, wanted))


def has_option(deployment: Deployment, name: str) -> bool:
    """Whether a command line option without a value is among those of the Deployment's containers."""
    return any(name in container.args for container in deployment.spec.template.spec.containers)


def option(deployment: Deployment, name: str, default: str) -> str:
    """The value of a command line option of the Deployment's containers: ``--name=value`` or ``--name value``."""
    words = [word for container in deployment.spec.template.spec.containers for word in container.args]
    for index, word in enumerate(words):
        if word.startswith(f"{name}="):
            return word.partition("=")[2]
        if word == name and index + 1 < len(words):
            return words[index + 1]
    return default


def interpreted(readings: Readings) -> Readings:
    """With the applied objects as the operator reads them: what it can use, and what is wrong with the rest."""
    declared = Declared(server_version=readings.server_version.removeprefix("v"))
    for manifest in readings.manifests:
        declared.take(manifest, readings.now)
    return replace(
        readings,
        pools={name: entry.pool for name, entry in declared.pools.items()},
        classes={name: entry.state for name, entry in declared.node_classes.items()},
        offers=dict(_offers(declared)),
        homes={name: home for name in declared.pools if (home := declared.home(name)) is not None},
        catalogue=declared.catalogue,
        problems=dict(declared.problems),
        kubernetes_version=declared.kubernetes_version,
        fallback_mode=declared.settings.fallback_mode,
        gallery=declared.settings.pickup.kind,
        window_settings=declared.settings.windows,
    )


def _offers(declared: Declared) -> Iterator[tuple[str, Offer]]:
    for name, entry in declared.pools.items():
        if entry.pool.spec.template.spec.node_class_ref.name in declared.node_classes:
            yield name, declared.offer(entry)
