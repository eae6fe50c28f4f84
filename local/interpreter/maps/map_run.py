"""Map Runs: the items of a distributed Map and the child executions that process them."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from moto.stepfunctions.parser.api import MapRunStatus
from moto.stepfunctions.parser.asl.component.state.exec.state_map import state_map
from moto.stepfunctions.parser.asl.component.state.exec.state_map.iteration.itemprocessor.map_run_record import (  # noqa: E501
    MapRunRecord,
)

from local import iam
from local.interpreter.executions.description import REDRIVABLE, redrive_status_of

if TYPE_CHECKING:
    from datetime import datetime

    from local.clock import Clock
    from local.interpreter.executions.execution import Execution
    from local.interpreter.patches import Patches

_COUNTED = {
    "running": "RUNNING",
    "succeeded": "SUCCEEDED",
    "failed": "FAILED",
    "timedOut": "TIMED_OUT",
    "aborted": "ABORTED",
}
"""The statuses of executions, by the names of their counts in DescribeMapRun."""


class MapRun(MapRunRecord):  # type: ignore[misc]
    """A Map Run: its items, its child executions, and how many of them may fail."""

    def __init__(self, **details: Any) -> None:
        label = details["label"]
        super().__init__(**details)
        self.label = label or self.map_run_arn.rsplit("/", 1)[1].split(":")[0]
        self.state: Any = None
        self.clock: Clock | None = None
        self.items: list[Any] = []
        self.children: list[Execution] = []
        self.map_input: Any = None
        self.waiting: list[int] = []
        """Indexes of the items that have no running or succeeded child, the next one last."""
        self.tolerated_count: int | None = None
        self.tolerated_percentage: float | None = None
        self.redrive_count = 0
        self.stop_date: datetime | None = None
        self.redrive_date: datetime | None = None
        self.error: Exception | None = None
        self._ended = False
        self._failed = 0
        self._lock = threading.RLock()

    def begin(self, clock: Clock) -> None:
        """Start, or start again for the items that have not succeeded."""
        self.clock = clock
        self.status = MapRunStatus.RUNNING
        self.stop_date = None
        self.error = None
        self._ended = False
        self._failed = 0
        done = {c.item_index for c in self.children if c.status == "SUCCEEDED"}
        self.waiting = [index for index in range(len(self.items)) if index not in done][::-1]

    def next_index(self) -> int | None:
        """Take the index of the next item; None if there is none, or the Map Run has ended."""
        with self._lock:
            return None if self._ended or not self.waiting else self.waiting.pop()

    def begin_child(self, child: Execution, again: bool) -> bool:
        """Let a child begin, unless the Map Run has ended meanwhile."""
        with self._lock:
            if self._ended:
                return False
            child.begin(again)
            if not again:
                self.children.append(child)
            return True

    def too_many_failed(self, child: Execution) -> bool:
        """Count a child that has ended; return whether more have failed than is tolerated."""
        if child.status not in ("FAILED", "TIMED_OUT"):
            return False
        with self._lock:
            self._failed += 1
            failed = self._failed
        count, percentage = self.tolerated_count, self.tolerated_percentage
        if count is None and percentage is None:
            count = 0
        over_count = count is not None and failed > count
        over_percentage = (percentage is not None and bool(self.items)) and 100 * failed / len(
            self.items
        ) > float(percentage or 0)
        return over_count or over_percentage

    def fail_with(self, error: Exception) -> None:
        """End the Map Run with an error."""
        with self._lock:
            self.error = self.error or error
        self.abort()

    def abort(self) -> None:
        """Start no more children, and abort those that are running."""
        with self._lock:
            self._ended = True
            children = list(self.children)
        for child in children:
            if not iam.refusal(child.role_arn, "states:StopExecution", child.exec_arn):
                child.halt("ABORTED", None, None)
        if self.status == MapRunStatus.RUNNING:
            self.set_stop(MapRunStatus.ABORTED)

    def set_stop(self, status: Any) -> None:
        """Record how and when the Map Run ended."""
        self.status = status
        self.stop_date = self.clock.now() if self.clock else None

    def counts(self) -> dict[str, int]:
        """Count the child executions, by status."""
        statuses = [child.status for child in list(self.children)]
        counts = {name: statuses.count(status) for name, status in _COUNTED.items()}
        succeeded = counts["succeeded"] if self.status == MapRunStatus.SUCCEEDED else 0
        return {
            **counts,
            "pending": len(self.items) - len(statuses),
            "total": len(self.items),
            "resultsWritten": succeeded,
            "failuresNotRedrivable": sum(
                child.status in REDRIVABLE and redrive_status_of(child)[0] == "NOT_REDRIVABLE"
                for child in list(self.children)
            ),
            "pendingRedrive": 0,
        }

    def describe(self) -> dict[str, Any]:
        """Return the response of DescribeMapRun."""
        description: dict[str, Any] = {
            "mapRunArn": self.map_run_arn,
            "executionArn": self.execution_arn,
            "status": self.status,
            "startDate": self.start_date,
            "maxConcurrency": self.max_concurrency,
            "toleratedFailurePercentage": float(self.tolerated_percentage or 0),
            "toleratedFailureCount": self.tolerated_count or 0,
            "itemCounts": self.counts(),
            "executionCounts": self.counts(),
            "redriveCount": self.redrive_count,
        }
        if self.stop_date is not None:
            description["stopDate"] = self.stop_date
        if self.redrive_date is not None:
            description["redriveDate"] = self.redrive_date
        return description

    def list_item(self) -> dict[str, Any]:
        """Return one item of ListMapRuns."""
        item = {
            "executionArn": self.execution_arn,
            "mapRunArn": self.map_run_arn,
            "stateMachineArn": self.map_state_machine_arn,
            "startDate": self.start_date,
        }
        return item if self.stop_date is None else {**item, "stopDate": self.stop_date}


def keep_map_runs(patches: Patches) -> None:
    """Count the children of Map Runs correctly; in moto a failed child stays running."""
    patches.put(state_map, "MapRunRecord", MapRun)
