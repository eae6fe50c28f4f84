"""One embedded cloud for all examples of a module: deploying costs more than an example."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from local.clock import Clock
from local.cloud import embedded_cloud
from tests.proof.claims import Laboratory


@pytest.fixture(scope="module")
def laboratory() -> Iterator[Laboratory]:
    with embedded_cloud(Clock(), {"LogLevel": "ERROR"}) as cloud:
        yield Laboratory(cloud)
