"""Image definitions and image ids."""

from __future__ import annotations

import re

import pytest

from napsim.core.definitions import (
    DEFINITIONS,
    Family,
    GalleryKind,
    ImageSelection,
    base_id,
    cig_image_id,
    definitions_for,
    family_of,
    machine_image_version,
    node_image_version_of,
    parse_image_id,
    sig_image_id,
)
from napsim.core.nodeclasses import StatusImage, image_for
from napsim.core.objects import Requirement
from napsim.core.requirements import requirements_of

CIG, SIG = GalleryKind.CIG, GalleryKind.SIG
UBUNTU2204 = ["2204gen2containerd", "2204containerd", "2204gen2arm64containerd"]
UBUNTU2404 = ["2404gen2containerd", "2404containerd", "2404gen2arm64containerd"]


@pytest.mark.parametrize(
    ("selection", "kubernetes", "kind", "expected"),
    [
        pytest.param(ImageSelection("Ubuntu2204"), "1.34.0", CIG, UBUNTU2204, id="nap:L2 Ubuntu2204"),
        pytest.param(ImageSelection("Ubuntu2404"), "1.31.0", CIG, UBUNTU2404, id="nap:L2 Ubuntu2404"),
        pytest.param(
            ImageSelection("AzureLinux"), "1.31.9", CIG, ["V2gen2", "V2", "V2gen2arm64"], id="nap:L2 AzureLinux 1.31"
        ),
        pytest.param(
            ImageSelection("AzureLinux"), "1.32.0", CIG, ["V3gen2", "V3", "V3gen2arm64"], id="nap:L2 AzureLinux 1.32"
        ),
        pytest.param(ImageSelection("Ubuntu"), "1.33.7", CIG, UBUNTU2204, id="Ubuntu below 1.34"),
        pytest.param(ImageSelection(""), "1.34.0", CIG, UBUNTU2404, id="unset from 1.34"),
        pytest.param(ImageSelection("Ubuntu"), "nonsense", CIG, UBUNTU2204, id="a version that does not parse"),
        pytest.param(
            ImageSelection("Ubuntu", fips=True),
            "1.34.0",
            SIG,
            ["2004gen2fipscontainerd", "2004fipscontainerd"],
            id="nap:L4 Ubuntu",
        ),
        pytest.param(ImageSelection("Ubuntu2204", fips=True), "1.33.0", SIG, [], id="nap:L4 Ubuntu2204"),
        pytest.param(
            ImageSelection("Ubuntu2204", fips=True, trusted_launch=True),
            "1.33.0",
            SIG,
            ["2204gen2fipsTLcontainerd"],
            id="nap:L4 Ubuntu2204 TrustedLaunch",
        ),
        pytest.param(
            ImageSelection("Ubuntu", fips=True, trusted_launch=True),
            "1.34.0",
            SIG,
            ["2204gen2fipsTLcontainerd"],
            id="Ubuntu FIPS TrustedLaunch",
        ),
        pytest.param(
            ImageSelection("AzureLinux", fips=True),
            "1.31.0",
            SIG,
            ["V2gen2fips", "V2fips"],
            id="nap:L4 AzureLinux 1.31",
        ),
        pytest.param(
            ImageSelection("AzureLinux", fips=True),
            "1.32.0",
            SIG,
            ["V3gen2fips", "V3fips", "V3gen2arm64fips"],
            id="nap:L4 AzureLinux 1.32",
        ),
        pytest.param(ImageSelection("Ubuntu2404", fips=True), "1.34.0", SIG, [], id="Ubuntu2404 FIPS"),
        pytest.param(ImageSelection("AzureLinux", fips=True), "1.32.0", CIG, [], id="FIPS in the community gallery"),
    ],
)
def test_a_node_class_selects_these_definitions_in_this_order(
    selection: ImageSelection, kubernetes: str, kind: GalleryKind, expected: list[str]
) -> None:
    assert [definition.name for definition in definitions_for(selection, kubernetes, kind)] == expected


@pytest.mark.parametrize("kind", GalleryKind)
@pytest.mark.parametrize(
    ("family", "kubernetes", "expected"),
    [
        pytest.param("Ubuntu2204", "1.33.0", "2204gen2TLcontainerd", id="nap:L3 Ubuntu2204"),
        pytest.param("Ubuntu2404", "1.33.0", "2404gen2TLcontainerd", id="nap:L3 Ubuntu2404"),
        pytest.param("AzureLinux", "1.31.0", "V2gen2TL", id="nap:L3 AzureLinux 1.31"),
        pytest.param("AzureLinux", "1.32.0", "V3gen2TL", id="nap:L3 AzureLinux 1.32"),
        pytest.param("Ubuntu", "1.34.0", "2204gen2TLcontainerd", id="Ubuntu stays on 2204 with TrustedLaunch"),
    ],
)
def test_trusted_launch_selects_a_single_definition(
    family: str, kubernetes: str, expected: str, kind: GalleryKind
) -> None:
    selected = definitions_for(ImageSelection(family, trusted_launch=True), kubernetes, kind)
    assert [definition.name for definition in selected] == [expected]


def test_each_definition_asks_for_an_architecture_and_a_generation() -> None:
    facts = {
        definition.name: tuple(requirement.values[0] for requirement in definition.requirements)
        for definition in DEFINITIONS.values()
    }
    assert facts["2204gen2containerd"] == ("amd64", "2")
    assert facts["2204containerd"] == ("amd64", "1")
    assert facts["2204gen2arm64containerd"] == ("arm64", "2")
    assert facts["V3"] == ("amd64", "1")
    assert facts["V3gen2arm64fips"] == ("arm64", "2")
    assert {name for name, (arch, _) in facts.items() if arch == "arm64"} == {n for n in facts if "arm64" in n}
    assert {name for name, (_, generation) in facts.items() if generation == "2"} == {n for n in facts if "gen2" in n}


def test_requirements_stand_in_the_order_of_the_status() -> None:
    keys = [requirement.key for requirement in DEFINITIONS["V3"].requirements]
    assert keys == sorted(keys, key=lambda key: (len(key), key))


def test_the_family_is_the_effective_os_sku() -> None:
    assert family_of(ImageSelection("AzureLinux"), "1.33.1") is Family.AZURE_LINUX3
    assert family_of(ImageSelection("Ubuntu", fips=True), "1.34.0") is Family.UBUNTU2004


CIG_ID = (
    "/CommunityGalleries/AKSUbuntu-38d80f77-467a-481f-a8d4-09b6d4220bd2/images/2204gen2containerd/versions/202410.27.0"
)
SIG_ID = (
    "/subscriptions/10945678-1234-1234-1234-123456789012/resourceGroups/AKS-Ubuntu/providers/Microsoft.Compute"
    "/galleries/AKSUbuntu/images/2204gen2containerd/versions/202410.27.0"
)


def test_an_image_has_a_community_id_a_shared_id_and_a_label() -> None:
    definition = DEFINITIONS["2204gen2containerd"]
    assert cig_image_id(definition, "202410.27.0") == CIG_ID
    assert sig_image_id(definition, "202410.27.0", "10945678-1234-1234-1234-123456789012") == SIG_ID
    assert node_image_version_of(CIG_ID) == "AKSUbuntu-2204gen2containerd-202410.27.0"
    azure_linux = cig_image_id(DEFINITIONS["V3gen2"], "202512.18.0")
    assert node_image_version_of(azure_linux) == "AKSAzureLinux-V3gen2-202512.18.0"


@pytest.mark.parametrize("image_id", [CIG_ID, SIG_ID])
def test_both_ids_give_the_same_label_and_parts(image_id: str) -> None:
    assert node_image_version_of(image_id) == "AKSUbuntu-2204gen2containerd-202410.27.0"
    parts = parse_image_id(image_id)
    assert (parts.definition, parts.version) == ("2204gen2containerd", "202410.27.0")
    assert f"{base_id(image_id)}/versions/{parts.version}" == image_id


def test_what_is_no_gallery_id_is_named_in_the_error() -> None:
    with pytest.raises(ValueError, match=r"'/images/x' is neither /CommunityGalleries/"):
        parse_image_id("/images/x")


def _sig(**parts: str) -> str:
    filled = {"subscription": "s-1", "provider": "Microsoft.Compute", "gallery": "AKSUbuntu"}
    filled |= {"definition": "2204gen2containerd", "version": "2022.10.03"} | parts
    return (
        "/subscriptions/{subscription}/resourceGroups/AKS-Ubuntu/providers/{provider}/galleries/{gallery}"
        "/images/{definition}/versions/{version}"
    ).format_map(filled)


@pytest.mark.parametrize(
    ("image_id", "expected"),
    [
        pytest.param(_sig(), "AKSUbuntu-2204gen2containerd-2022.10.03", id="nap:I1"),
        pytest.param(
            _sig(gallery="MyGallery", definition="ubuntu1804", version="1.0.0"),
            "MyGallery-ubuntu1804-1.0.0",
            id="nap:I2",
        ),
        pytest.param(_sig().upper(), "AKSUBUNTU-2204GEN2CONTAINERD-2022.10.03", id="in any case"),
    ],
)
def test_a_shared_gallery_id_has_a_machine_api_form(image_id: str, expected: str) -> None:
    assert machine_image_version(image_id) == expected


@pytest.mark.parametrize(
    ("image_id", "error"),
    [
        pytest.param(
            CIG_ID,
            "CIG images are not supported yet for AKS machines, consider not using an AKS Machine API provision mode: "
            + CIG_ID,
            id="nap:I5",
        ),
        *(
            pytest.param(image_id, f"incorrect SIG image ID id={image_id}", id=row)
            for row, image_id in (
                ("nap:I6", _sig().removeprefix("/subscriptions/s-1")),
                ("nap:I7", _sig().removesuffix("/versions/2022.10.03")),
                ("nap:I8", _sig(provider="Microsoft.Storage")),
                ("nap:I9", "garbage"),
            )
        ),
    ],
)
def test_another_id_has_no_machine_api_form(image_id: str, error: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(error)}$"):
        machine_image_version(image_id)


@pytest.mark.parametrize(
    ("arch", "generations", "expected"),
    [
        ("amd64", ("1", "2"), "2204gen2containerd"),
        ("amd64", ("1",), "2204containerd"),
        ("arm64", ("2",), "2204gen2arm64containerd"),
        ("arm64", ("1",), None),
    ],
)
def test_an_instance_type_gets_the_first_image_that_it_can_boot(
    arch: str, generations: tuple[str, ...], expected: str | None
) -> None:
    images = [
        StatusImage(definition.name, definition.requirements)
        for definition in definitions_for(ImageSelection("Ubuntu2204"), "1.33.0", CIG)
    ]
    instance_type = requirements_of(
        [
            Requirement("kubernetes.io/arch", "In", (arch,)),
            Requirement("karpenter.azure.com/sku-hyperv-generation", "In", generations),
        ]
    )
    found = image_for(images, instance_type)
    assert (found.id if found else None) == expected
