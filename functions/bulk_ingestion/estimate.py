"""What an import takes: estimated from its plan, and told again as it turned out.

Prices and assumptions are in ``prices.json``; an input's ``Assumptions`` take their place. A state
transition is a state that is entered, or a retry, as Step Functions counts them
(https://aws.amazon.com/step-functions/pricing/).
"""

from __future__ import annotations

import json
from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from functools import lru_cache
from itertools import accumulate
from pathlib import Path
from typing import Any

from bulk_ingestion.times import parse_instant, seconds_of

Assumptions = dict[str, Any]
"""The values of ``prices.json`` by their keys."""

Figures = dict[str, Any]
"""``FlowRuns``, ``StateTransitions``, ``GigabytesProcessed``, ``AppFlowUsd``,
``StepFunctionsUsd``, ``TotalUsd`` and ``Seconds``, and under ``Formula`` how each came about."""

Rounds = dict[str, dict[str, int]]
"""What :func:`spent` gives, by the number of the round."""

SHORT = ("FlowRuns", "StateTransitions", "TotalUsd", "Seconds")
"""The figures that a dry run's output has."""

# How many states the definition enters; a test counts them in the history of real executions.
_PLANNING = 2  # PlanWindows, AnythingToRun
_ROUND = 3  # IngestWindows, ReviewWindows, AnythingLeft
_HAND_OVER = 1  # CreateIntegration
_WINDOW = 10  # OpenWindow to RunFlow, and RecordOutcome to WindowClosed
_ATTEMPT = 3  # OpenRun, StartFlow, and RunSucceeded or RunFailed
_POLL = 3  # WaitForRun, DescribeRun, JudgeRun

_POLLED_AT = list(accumulate([5, 10, 20, 40, *[59] * 3000]))
"""Seconds from a run's start to each poll, for as long as AppFlow lets a run last (48 h)."""

_BYTES = 1024**3  # of a gigabyte


@lru_cache(maxsize=1)
def prices() -> dict[str, dict[str, Any]]:
    """Read ``prices.json``: by key its ``Value``, ``AsOf`` (a date), ``Source`` and ``Note``."""
    rows: dict[str, dict[str, Any]] = json.loads(
        Path(__file__).with_name("prices.json").read_text(encoding="utf-8")
    )
    return rows


def estimated(windows: int, max_concurrency: int, assumed: Assumptions) -> Figures:
    """Estimate an import of which each window takes one run, none repeated and none split."""
    polls = bisect_left(_POLLED_AT, seconds_of(assumed["RunDuration"])) + 1
    own = _PLANNING + (_ROUND if windows else _ROUND - 1) + _HAND_OVER
    in_turn = -(-windows // max_concurrency)
    noticed = _POLLED_AT[polls - 1]
    gigabytes = windows * assumed["GigabytesPerWindow"]
    formula = {
        "FlowRuns": f"{windows:,} windows, with one run each",
        "StateTransitions": (
            f"{own} of the execution + {windows:,} windows × ({_WINDOW} + {_ATTEMPT} of a run "
            f"+ {polls:,} polls × {_POLL})"
        ),
        "GigabytesProcessed": f"{windows:,} windows × {assumed['GigabytesPerWindow']:g} GB",
        "Seconds": (
            f"{windows:,} windows, {max_concurrency} at a time, are {in_turn:,} turns × "
            f"{noticed:,} s, when the end of a run of {assumed['RunDuration']} is noticed"
        ),
    }
    transitions = own + windows * (_WINDOW + _ATTEMPT + polls * _POLL)
    figures = _figures(windows, transitions, gigabytes, in_turn * noticed, assumed, formula)
    return {**figures, "Assumptions": assumed}


def spent(outcomes: Iterable[dict[str, Any]]) -> dict[str, int]:
    """Add up what the windows of one round took, by the outcomes that they left.

    A window that was stopped has left none, and does not count.
    """
    counted = list(outcomes)
    return {
        "FlowRuns": sum(outcome["Attempts"] for outcome in counted),
        "StateTransitions": sum(_transitions(outcome) for outcome in counted),
        "BytesProcessed": sum(outcome.get("BytesProcessed", 0) for outcome in counted),
    }


def turned_out(rounds: Rounds, seconds: int, assumed: Assumptions) -> Figures:
    """Give the figures of what has been, ``seconds`` after the execution's start."""
    runs, transitions, processed = (
        sum(took[key] for took in rounds.values())
        for key in ("FlowRuns", "StateTransitions", "BytesProcessed")
    )
    ran = sum(1 for took in rounds.values() if took["StateTransitions"])
    own = _PLANNING + (_ROUND * ran or _ROUND - 1) + _HAND_OVER
    formula = {
        "FlowRuns": "all attempts of all windows, those split or run again as well",
        "StateTransitions": (
            f"{own} of the execution + {transitions:,} of the windows, told from their attempts "
            "and how long these took; calls that had to be repeated are not counted"
        ),
        "GigabytesProcessed": "what AppFlow tells of the runs that succeeded",
        "Seconds": "from the execution's start to this report",
    }
    gigabytes = processed / _BYTES
    figures = _figures(runs, own + transitions, gigabytes, seconds, assumed, formula)
    return {**figures, "Rounds": rounds}


def _figures(
    runs: int,
    transitions: int,
    gigabytes: float,
    seconds: int,
    assumed: Assumptions,
    formula: dict[str, str],
) -> Figures:
    run, gigabyte, thousand = (
        assumed[key] for key in ("UsdPerFlowRun", "UsdPerGigabyte", "UsdPer1000Transitions")
    )
    gigabytes = round(gigabytes, 6)
    appflow = round(runs * run + gigabytes * gigabyte, 6)
    step_functions = round(transitions / 1000 * thousand, 6)
    return {
        "FlowRuns": runs,
        "StateTransitions": transitions,
        "GigabytesProcessed": gigabytes,
        "AppFlowUsd": appflow,
        "StepFunctionsUsd": step_functions,
        "TotalUsd": round(appflow + step_functions, 6),
        "Seconds": seconds,
        "Formula": {
            **formula,
            "AppFlowUsd": f"{runs:,} runs × ${run:g} + {gigabytes:g} GB × ${gigabyte:g}",
            "StepFunctionsUsd": f"{transitions:,} ÷ 1,000 × ${thousand:g}",
            "TotalUsd": "AppFlow and Step Functions; Lambda and S3 cost next to nothing",
        },
    }


def _transitions(outcome: dict[str, Any]) -> int:
    """Tell a window's transitions from its attempts, taken as equally long, and their duration."""
    attempts = int(outcome["Attempts"])
    if not attempts:
        return _WINDOW
    took = parse_instant(outcome["FinishedAt"]) - parse_instant(outcome["StartedAt"])
    polls = max(1, bisect_right(_POLLED_AT, took.total_seconds() / attempts))
    failed = 0 if outcome["Status"] == "COMPLETE" else 2  # NameError and WindowFailed
    retries = attempts - 1
    return _WINDOW + attempts * (_ATTEMPT + polls * _POLL) + retries + failed
