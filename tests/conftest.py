"""What holds for all tests."""

from __future__ import annotations

import os
from typing import Final

import pytest
from hypothesis import HealthCheck, settings

# They start processes, or wait in real time: `make processes` runs them, `make unit` does not.
PROCESSES: Final = (
    "tests/azure/test_azurecli.py",
    "tests/cluster/",
    "tests/cli/test_completion.py",
    "tests/cli/test_kubectl.py",
    "tests/cli/test_operators.py",
    "tests/docs/test_pages.py",
    "tests/live/test_informer.py",
    "tests/live/test_kubeconfig.py",
    "tests/live/test_leadership.py",
    "tests/live/test_release.py",
    "tests/live/test_transport.py",
    "tests/live/test_writer.py",
    "tests/packaging/test_azurecli.py",
    "tests/packaging/test_pipx.py",
    "tests/packaging/test_release_workflow.py",
    "tests/packaging/test_wheel.py",
    "tests/rbac/",
    "tests/sim/test_determinism.py",
)
PROCESS_TESTS: Final = (
    "test_neither_hash_order_nor_the_time_zone_of_the_machine_changes_a_byte",
    "test_many_seeds_run_in_processes_and_come_to_quantiles",
    "test_what_a_simulation_needs_is_not_loaded",
    "test_a_forecast_loads_and_builds_only_what_it_needs",
    "test_the_program_loads_nothing_before_it_says_so",
    "test_unlimited_is_red_on_a_terminal",
    "test_every_line_is_answered_as_the_go_code_does",
)

# The same examples in every run: what fails, fails for everybody. HYPOTHESIS_PROFILE=search looks for new ones.
# How long an example takes, or to draw one, is the machine's.
PATIENT: Final = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("pinned", PATIENT, derandomize=True, max_examples=40)
settings.register_profile("search", PATIENT, derandomize=False, max_examples=200)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "pinned"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what is not a unit test."""
    for item in items:
        if item.nodeid.startswith(PROCESSES) or item.name.partition("[")[0] in PROCESS_TESTS:
            item.add_marker(pytest.mark.process)
