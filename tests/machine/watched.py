"""An import of four windows with faults, and what its flows did meanwhile."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from local.faults import faults
from local.services import simulation
from tests.machine.contacts import contact
from tests.machine.machine import NOW, Ended, Machine

WINDOWS = ("0001", "0002", "0003", "0004")
CONTINUOUS = "acme-salesforce-contact"
BUSY = "The source is temporarily unavailable."
"""A text that splits no window, since smaller ones would fail alike."""

Fault = dict[str, Any]


class Watched:
    """A machine whose source has a few records in each of four windows, and its flows' runs."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        machine.load(*(contact(f"{n}", NOW - timedelta(days=7 * n + 3)) for n in range(30)))
        self.started: list[str] = []
        self.spans: dict[str, list[tuple[datetime, datetime]]] = {}
        machine.cloud.services.on_event(self._hear)

    def _hear(self, heard: dict[str, Any]) -> None:
        detail = heard["detail"]
        name = detail["flow-name"]
        if "Start" in heard["detail-type"]:
            self.started.append(name)
        elif "end-time" in detail:  # a flow that was deactivated has had no run
            span = _instant(detail["start-time"]), _instant(detail["end-time"])
            self.spans.setdefault(name, []).append(span)

    def run(self, *asked: Fault, name: str = "run", **changes: Any) -> Ended:
        """Run an execution of four windows with faults."""
        faults.install({"Seed": 1, "Faults": list(asked)})
        return self.machine.run(name, ImportFrom="P7M", **changes)

    def redrive(self, ended: Ended) -> Ended:
        """Redrive without the faults."""
        faults.clear()
        return ended.redrive()

    @property
    def runs(self) -> Counter[str]:
        """Count the runs that were started, by window."""
        return Counter(
            re.sub(r"^bulk-\w+-\w+-|-r\d+$", "", name)
            for name in self.started
            if name != CONTINUOUS
        )

    def is_whole(self, times: int = 1) -> bool:
        """Tell whether every record was put, each so many times, and nothing is left behind."""
        faults.clear()
        machine = self.machine
        assert machine.puts() == dict.fromkeys(self._wanted(), times)
        assert machine.flows() == machine.integrations() == [CONTINUOUS]
        return True

    def has_landed(self, but: int = 0) -> bool:
        """Tell whether all records but so many are in the domain, however often they were put."""
        landed = self.machine.landed().keys()
        assert landed <= self._wanted()
        assert len(landed) == len(self._wanted()) - but
        return True

    def _wanted(self) -> set[str]:
        source = self.machine.source().items()
        return {key for key, record in source if record["LastModifiedDate"] > "2026-04-23"}

    def left_nothing(self) -> bool:
        faults.clear()
        return self.machine.flows() == self.machine.integrations() == []


def set_knobs(**changes: Any) -> None:
    simulation.current.knobs = replace(simulation.current.knobs, **changes)


def failing_run(window: str = "", **more: Any) -> Fault:
    return {"Run": {"Flow": f"{window}$"}, "Ends": "Error", "Message": BUSY, **more}


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text.removesuffix("[UTC]"))
