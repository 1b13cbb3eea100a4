"""Write what napsim is installed with as a CycloneDX document: each pinned package, its version and its licence.

Usage: sbom.py FILE. What is pinned is requirements/runtime.txt. The document has no time, and its serial number is made
of all that it says, so that the same pins give the same bytes.
"""

from __future__ import annotations

import json
import re
import sys
import uuid
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import Any, Final

from hack.licences import licence
from hack.release import release_of

ROOT: Final = Path(__file__).resolve().parents[1]
_PIN: Final = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)==(?P<version>[^\s;]+)", re.MULTILINE)


def document(root: Path) -> dict[str, Any]:
    """The document. Its shape is that of CycloneDX 1.6.

    The serial number, which CycloneDX does not ask for, is what actions/attest-sbom knows such a document by.
    """
    told = _told(root)
    serial = uuid.uuid5(uuid.NAMESPACE_URL, f"{told['$schema']}#{json.dumps(told, sort_keys=True)}")
    return {**told, "serialNumber": f"urn:uuid:{serial}"}


def _told(root: Path) -> dict[str, Any]:
    pins = [(match["name"].lower(), match["version"]) for match in _PIN.finditer(_requirements(root))]
    version = release_of(root).python
    napsim = {**component("napsim", version), "type": "application", "licenses": [{"expression": "Apache-2.0"}]}
    components = [component(name, number) for name, number in pins]
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": napsim},
        "components": components,
        "dependencies": [{"ref": napsim["bom-ref"], "dependsOn": [item["bom-ref"] for item in components]}],
    }


def component(name: str, version: str) -> dict[str, object]:
    """One package; without a licence where it is not installed here, as it is for another platform."""
    purl = f"pkg:pypi/{name}@{version}"
    item: dict[str, object] = {"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl}
    try:
        item["licenses"] = [{"expression": licence(name)}]
    except PackageNotFoundError:
        return item
    return item


def _requirements(root: Path) -> str:
    return (root / "requirements/runtime.txt").read_text()


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(json.dumps(document(ROOT), indent=2) + "\n")
