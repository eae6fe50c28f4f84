"""What the machine suite stands on: the embedded cloud at a fixed time, as fast as it goes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from local.clock import Clock
from local.cloud import embedded_cloud
from tests.machine.machine import Machine

NOW = datetime(2026, 11, 23, 22, tzinfo=UTC)


@pytest.fixture
def machine() -> Iterator[Machine]:
    with embedded_cloud(Clock(start=NOW), {"LogLevel": "ERROR"}) as cloud:
        yield Machine(cloud)
