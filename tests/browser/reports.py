"""Report pages of real executions."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from local.clock import Clock
from local.cloud import embedded_cloud
from local.faults import faults
from tests.machine.machine import NOW, Ended, Machine
from tests.machine.runs import stop_when_a_run_ends

LOCKED = "Salesforce answered: UNABLE_TO_LOCK_ROW, unable to obtain exclusive access to this record"
FAULTS: list[dict[str, Any]] = [
    {"Run": {"Flow": "-0005$"}, "Ends": "Error", "Message": LOCKED, "Times": 2},
    {"Run": {"Flow": "-0009$"}, "Ends": "Error", "Message": "The response has too many records"},
    {"Run": {"Flow": "-001[34]$"}, "Ends": "Error", "Message": LOCKED},
    {"Run": {"Flow": "-0016$"}, "PutFailures": 12},
]
"""One window is retried, one is split, two fail, and some records of one can't be put."""


@contextmanager
def machine() -> Iterator[Machine]:
    """Run the embedded cloud at the suite's fixed time."""
    with embedded_cloud(Clock(start=NOW), {"LogLevel": "ERROR"}) as cloud:
        yield Machine(cloud)


def failed(machine: Machine) -> Ended:
    """Import three years, with faults."""
    faults.install({"Faults": FAULTS})
    ended = machine.run("contacts-since-2023")
    faults.clear()
    return ended


def sixty_windows(machine: Machine) -> Ended:
    """Import three years in sixty windows, two of which are split in vain."""
    failing = {"Run": {"Flow": "-00(07|41)"}, "Ends": "Error", "Message": "too many records"}
    faults.install({"Faults": [failing]})
    ended = machine.run("sixty-windows", BatchSize="P18D")
    faults.clear()
    return ended


def stopped(machine: Machine) -> Ended:
    """Stop an import when its first run ends."""
    stop_when_a_run_ends(machine, machine.arn_of("stopped"))
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
