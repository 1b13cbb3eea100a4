"""What Argo CD and Flux make of an object: their own languages, run on the files in ``hack/``."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any, Final

import cel
import yaml
from lupa import lua51

Manifest = dict[str, Any]
DOCS: Final = Path(__file__).parents[2] / "docs"
ARGO_CD: Final = DOCS / "argocd"
# What Argo CD opens of Lua 5.1 for health checks.
_CLOSED: Final = ("python", "io", "os", "require", "dofile", "loadfile", "load", "loadstring", "package", "debug")


def argo_cd(manifest: Manifest) -> tuple[str, str]:
    """(status, message) by the kind's health.lua."""
    group = manifest["apiVersion"].partition("/")[0]
    script = (ARGO_CD / group / manifest["kind"] / "health.lua").read_text()
    runtime = lua51.LuaRuntime(unpack_returned_tuples=False)
    for name in _CLOSED:
        runtime.globals()[name] = None
    runtime.globals()["obj"] = runtime.table_from(manifest, recursive=True)
    found: Any = runtime.execute(script)
    return str(found["status"]), str(found["message"])


@cache
def expressions() -> dict[tuple[str, str], Manifest]:
    """The entries of healthCheckExprs by apiVersion and kind."""
    spec = yaml.safe_load((DOCS / "flux" / "kustomization.yaml").read_text())["spec"]
    return {(entry["apiVersion"], entry["kind"]): entry for entry in spec["healthCheckExprs"]}


def flux(manifest: Manifest) -> str:
    """InProgress, Failed, Current, or Unknown where an expression cannot be evaluated.

    By Flux's rules (fluxcd/pkg runtime v0.60.0 cel/status_evaluator.go, RFC 0009): an older observedGeneration is
    InProgress; then the first of the expressions that holds, in this order; none is InProgress too.
    """
    status, generation = manifest.get("status", {}), manifest["metadata"]["generation"]
    if status.get("observedGeneration", generation) != generation:
        return "InProgress"
    entry = expressions()[manifest["apiVersion"], manifest["kind"]]
    for outcome in ("inProgress", "failed", "current"):
        try:
            if cel.evaluate(entry[outcome], manifest) is True:
                return outcome[0].upper() + outcome[1:]
        except RuntimeError:
            return "Unknown"
    return "InProgress"
