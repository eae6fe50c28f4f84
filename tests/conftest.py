"""What all suites share: no timing is asserted, not even by Hypothesis."""

from __future__ import annotations

import gc
import os
import random

import pytest
from hypothesis import settings

# As template.yaml sets it: Powertools reads it when the functions' modules are imported.
os.environ.setdefault("POWERTOOLS_METRICS_NAMESPACE", "BulkIngestion")

# Where the width matters, a test sets it: it must not come from your terminal.
os.environ.pop("COLUMNS", None)

settings.register_profile("untimed", deadline=None, derandomize=True)
settings.load_profile("untimed")


@pytest.fixture(autouse=True)
def same_jitter(request: pytest.FixtureRequest) -> None:
    """Draw the same waits between retries each time that a test runs."""
    random.seed(request.node.nodeid)


def pytest_collection_finish() -> None:
    """Have the garbage collector pass over what all tests need: imported modules, above all."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 10, 20)
