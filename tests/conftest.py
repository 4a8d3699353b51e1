"""What holds for every test: how long the examples of a property may take, and which tests share a process."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# A busy machine is no defect: laws are held to their examples, not to the clock.
settings.register_profile("hyperplan", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("hyperplan")

SHARING = {"demo"}
"""Folders whose tests share something that takes long to make: they run in one process. Of the others, each file does."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Group the tests for `--dist loadgroup`."""
    here = Path(__file__).parent
    for item in items:
        folder, *_ = item.path.relative_to(here).parts
        item.add_marker(pytest.mark.xdist_group(folder if folder in SHARING else str(item.path.relative_to(here))))
