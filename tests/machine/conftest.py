"""What the machine suite stands on: the embedded cloud at a fixed time, as fast as it goes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from local.clock import Clock
from local.cloud import embedded_cloud
from tests.machine.machine import NOW, Machine
from tests.machine.runs import Runs
from tests.machine.watched import Watched


@pytest.fixture
def machine() -> Iterator[Machine]:
    with embedded_cloud(Clock(start=NOW), {"LogLevel": "ERROR"}) as cloud:
        yield Machine(cloud)


@pytest.fixture
def watched(machine: Machine) -> Watched:
    return Watched(machine)


@pytest.fixture
def runs(machine: Machine) -> Runs:
    return Runs()
