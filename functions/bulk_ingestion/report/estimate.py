"""The cost and duration of an import: the estimate from its plan, and the actual figures.

Prices and assumptions are in ``prices.json``. The input's ``Assumptions`` override them. A state
transition is an entered state or a retry, as Step Functions counts them
(https://aws.amazon.com/step-functions/pricing/).
"""

from __future__ import annotations

import json
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, TypedDict

from bulk_ingestion.run.ledger import Outcome
from bulk_ingestion.times import parse_instant, seconds_of


class Price(TypedDict):
    """A price or an assumption of ``prices.json``."""

    Value: Any
    AsOf: str
    """A date."""
    Source: str
    Note: str


class Assumptions(TypedDict):
    """The values of ``prices.json``, or the input's values that override them."""

    RunDuration: str
    """The duration of one run, in ISO 8601."""
    GigabytesPerWindow: float
    UsdPerFlowRun: float
    UsdPerGigabyte: float
    UsdPer1000Transitions: float
    UsdPer1000Puts: float
    UsdPer1000Gets: float
    UsdPer1000Invocations: float


class Figures(TypedDict):
    """The cost and duration of an import."""

    FlowRuns: int
    StateTransitions: int
    GigabytesProcessed: float
    AppFlowUsd: float
    StepFunctionsUsd: float
    WakingUsd: float
    TotalUsd: float
    Seconds: int
    Formula: dict[str, str]
    """How each figure is calculated, by its key."""


class Estimate(Figures):
    """The expected figures."""

    Assumptions: Assumptions


class Spent(TypedDict):
    """What the windows of one round have used."""

    FlowRuns: int
    StateTransitions: int
    Polls: int
    """The number of waits for the end of a run, each of which writes a token."""
    BytesProcessed: float


class Cost(Figures):
    """The figures so far."""

    Rounds: dict[str, Spent]
    """By the number of the round."""


# How many states the definition enters; a test counts them in the history of real executions.
_PLANNING = 2  # PlanWindows, AnythingToRun
_ROUND = 3  # IngestWindows, ReviewWindows, AnythingLeft
_HAND_OFF = 1  # CreateIntegration
_WINDOW = 10  # CreateFlow to RunFlow, and RecordOutcome to WindowClosed
_ATTEMPT = 2  # StartFlow, and RunSucceeded or RunFailed
_POLL = 3  # AwaitRun, DescribeRun, ReviewRun
_FAILED_RUN = 1  # ReadFailure
_FAILED_WINDOW = 2  # NameError, WindowFailed

_LONGEST_RUN = 48 * 3600  # AppFlow's own limit (service quotas)


def _polls() -> Iterator[int]:
    """Give the seconds from a run's start to each poll without an event, as in AwaitRun."""
    age = 0
    for wait in (62, 124):
        age += wait
        yield age
    while age < _LONGEST_RUN:
        age += max(70, age // 10) if age < 2000 else min(3600, age // 4)
        yield age


_POLLED_AT = list(_polls())

_BYTES = 1024**3  # of a gigabyte


@lru_cache(maxsize=1)
def prices() -> dict[str, Price]:
    """Read ``prices.json``, by its keys."""
    rows: dict[str, Price] = json.loads(
        Path(__file__).with_name("prices.json").read_text(encoding="utf-8")
    )
    return rows


def estimated(windows: int, max_concurrency: int, assumed: Assumptions) -> Estimate:
    """Estimate an import in which each window needs one run, without a retry or a split.

    AppFlow's event is expected to tell of the end of each run at once.
    """
    duration = seconds_of(assumed["RunDuration"])
    polls = bisect_left(_POLLED_AT, duration) + 1
    own = _PLANNING + (_ROUND if windows else _ROUND - 1) + _HAND_OFF
    in_turn = -(-windows // max_concurrency)
    formula = {
        "FlowRuns": f"{windows:,} windows, with one run each",
        "StateTransitions": (
            f"{own} of the execution + {windows:,} windows × ({_WINDOW} + {_ATTEMPT} of a run "
            f"+ {polls:,} polls × {_POLL})"
        ),
        "GigabytesProcessed": f"{windows:,} windows × {assumed['GigabytesPerWindow']:g} GB",
        "Seconds": (
            f"{windows:,} windows, {max_concurrency} at a time: {in_turn:,} runs of "
            f"{assumed['RunDuration']} one after the other"
        ),
    }
    used: Spent = {
        "FlowRuns": windows,
        "StateTransitions": own + windows * (_WINDOW + _ATTEMPT + polls * _POLL),
        "Polls": windows * polls,
        "BytesProcessed": windows * assumed["GigabytesPerWindow"] * _BYTES,
    }
    figures = _figures(used, round(in_turn * duration), assumed, formula)
    return {**figures, "Assumptions": assumed}


def spent(outcomes: Iterable[Outcome]) -> Spent:
    """Add up what the windows of one round have used, from their outcomes.

    A window that was stopped has no outcome, and is not counted.
    """
    counted = list(outcomes)
    return {
        "FlowRuns": sum(outcome["Attempts"] for outcome in counted),
        "StateTransitions": sum(_transitions(outcome) for outcome in counted),
        "Polls": sum(_polls_of(outcome) for outcome in counted),
        "BytesProcessed": sum(outcome.get("BytesProcessed", 0) for outcome in counted),
    }


def actual(rounds: dict[str, Spent], seconds: int, assumed: Assumptions) -> Cost:
    """Give the actual figures, ``seconds`` after the execution's start."""
    transitions = sum(took["StateTransitions"] for took in rounds.values())
    ran = sum(1 for took in rounds.values() if took["StateTransitions"])
    own = _PLANNING + (_ROUND * ran or _ROUND - 1) + _HAND_OFF
    formula = {
        "FlowRuns": "all attempts of all windows, including windows that were split or run again",
        "StateTransitions": (
            f"{own} of the execution + {transitions:,} of the windows, calculated from the number "
            "and duration of their attempts, without retries of single calls"
        ),
        "GigabytesProcessed": "the data that AppFlow reports for successful runs",
        "Seconds": "from the execution's start to this report",
    }
    used: Spent = {
        "FlowRuns": sum(took["FlowRuns"] for took in rounds.values()),
        "StateTransitions": own + transitions,
        "Polls": sum(took["Polls"] for took in rounds.values()),
        "BytesProcessed": sum(took["BytesProcessed"] for took in rounds.values()),
    }
    figures = _figures(used, seconds, assumed, formula)
    return {**figures, "Rounds": rounds}


def _figures(used: Spent, seconds: int, assumed: Assumptions, formula: dict[str, str]) -> Figures:
    runs, transitions, polls = used["FlowRuns"], used["StateTransitions"], used["Polls"]
    run, gigabyte = assumed["UsdPerFlowRun"], assumed["UsdPerGigabyte"]
    thousand = assumed["UsdPer1000Transitions"]
    put, get = assumed["UsdPer1000Puts"], assumed["UsdPer1000Gets"]
    invocation = assumed["UsdPer1000Invocations"]
    gigabytes = round(used["BytesProcessed"] / _BYTES, 6)
    appflow = round(runs * run + gigabytes * gigabyte, 6)
    step_functions = round(transitions / 1000 * thousand, 6)
    waking = round((polls * put + runs * (put + get + invocation)) / 1000, 6)
    return {
        "FlowRuns": runs,
        "StateTransitions": transitions,
        "GigabytesProcessed": gigabytes,
        "AppFlowUsd": appflow,
        "StepFunctionsUsd": step_functions,
        "WakingUsd": waking,
        "TotalUsd": round(appflow + step_functions + waking, 6),
        "Seconds": seconds,
        "Formula": {
            **formula,
            "AppFlowUsd": f"{runs:,} runs × ${run:g} + {gigabytes:g} GB × ${gigabyte:g}",
            "StepFunctionsUsd": f"{transitions:,} ÷ 1,000 × ${thousand:g}",
            "WakingUsd": (
                f"({polls:,} polls × ${put:g} for a PUT + {runs:,} ends × (${put:g} for a LIST + "
                f"${get:g} for a GET + ${invocation:g} for an invocation)) ÷ 1,000"
            ),
            "TotalUsd": (
                "AppFlow + Step Functions + waking the windows, without the other calls of Lambda "
                "and S3, which cost very little"
            ),
        },
    }


def _polls_of(outcome: Outcome) -> int:
    """Calculate a window's polls from its attempts, as if they had equal durations."""
    attempts = outcome["Attempts"]
    if not attempts:
        return 0
    took = parse_instant(outcome["FinishedAt"]) - parse_instant(outcome["StartedAt"])
    timed_out = bisect_right(_POLLED_AT, took.total_seconds() / attempts)
    woken = outcome.get("NoticedBy") != "POLL"
    return attempts * (timed_out + woken)


def _transitions(outcome: Outcome) -> int:
    attempts = outcome["Attempts"]
    if not attempts:
        return _WINDOW
    retries = attempts - 1
    failed_window = 0 if outcome["Status"] == "COMPLETE" else 1
    return (
        _WINDOW
        + attempts * _ATTEMPT
        + _polls_of(outcome) * _POLL
        + retries
        + (retries + failed_window) * _FAILED_RUN
        + failed_window * _FAILED_WINDOW
    )
