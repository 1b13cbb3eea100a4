"""A registry of images and charts on this machine: what a release pushes, others can pull."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.request import Request, urlopen

from tests.packaging.repository import ROOT

_SERVING: Final = re.compile(r"serving on port (\d+)")
_MANIFESTS: Final = "application/vnd.oci.image.manifest.v1+json"


@dataclass(frozen=True, slots=True)
class Registry:
    """``host`` is how images and charts name it; it speaks HTTP without TLS, and asks nobody who they are."""

    host: str

    def digest(self, name: str, tag: str) -> str:
        """Of what a tag names, as the registry says. Raises HTTPError where there is no such tag."""
        address = f"http://{self.host}/v2/{name}/manifests/{tag}"
        request = Request(address, headers={"Accept": _MANIFESTS}, method="HEAD")
        with urlopen(request, timeout=10) as answer:  # noqa: S310 - an address of this machine
            told: str = answer.headers["Docker-Content-Digest"]
        return told


@contextmanager
def a_registry(folder: Path) -> Iterator[Registry]:
    """One that is gone afterwards, with all it has; it is built in ``folder``."""
    subprocess.run([ROOT / "hack/registry/build", folder], check=True, capture_output=True, text=True)
    # Port 0: one that is free. What it says later, a line for each request, is far less than a pipe holds.
    with subprocess.Popen([folder / "registry", "-port", "0"], stderr=subprocess.PIPE, text=True) as process:
        try:
            yield Registry(f"localhost:{_port(process)}")
        finally:
            process.terminate()


def _port(process: subprocess.Popen[str]) -> str:
    assert process.stderr is not None
    for line in process.stderr:
        if found := _SERVING.search(line):
            return found[1]
    raise AssertionError("the registry ended before it served anything")
