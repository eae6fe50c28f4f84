"""The review: what follows a round, from the plan and the outcomes alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulk_ingestion.errors import WindowsFailed
from bulk_ingestion.flow.connectors import CONNECTORS
from bulk_ingestion.flow.windows import Window
from bulk_ingestion.run import plan
from bulk_ingestion.run.job import Execution
from bulk_ingestion.run.ledger import Ledger
from bulk_ingestion.run.review import MapFailure, decide

EXECUTION = Execution("arn:aws:states:us-east-1:123456789012:execution:m:run", "run", "stack")
COMPLETE = {"Status": "COMPLETE", "RecordsProcessed": 10, "RecordsFailed": 1}


def failed(
    error: str = "RunFailed", systemic: bool = False, message: str = "Too many requests."
) -> dict[str, Any]:
    return {
        "Status": "FAILED",
        "Error": error,
        "ExecutionMessage": message,
        "RecordsProcessed": 0,
        "RecordsFailed": 0,
        "Systemic": systemic,
    }


def ledger(outcomes: Mapping[str, dict[str, Any] | None], connector: str = "Salesforce") -> Ledger:
    """Give windows of two hours and more, with the outcomes of those that have one."""
    windows = [
        Window(key, datetime(2026, 1, int(key[:4]), tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC))
        for key in outcomes
    ]
    items = plan.items(EXECUTION, windows, 1, CONNECTORS[connector])
    known: Any = {key: {"WindowId": key, **found} for key, found in outcomes.items() if found}
    return Ledger(Ledger.planned(items).items, known)


def test_all_complete_means_done() -> None:
    decision = decide(ledger({"0001": COMPLETE, "0002": COMPLETE}), None, redriven=False)
    assert (decision.error, decision.again, decision.split) == (None, (), ())


def test_no_windows_means_done() -> None:
    assert decide(ledger({}), None, redriven=False).error is None


def test_a_failed_window_fails_the_execution_by_name_with_what_to_do() -> None:
    error = decide(ledger({"0001": COMPLETE, "0002": failed()}), None, redriven=False).error
    assert isinstance(error, WindowsFailed)
    assert "1 of 2 windows are not complete" in str(error)
    assert "0002 (2026-01-02T00:00:00Z to 2026-02-01T00:00:00Z): RunFailed: Too many" in str(error)
    assert "redrive" in str(error)
    assert "0001" not in str(error)


def test_a_window_without_outcome_fails_the_execution() -> None:
    error = decide(ledger({"0001": COMPLETE, "0002": None}), None, redriven=False).error
    assert isinstance(error, WindowsFailed)
    assert "0002" in str(error)


def test_the_maps_own_error_is_reported() -> None:
    failure: MapFailure = {"Error": "States.ItemReaderFailed", "Cause": "No such key."}
    error = decide(ledger({"0001": None}), failure, redriven=False).error
    assert isinstance(error, WindowsFailed)
    assert "States.ItemReaderFailed: No such key." in str(error)


def test_the_maps_own_error_is_reported_before_halves_run() -> None:
    found = ledger({"0001": COMPLETE, "0002": failed("RunTooLarge")})
    error = decide(found, {"Error": "States.Runtime", "Cause": "Out of room."}, False).error
    assert isinstance(error, WindowsFailed)
    assert "States.Runtime: Out of room." in str(error)


def test_the_maps_own_error_matters_not_when_every_window_is_complete() -> None:
    assert decide(ledger({"0001": COMPLETE}), {"Error": "x"}, redriven=False).error is None


def test_a_systemic_error_ends_the_execution_under_its_own_name() -> None:
    name = "Appflow.ConnectorAuthenticationException"
    found = ledger({"0001": failed(name, systemic=True), "0002": None, "0003": failed()})
    error = decide(found, {"Error": name, "Cause": ""}, redriven=False).error
    assert type(error).__name__ == name
    assert "Too many requests." in str(error)
    assert "3 of 3 windows are not complete" in str(error)


@pytest.mark.parametrize("error", ["RunTooLarge", "RunTooLong"])
def test_a_window_that_is_too_large_is_replaced_by_its_halves(error: str) -> None:
    decision = decide(ledger({"0001": COMPLETE, "0002": failed(error)}), None, redriven=False)
    assert decision.error is None
    assert [half.id for half in decision.split] == ["0002-1", "0002-2"]


def test_halves_run_before_another_windows_failure_is_reported() -> None:
    decision = decide(ledger({"0001": failed(), "0002": failed("RunTooLarge")}), None, False)
    assert decision.error is None
    assert len(decision.split) == 2


def test_a_deadline_splits_two_levels_deep_at_most_and_a_limit_further() -> None:
    ids = {"0001": failed("x"), "0001-1": COMPLETE, "0001-2": failed("x"), "0001-2-1": COMPLETE}
    too_long = decide(ledger({**ids, "0001-2-2": failed("RunTooLong")}), None, False)
    assert isinstance(too_long.error, WindowsFailed)
    assert "0001-2-2" in str(too_long.error)
    too_large = decide(ledger({**ids, "0001-2-2": failed("RunTooLarge")}), None, False)
    assert [half.id for half in too_large.split] == ["0001-2-2-1", "0001-2-2-2"]


@pytest.mark.parametrize("error", ["RunTooLarge", "RunTooLong", "RunFailed"])
def test_an_open_ended_window_cannot_be_split(error: str) -> None:
    outcomes: Any = {"0001": failed(error, message=UNKNOWN), "0002": COMPLETE}
    decision = decide(ledger(outcomes, "Zendesk"), None, redriven=False)
    assert isinstance(decision.error, WindowsFailed)


def test_the_connectors_limit_splits_down_to_a_minute_and_nothing_else_below_an_hour() -> None:
    assert split_of(minutes=2, error="RunTooLarge")
    assert not split_of(minutes=1, error="RunTooLarge")
    assert split_of(minutes=120, error="RunTooLong")
    assert not split_of(minutes=119, error="RunTooLong")
    assert split_of(minutes=120, error="RunFailed")
    assert not split_of(minutes=119, error="RunFailed")


def split_of(minutes: int, error: str) -> tuple[Window, ...]:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    window = Window("0001", start, start + timedelta(minutes=minutes))
    items = plan.items(EXECUTION, [window, replace(window, id="0002")], 1, CONNECTORS["Salesforce"])
    outcomes: Any = {"0001": failed(error, message=UNKNOWN), "0002": COMPLETE}
    return decide(Ledger(Ledger.planned(items).items, outcomes), None, redriven=False).split


def test_an_execution_has_a_most_of_windows_whatever_the_source_answers() -> None:
    outcomes = {f"{n:04}": failed("RunTooLarge") for n in range(1, 29)}
    assert decide(ledger(outcomes), None, redriven=False).split
    with patch("bulk_ingestion.run.review.MOST", 14):
        error = decide(ledger(outcomes), None, redriven=False).error
    assert isinstance(error, WindowsFailed)


UNKNOWN = "Something broke."


class TestFailuresThatNobodyKnows:
    def test_halve_a_window_once_while_others_are_complete(self) -> None:
        outcomes = {"0001": COMPLETE, "0002": failed(message=UNKNOWN)}
        decision = decide(ledger(outcomes), None, redriven=False)
        assert [half.id for half in decision.split] == ["0002-1", "0002-2"]
        halves = {"0002-1": failed(message=UNKNOWN), "0002-2": COMPLETE}
        then = decide(ledger({**outcomes, **halves}), None, redriven=False)
        assert isinstance(then.error, WindowsFailed)
        assert "0002-1 (" in str(then.error)
        quarters = {"0002-1": failed("RunTooLarge"), "0002-1-1": failed(message=UNKNOWN)}
        last = decide(ledger({**outcomes, **halves, **quarters}), None, redriven=False)
        assert isinstance(last.error, WindowsFailed)

    def test_halve_the_half_of_a_window_that_was_split_for_another_reason(self) -> None:
        outcomes = {
            "0001": failed("RunTooLarge"),
            "0001-1": COMPLETE,
            "0001-2": failed(message=UNKNOWN),
        }
        decision = decide(ledger(outcomes), None, redriven=False)
        assert [half.id for half in decision.split] == ["0001-2-1", "0001-2-2"]

    def test_halve_nothing_three_levels_deep(self) -> None:
        deep = {"0001-1-1-1": failed(message=UNKNOWN), "0002": COMPLETE}
        decision = decide(ledger(deep), None, redriven=False)
        assert isinstance(decision.error, WindowsFailed)

    def test_halve_nothing_while_no_window_is_complete(self) -> None:
        outcomes = {"0001": failed(), "0002": failed(message=UNKNOWN)}
        decision = decide(ledger(outcomes), None, redriven=False)
        assert isinstance(decision.error, WindowsFailed)

    def test_halve_nothing_whose_text_is_known_or_that_no_run_said(self) -> None:
        for outcome in (failed(), failed("FlowGone", message=UNKNOWN)):
            decision = decide(ledger({"0001": COMPLETE, "0002": outcome}), None, redriven=False)
            assert isinstance(decision.error, WindowsFailed)

    def test_are_run_again_on_a_redrive(self) -> None:
        outcomes = {"0001": COMPLETE, "0002": failed(message=UNKNOWN)}
        decision = decide(ledger(outcomes), None, redriven=True)
        assert (decision.again, decision.split) == (("0002",), ())


def test_a_redrive_runs_every_window_that_is_not_complete_and_no_other() -> None:
    found = ledger(
        {
            "0001": COMPLETE,
            "0002": failed(),
            "0003": None,
            "0004": failed("Appflow.ValidationException", systemic=True),
            "0005": failed("RunTooLarge"),
        }
    )
    decision = decide(found, None, redriven=True)
    assert decision.error is None
    assert decision.again == ("0002", "0003", "0004")
    assert [half.id for half in decision.split] == ["0005-1", "0005-2"]


def test_split_windows_count_by_their_halves_alone() -> None:
    found = ledger({"0001": failed("RunTooLarge"), "0001-1": COMPLETE, "0001-2": COMPLETE})
    assert found.metrics() == {
        "RecordsProcessed": 20,
        "RecordsFailed": 2,
        "StepsCompleted": 2,
        "TotalSteps": 2,
    }


def test_hundreds_of_failures_are_named_up_to_a_readable_number() -> None:
    windows = {f"{n:04}": failed() for n in range(1, 29)}
    message = str(decide(ledger(windows), None, redriven=False).error)
    assert message.count(": RunFailed: ") == 20
    assert message.count("What to do about RunFailed: ") == 1
    assert "and 8 more; the report names them" in message


OUTCOMES = st.sampled_from(
    [
        COMPLETE,
        None,
        failed(),
        failed(message=UNKNOWN),
        failed("RunTooLarge"),
        failed("RunTooLong"),
        failed("x", True),
    ]
)


@given(
    outcomes=st.dictionaries(st.sampled_from([f"{n:04}" for n in range(1, 9)]), OUTCOMES),
    redriven=st.booleans(),
)
def test_the_judge_never_says_done_while_a_window_is_missing(
    outcomes: dict[str, Any], redriven: bool
) -> None:
    found = ledger(outcomes)
    decision = decide(found, None, redriven)
    if found.incomplete:
        assert decision.error or decision.again or decision.split
    else:
        assert (decision.error, decision.again, decision.split) == (None, (), ())
    if redriven:
        touched = {*decision.again, *(half.id[:-2] for half in decision.split)}
        assert touched == set(found.incomplete)
