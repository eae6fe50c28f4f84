"""Reports to look at, as real executions wrote them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from local import faults
from local.clock import Clock
from local.cloud import embedded_cloud
from tests.machine.conftest import NOW
from tests.machine.machine import Ended, Machine
from tests.machine.test_clean_up import execution, stop_when_a_run_ends

LOCKED = "Salesforce answered: UNABLE_TO_LOCK_ROW, unable to obtain exclusive access to this record"
TROUBLE: list[dict[str, Any]] = [
    {"Run": {"Flow": "-0005$"}, "Ends": "Error", "Message": LOCKED, "Times": 2},
    {"Run": {"Flow": "-0009$"}, "Ends": "Error", "Message": "The response has too many records"},
    {"Run": {"Flow": "-001[34]$"}, "Ends": "Error", "Message": LOCKED},
    {"Run": {"Flow": "-0016$"}, "PutFailures": 12},
]
"""A window that is run again, one that is split, two that fail, and records that do not land."""


@contextmanager
def machine() -> Iterator[Machine]:
    """Run the embedded cloud at the suite's fixed time."""
    with embedded_cloud(Clock(start=NOW), {"LogLevel": "ERROR"}) as cloud:
        yield Machine(cloud)


def failed(machine: Machine) -> Ended:
    """Import three years, with trouble."""
    faults.install({"Faults": TROUBLE})
    ended = machine.run("contacts-since-2023")
    faults.clear()
    return ended


def stopped(machine: Machine) -> Ended:
    """Stop an import when its first run ends."""
    stop_when_a_run_ends(machine, execution(machine, "stopped"))
    ended = machine.run("stopped", ImportFrom="P1Y")
    machine.cloud.events.settle()
    return ended


def save(ended: Ended, folder: Path) -> Path:
    """Copy a run's page out of the bucket."""
    stored = ended.machine.cloud.client("s3").get_object(
        Bucket=ended.machine.cloud.stack.runs_bucket, Key=f"runs/{ended.name}/report.html"
    )
    path = folder / f"{ended.name}.html"
    path.write_bytes(stored["Body"].read())
    return path
