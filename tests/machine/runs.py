"""How the simulated runs of a test end, and what happens meanwhile."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from bulk_ingestion.flow import connectors
from local.services import simulation
from local.services.simulation import Record, RunOutcome
from tests.machine.machine import Machine


class Runs:
    """Decides how the runs of some flows end, and counts the runs of all."""

    def __init__(self) -> None:
        self.errors: dict[str, str] = {}
        self.errors_once: dict[str, str] = {}
        self.limit: int | None = None
        self.counted: Counter[str] = Counter()
        simulation.current.end_run = self

    def __call__(
        self,
        flow: Mapping[str, Any],
        execution_id: str,
        records: list[tuple[str, Record]],
        at: datetime,
    ) -> RunOutcome:
        name = flow["flowName"]
        self.counted[name.partition("-")[2]] += 1
        for pattern, message in {**self.errors, **self.errors_once}.items():
            if re.search(pattern, name):
                self.errors_once.pop(pattern, None)
                return RunOutcome([], "Error", message)
        return RunOutcome(records[: self.limit])

    def of(self, window: str) -> int:
        return sum(n for name, n in self.counted.items() if re.search(rf"-{window}(-r\d+)?$", name))


def fail(*windows: str, message: str) -> None:
    """Have the runs of these windows end with an error, and the others succeed."""

    def ending(flow: Any, execution_id: str, records: Any, at: Any) -> RunOutcome:
        if flow["flowName"].endswith(windows):
            return RunOutcome([], "Error", message)
        return RunOutcome(records)

    simulation.current.end_run = ending


def stop_when_a_run_ends(machine: Machine, arn: str) -> None:
    """Stop an execution at the end of the next run, in the midst of the others."""

    def stop(
        flow: Mapping[str, Any],
        execution_id: str,
        records: list[tuple[str, Record]],
        at: datetime,
    ) -> RunOutcome:
        simulation.current.remove_faults()
        machine.cloud.client("stepfunctions").stop_execution(
            executionArn=arn, error="Enough", cause="Somebody pressed stop."
        )
        return RunOutcome(records)

    simulation.current.end_run = stop


def limit_records(monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    """Let the functions know that a run of Salesforce's connector transfers so many records."""
    limited = replace(connectors.CONNECTORS["Salesforce"], record_limit=most)
    monkeypatch.setitem(connectors.CONNECTORS, "Salesforce", limited)
