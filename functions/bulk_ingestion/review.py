"""The judge: compares the plan with the outcomes, and says what comes next."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from bulk_ingestion import plan
from bulk_ingestion.errors import WindowsFailed, systemic
from bulk_ingestion.folder import Folder, round_file
from bulk_ingestion.times import parse_instant
from bulk_ingestion.windows import Window

TOO_LARGE = "RunTooLarge"
TOO_LONG = "RunTooLong"
DEADLINE_SPLITS = 2
"""How often a window is split for a missed deadline; after that the source is the trouble."""

_NAMED = 20  # windows that an error names; the report has the rest
_NO_OUTCOME = {
    "Error": "NoOutcome",
    "ExecutionMessage": "It was not run, or did not come to its end.",
}

Item = dict[str, Any]
Outcome = dict[str, Any]


@dataclass(frozen=True)
class Ledger:
    """Every window that was planned so far, and the outcomes that there are."""

    items: dict[str, Item]
    """The latest item of each window, by its id, in the order of time."""
    outcomes: dict[str, Outcome]
    """What became of them in the latest round that each was in."""

    @classmethod
    def planned(cls, items: Iterable[Item]) -> Ledger:
        """Give the ledger of a plan of which nothing has run."""
        return cls({item["WindowId"]: item for item in sorted(items, key=_window_id)}, {})

    @classmethod
    def read(cls, folder: Folder, rounds: int) -> Ledger:
        """Read the rounds up to ``rounds``; a later one may be left from a lost answer."""
        planned = cls.planned(
            item for number in range(1, rounds + 1) for item in folder.read(round_file(number))
        )
        flows = {item["FlowName"] for item in planned.items.values()}
        outcomes = {
            outcome["WindowId"]: outcome
            for outcome in folder.read_all("windows/")
            if outcome["FlowName"] in flows  # and not one of a round before
        }
        return cls(planned.items, outcomes)

    def told(self, failures: dict[str, Outcome]) -> Ledger:
        """Give the ledger with what is known of windows that could write no outcome."""
        return Ledger(self.items, {**failures, **self.outcomes})

    def is_split(self, window_id: str) -> bool:
        """Whether halves have taken a window's place."""
        return f"{window_id}-1" in self.items

    @property
    def leaves(self) -> list[str]:
        """The windows that count: those that were not split."""
        return [window_id for window_id in self.items if not self.is_split(window_id)]

    @property
    def incomplete(self) -> list[str]:
        """The windows that count and are not COMPLETE."""
        return [key for key in self.leaves if not self.is_complete(key)]

    def is_complete(self, window_id: str) -> bool:
        """Whether a window's records have all arrived."""
        return self.outcomes.get(window_id, {}).get("Status") == "COMPLETE"

    def failure(self, window_id: str) -> Outcome:
        """Why a window is not complete, as ``Error`` and ``ExecutionMessage``."""
        return self.outcomes.get(window_id, _NO_OUTCOME)

    def attempts(self, window_id: str) -> int:
        """How often a window was tried, in all its rounds, as far as its outcomes tell.

        A child that is stopped leaves none; one that is redriven after that begins to count anew,
        as Step Functions does.
        """
        before: int = self.items[window_id].get("AttemptsBefore", 0)
        now: int = self.outcomes.get(window_id, {}).get("Attempts", 0)
        return before + now

    def window(self, window_id: str) -> Window:
        """Give a window's interval."""
        item = self.items[window_id]
        return Window(window_id, parse_instant(item["StartTime"]), parse_instant(item["EndTime"]))

    def metrics(self) -> dict[str, int]:
        """Count records and windows, those of split windows by their halves alone."""
        complete = [self.outcomes[key] for key in self.leaves if self.is_complete(key)]
        return {
            "RecordsProcessed": sum(outcome["RecordsProcessed"] for outcome in complete),
            "RecordsFailed": sum(outcome["RecordsFailed"] for outcome in complete),
            "StepsCompleted": len(complete),
            "TotalSteps": len(self.leaves),
        }


def _window_id(item: Item) -> str:
    return str(item["WindowId"])


@dataclass(frozen=True)
class Verdict:
    """What the judge says: more windows to run, an error to end in, or neither: all is done."""

    again: tuple[str, ...] = ()
    """Windows to run once more, on a redrive."""
    split: tuple[Window, ...] = ()
    """Halves to run in place of windows that were too large."""
    error: Exception | None = None


def judge(ledger: Ledger, failure: Outcome | None, redriven: bool) -> Verdict:
    """Decide what follows a round.

    ``failure`` is the error that the Distributed Map itself ended in. A redrive runs every window
    that is not complete; a systemic error ends the execution at once; a failed window does so
    when nothing is left to run.
    """
    halves = {key: found for key in ledger.incomplete if (found := _halves(ledger, key))}
    split = tuple(half for pair in halves.values() for half in pair)
    failed = tuple(key for key in ledger.incomplete if key not in halves)
    if redriven:
        return Verdict(again=failed, split=split)
    for key in failed:
        outcome = ledger.failure(key)
        if outcome.get("Systemic"):
            return Verdict(error=systemic(outcome["Error"], _systemic_cause(ledger, key)))
    stopped = failure is not None or any(key not in ledger.outcomes for key in failed)
    if split and not stopped:
        return Verdict(split=split)
    if ledger.incomplete:
        return Verdict(error=WindowsFailed(_cause(ledger, failure)))
    return Verdict()


def _halves(ledger: Ledger, window_id: str) -> tuple[Window, Window] | None:
    error = ledger.failure(window_id)["Error"] if window_id in ledger.outcomes else None
    window = ledger.window(window_id)
    open_ended = "UPPER_BOUND" not in ledger.items[window_id]["Bounds"]
    if error not in (TOO_LARGE, TOO_LONG) or open_ended:
        return None
    if error == TOO_LONG and window.depth >= DEADLINE_SPLITS:
        return None
    return window.halves()


def _systemic_cause(ledger: Ledger, window_id: str) -> str:
    left, message = len(ledger.incomplete), ledger.failure(window_id)["ExecutionMessage"]
    return (
        f"Window {window_id}: {message.rstrip('.')}. No other window could succeed, so the rest "
        f"was stopped: {left} of {len(ledger.leaves)} windows are not complete. Mend the cause, "
        "then redrive this execution: it runs only these."
    )


def _cause(ledger: Ledger, failure: Outcome | None) -> str:
    lines = []
    for key in ledger.incomplete[:_NAMED]:
        item, why = ledger.items[key], ledger.failure(key)
        lines.append(
            f"{key} ({item['StartTime']} to {item['EndTime']}): "
            f"{why['Error']}: {why['ExecutionMessage']}"
        )
    if len(ledger.incomplete) > _NAMED:
        lines.append(f"and {len(ledger.incomplete) - _NAMED} more; the report names them")
    if failure is not None:
        lines.append(
            f"The round itself ended in {failure.get('Error')}: {failure.get('Cause', '')}"
        )
    return (
        f"{len(ledger.incomplete)} of {len(ledger.leaves)} windows are not complete. Mend the "
        "cause, then redrive this execution: it runs only these.\n" + "\n".join(lines)
    )


def next_round(
    verdict: Verdict,
    ledger: Ledger,
    execution: plan.Execution,
    folder: Folder,
    this_round: plan.Round,
    redrives: int,
) -> plan.Round:
    """Write the next round's windows to the folder, if there are any, and give the round."""
    if not verdict.again and not verdict.split:
        return {**this_round, "Windows": 0, "RedrivesAnswered": redrives}
    number = this_round["Number"] + 1
    connector = plan.Job.read(folder).source.connector
    windows = [*(ledger.window(key) for key in verdict.again), *verdict.split]
    attempts = {key: ledger.attempts(key) for key in verdict.again}
    items = plan.items(execution, windows, number, connector, attempts)
    folder.write(round_file(number), items)
    return {
        **this_round,
        "Number": number,
        "Key": folder.key(round_file(number)),
        "Windows": len(items),
        "RedrivesAnswered": redrives,
    }
