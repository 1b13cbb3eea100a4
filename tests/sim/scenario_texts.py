"""Manifests that scenarios in these tests are made of, and the way from text to a scenario."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from napsim.reading.sources import BadInput, Mistake, read
from napsim.sim.composition import Asked, scenario_of
from napsim.sim.scenario import Manifest, Scenario

NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)

POOL = """
apiVersion: karpenter.sh/v1
kind: NodePool
metadata: {name: default}
spec:
  disruption: {consolidateAfter: Never}
  template:
    spec:
      nodeClassRef: {group: karpenter.azure.com, kind: AKSNodeClass, name: default}
      requirements: [{key: karpenter.sh/capacity-type, operator: In, values: [on-demand]}]
"""
NODE_CLASS = """
apiVersion: karpenter.azure.com/v1beta1
kind: AKSNodeClass
metadata: {name: default}
spec: {imageFamily: Ubuntu2404}
"""
CLUSTER = f"{POOL}---{NODE_CLASS}"


def composed(tmp_path: Path, *texts: str, **asked: Any) -> Scenario:
    """The scenario of some texts, each a file of its own."""
    documents, mistakes = read([str(tmp_path)], stdin=str) if _write(tmp_path, texts) else ([], [])
    return scenario_of(documents, Asked(NOW, **asked), mistakes)


def mistakes_in(tmp_path: Path, *texts: str, **asked: Any) -> list[Mistake]:
    """What is wrong with some texts; at least something has to be."""
    with pytest.raises(BadInput) as caught:
        composed(tmp_path, *texts, **asked)
    return list(caught.value.mistakes)


def named(scenario: Scenario, kind: str) -> list[Manifest]:
    """The manifests of one kind."""
    return [manifest for manifest in scenario.manifests if manifest["kind"] == kind]


def _write(folder: Path, texts: tuple[str, ...]) -> bool:
    for number, text in enumerate(texts):
        (folder / f"{number}.yaml").write_text(text, encoding="utf-8")
    return True
