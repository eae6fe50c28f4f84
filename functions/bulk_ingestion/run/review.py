"""The review of a round: compares the plan with the outcomes and decides what comes next."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate
from typing import NotRequired, TypedDict

from bulk_ingestion.aws.folder import Folder
from bulk_ingestion.errors import WindowsFailed, systemic
from bulk_ingestion.flow import failure_texts
from bulk_ingestion.flow.windows import MOST, SMALLEST_BY_LIMIT, TEXT_SPLITS, Window
from bulk_ingestion.remediation import find, remediation, then_for
from bulk_ingestion.run import plan
from bulk_ingestion.run.job import Execution, Job
from bulk_ingestion.run.layout import round_file
from bulk_ingestion.run.ledger import Ledger, Outcome

FAILED = "RunFailed"
TOO_LARGE = "RunTooLarge"
TOO_LONG = "RunTooLong"
DEADLINE_SPLITS = 2
"""How often a window is split for a missed deadline. After that, the source is too slow."""

_ONLY_THESE = "Only the windows that are not complete run again."
_NAMED = 20  # windows that an error names; the report has all of them


@dataclass(frozen=True)
class Decision:
    """What follows a round: more windows, an error that ends the execution, or neither if done."""

    again: tuple[str, ...] = ()
    """Windows that a redrive runs again."""
    split: tuple[Window, ...] = ()
    """Halves that replace split windows."""
    error: Exception | None = None


class MapFailure(TypedDict):
    """The error that the Distributed Map itself ended in, from its Catch."""

    Error: NotRequired[str]
    Cause: NotRequired[str]


def decide(ledger: Ledger, failure: MapFailure | None, redriven: bool) -> Decision:
    """Decide what follows a round.

    ``failure`` is the error that the Distributed Map itself ended in. A redrive runs every window
    that is not complete. A systemic error ends the execution at once. A failed window ends it
    after all other windows have run.
    """
    halves = {key: found for key in ledger.incomplete if (found := _halves(ledger, key, redriven))}
    split = tuple(half for pair in halves.values() for half in pair)
    failed = tuple(key for key in ledger.incomplete if key not in halves)
    if redriven:
        return Decision(again=failed, split=split)
    for key in failed:
        outcome = ledger.failure(key)
        if outcome.get("Systemic"):
            return Decision(error=systemic(outcome["Error"], _systemic_cause(ledger, key)))
    stopped = failure is not None or any(key not in ledger.outcomes for key in failed)
    if split and not stopped:
        return Decision(split=split)
    if ledger.incomplete:
        return Decision(error=WindowsFailed(_cause(ledger, failure)))
    return Decision()


def _halves(ledger: Ledger, window_id: str, redriven: bool) -> tuple[Window, Window] | None:
    """Give the halves that replace a failed window, or None if it is not split."""
    if "UPPER_BOUND" not in ledger.items[window_id]["Bounds"] or len(ledger.items) >= 2 * MOST:
        return None
    window, error = ledger.window(window_id), ledger.outcome(window_id).get("Error")
    if error == TOO_LARGE:
        return window.halves(SMALLEST_BY_LIMIT)
    if error == TOO_LONG and window.depth < DEADLINE_SPLITS:
        return window.halves()
    if _fails_unlike_others(ledger, window_id) and not redriven:
        return window.halves() if window.depth < TEXT_SPLITS else None
    return None


def _fails_unlike_others(ledger: Ledger, window_id: str) -> bool:
    """Whether other windows succeed, and this one fails for an unknown reason, perhaps its size.

    If the window is itself the half of a window that was split for this reason, it is not split
    for this reason again.
    """
    lineage = accumulate(window_id.split("-"), "{}-{}".format)
    *before, now = (_is_unknown(ledger.outcome(key)) for key in lineage)
    return now and not any(before) and any(map(ledger.is_complete, ledger.leaves))


def _is_unknown(outcome: Outcome) -> bool:
    known = failure_texts.is_known(outcome.get("ExecutionMessage", ""))
    return outcome.get("Error") == FAILED and not known


def _systemic_cause(ledger: Ledger, window_id: str) -> str:
    left, outcome = len(ledger.incomplete), ledger.failure(window_id)
    return (
        f"Window {window_id}: {outcome['ExecutionMessage'].rstrip('.')}. No other window could "
        f"succeed, so the rest was stopped: {left} of {len(ledger.leaves)} windows are not "
        f"complete. {remediation(outcome['Error'])} {_ONLY_THESE}"
    )


def _cause(ledger: Ledger, failure: MapFailure | None) -> str:
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
            f"The Distributed Map failed with {failure.get('Error')}: {failure.get('Cause', '')}"
        )
    errors = {ledger.failure(key)["Error"] for key in ledger.incomplete}
    lines += [f"What to do about {error}: {find(error).what_to_do}" for error in sorted(errors)]
    then = then_for(errors)
    go_on = f" Fix the cause. {then} {_ONLY_THESE}" if then else ""
    incomplete = f"{len(ledger.incomplete)} of {len(ledger.leaves)} windows are not complete."
    return "\n".join([f"{incomplete}{go_on}", *lines])


def next_round(
    decision: Decision,
    ledger: Ledger,
    execution: Execution,
    folder: Folder,
    this_round: plan.Round,
    redrives: int,
) -> plan.Round:
    """Give the next round, and write its windows to the folder if there are any."""
    if not decision.again and not decision.split:
        return {**this_round, "Windows": 0, "RedrivesAnswered": redrives}
    number = this_round["Number"] + 1
    connector = Job.read(folder).target.source.connector
    windows = [*(ledger.window(key) for key in decision.again), *decision.split]
    attempts = {key: ledger.attempts(key) for key in decision.again}
    items = plan.items(execution, windows, number, connector, attempts)
    folder.write(round_file(number), items)
    return {
        **this_round,
        "Number": number,
        "Key": folder.key(round_file(number)),
        "Windows": len(items),
        "RedrivesAnswered": redrives,
    }
