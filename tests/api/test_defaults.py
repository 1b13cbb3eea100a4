"""What is filled in without an API server is what the CustomResourceDefinitions say."""

from __future__ import annotations

from napsim.api.defaults import generated, kept


def test_the_defaults_that_are_kept_are_those_of_the_models() -> None:
    assert kept() == generated(), "make crds writes them anew"
