"""Sizes: what they offer, what is kept, which labels they carry; and the Node of an instance."""

from __future__ import annotations

import pytest

from napsim.api import names
from napsim.core.instances import CLOUD_UNINITIALIZED, UNREGISTERED, aks_node_of, created_annotation, provider_id
from napsim.core.instancetypes import (
    GIB,
    INSTANCE_TYPES,
    MIB,
    InstanceType,
    quantities,
    reserved_memory_bytes,
    reserved_millicores,
)
from napsim.core.objects import Taint
from napsim.core.resources import CPU, MEMORY, PODS, amounts, fits
from tests.core.examples import NOW, claim

D4 = INSTANCE_TYPES["Standard_D4s_v5"]


@pytest.mark.parametrize(
    ("vcpus", "millicores"),
    [(1, 60), (2, 100), (4, 140), (8, 180), (16, 260), (20, 300), (32, 420), (64, 740), (96, 1060)],
)
def test_how_much_cpu_is_kept(vcpus: int, millicores: int) -> None:
    assert reserved_millicores(vcpus) == millicores


@pytest.mark.parametrize(("gib", "kept_gib"), [(4, 1), (8, 1.8), (16, 2.6), (128, 9.32), (228, 11.32)])
def test_memory_is_kept_in_falling_shares(gib: float, kept_gib: float) -> None:
    assert reserved_memory_bytes(gib) == pytest.approx(kept_gib * GIB, abs=1)


def test_what_a_node_of_four_cores_offers() -> None:
    assert D4.capacity() == {
        CPU: 4000,
        MEMORY: int(16 * GIB * 0.925) // MIB * MIB,
        "ephemeral-storage": 128 * 10**9,
        PODS: 110,
    }
    allocatable = D4.allocatable(max_pods=30, os_disk_gb=64)
    assert allocatable[CPU] == 3860
    assert allocatable[PODS] == 30
    assert allocatable["ephemeral-storage"] == 64 * 10**9
    assert allocatable[MEMORY] % MIB == 0


@pytest.mark.parametrize("size", INSTANCE_TYPES.values(), ids=lambda size: size.name)
def test_every_size_is_whole(size: InstanceType) -> None:
    assert fits(size.allocatable(), size.capacity())
    assert size.allocatable()[MEMORY] > 0
    assert INSTANCE_TYPES[size.name] is size
    assert size.labels()[names.INSTANCE_TYPE] == size.name
    assert amounts(quantities(size.capacity())) == size.capacity()
    assert all(len(value) <= 63 for value in size.labels().values())


def test_a_gpu_size_says_so() -> None:
    gpu = INSTANCE_TYPES["Standard_NC64as_T4_v3"]
    assert gpu.capacity()["nvidia.com/gpu"] == 4
    assert gpu.labels()["karpenter.azure.com/sku-gpu-name"] == "T4"
    assert "karpenter.azure.com/sku-gpu-name" not in D4.labels()
    assert INSTANCE_TYPES["Standard_D2ps_v5"].labels()[names.ARCH] == "arm64"


def test_the_node_of_an_instance_comes_with_all_taints_and_unregistered() -> None:
    own, startup = Taint("t", "NoSchedule"), Taint("s", "NoExecute")
    node = aks_node_of(claim("c", taints=(own,), startup_taints=(startup,)), "v1", "1.33.0", {names.AKS_MODE: "user"})
    assert node.spec.taints == (own, startup, UNREGISTERED, CLOUD_UNINITIALIZED)
    assert node.name == node.metadata.labels[names.HOSTNAME] == "aks-c"
    assert node.metadata.labels[names.NODE_IMAGE_VERSION] == "v1"
    assert node.metadata.labels[names.AKS_MODE] == "user"
    assert names.INITIALIZED not in node.metadata.labels
    assert node.spec.provider_id == "napsim://c"
    assert node.status.node_info.kubelet_version == "v1.33.0"
    assert node.metadata.annotations == {names.KWOK_NODE: "fake"}


def test_a_provider_id_never_comes_twice() -> None:
    assert provider_id(claim("c", uid="1")) != provider_id(claim("c", uid="2"))


def test_an_instance_records_when_it_came_up() -> None:
    assert created_annotation(NOW) == {names.INSTANCE_CREATED_AT: "2026-03-02T09:00:00Z"}
