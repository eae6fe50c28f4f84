"""The ledger of a run: every planned window, and the outcomes so far."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NotRequired, TypedDict

from bulk_ingestion.aws.folder import Folder
from bulk_ingestion.flow.windows import Window
from bulk_ingestion.run.layout import OUTCOMES, round_file
from bulk_ingestion.run.plan import Item
from bulk_ingestion.times import parse_instant


class Outcome(TypedDict):
    """The outcome of a window, from the file that its child wrote or from the child's error."""

    Status: str
    """COMPLETE or FAILED; NOT_STARTED if there is no outcome."""
    WindowId: NotRequired[str]
    FlowName: NotRequired[str]
    BatchRecordsStartTime: NotRequired[str]
    BatchRecordsEndTime: NotRequired[str]
    Attempts: NotRequired[int]
    """The number of attempts in this round."""
    StartedAt: NotRequired[str]
    FinishedAt: NotRequired[str]
    RecordsProcessed: NotRequired[int]
    RecordsFailed: NotRequired[int]
    BytesProcessed: NotRequired[int]
    NoticedBy: NotRequired[str]
    """How the end of its last run was noticed: EVENT or POLL. Only of a COMPLETE window."""
    Error: NotRequired[str]
    ExecutionMessage: NotRequired[str]
    Systemic: NotRequired[bool]
    """Whether no other window could succeed either."""


class Totals(TypedDict):
    """The metrics of a run, with the names of GetWorkflow."""

    RecordsProcessed: int
    RecordsFailed: int
    StepsCompleted: int
    TotalSteps: int


_NOT_STARTED: Outcome = {"Status": "NOT_STARTED"}
_NO_OUTCOME: Outcome = {
    "Status": "NOT_STARTED",
    "Error": "NoOutcome",
    "ExecutionMessage": "The window did not run, or was stopped before it finished.",
}


@dataclass(frozen=True)
class Ledger:
    """Every window that was planned so far, and the outcomes so far."""

    items: dict[str, Item]
    """The latest item of each window, by its id, in order of time."""
    outcomes: dict[str, Outcome]
    """The outcome of each window in its latest round, by its id."""

    @classmethod
    def planned(cls, items: Iterable[Item]) -> Ledger:
        """Give the ledger of a plan that has not run yet."""
        return cls({item["WindowId"]: item for item in sorted(items, key=_window_id)}, {})

    @classmethod
    def read(cls, folder: Folder, rounds: int) -> Ledger:
        """Read the rounds up to ``rounds``.

        A function whose answer was lost may have written a later one.
        """
        planned = cls.planned(
            item for number in range(1, rounds + 1) for item in folder.read(round_file(number))
        )
        flows = {item["FlowName"] for item in planned.items.values()}
        outcomes = {
            outcome["WindowId"]: outcome
            for outcome in folder.read_all(OUTCOMES)
            if outcome["FlowName"] in flows  # and not in an earlier round
        }
        return cls(planned.items, outcomes)

    def with_failures(self, failures: dict[str, Outcome]) -> Ledger:
        """Give the ledger with the failures of windows that could not write an outcome."""
        return Ledger(self.items, {**failures, **self.outcomes})

    def is_split(self, window_id: str) -> bool:
        """Whether halves have replaced a window."""
        return f"{window_id}-1" in self.items

    @property
    def leaves(self) -> list[str]:
        """The windows that were not split. Only these count."""
        return [window_id for window_id in self.items if not self.is_split(window_id)]

    @property
    def incomplete(self) -> list[str]:
        """The leaves that are not COMPLETE."""
        return [key for key in self.leaves if not self.is_complete(key)]

    def is_complete(self, window_id: str) -> bool:
        """Whether all records of a window were imported."""
        return self.outcome(window_id)["Status"] == "COMPLETE"

    def outcome(self, window_id: str) -> Outcome:
        """Give the outcome of a window. Its status is NOT_STARTED if there is none."""
        return self.outcomes.get(window_id, _NOT_STARTED)

    def failure(self, window_id: str) -> Outcome:
        """Give the reason why a window is not complete: ``Error`` and ``ExecutionMessage``."""
        return self.outcomes.get(window_id, _NO_OUTCOME)

    def attempts(self, window_id: str) -> int:
        """Give the number of attempts of a window in all its rounds, according to its outcomes.

        A child that was stopped has no outcome, so its attempts are not counted. A redriven child
        counts from the start again, as Step Functions does.
        """
        return self.items[window_id]["AttemptsBefore"] + self.outcome(window_id).get("Attempts", 0)

    def window(self, window_id: str) -> Window:
        """Give a window by its id."""
        item = self.items[window_id]
        return Window(window_id, parse_instant(item["StartTime"]), parse_instant(item["EndTime"]))

    def metrics(self) -> Totals:
        """Count records and windows. For a split window, only its halves count."""
        complete = [self.outcomes[key] for key in self.leaves if self.is_complete(key)]
        return {
            "RecordsProcessed": sum(outcome["RecordsProcessed"] for outcome in complete),
            "RecordsFailed": sum(outcome["RecordsFailed"] for outcome in complete),
            "StepsCompleted": len(complete),
            "TotalSteps": len(self.leaves),
        }


def _window_id(item: Item) -> str:
    return item["WindowId"]
