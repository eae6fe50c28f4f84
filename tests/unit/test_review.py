"""The judge: what follows a round, from the plan and the outcomes alone."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulk_ingestion import plan
from bulk_ingestion.connectors import CONNECTORS
from bulk_ingestion.errors import WindowsFailed
from bulk_ingestion.review import Ledger, judge
from bulk_ingestion.windows import Window

EXECUTION = plan.Execution("arn:aws:states:us-east-1:123456789012:execution:m:run", "run", "stack")
COMPLETE = {"Status": "COMPLETE", "RecordsProcessed": 10, "RecordsFailed": 1}


def failed(error: str = "RunFailed", systemic: bool = False) -> dict[str, Any]:
    return {
        "Status": "FAILED",
        "Error": error,
        "ExecutionMessage": "The source said no.",
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
    return Ledger(
        Ledger.planned(items).items,
        {key: {"WindowId": key, **outcome} for key, outcome in outcomes.items() if outcome},
    )


def test_all_complete_means_done() -> None:
    verdict = judge(ledger({"0001": COMPLETE, "0002": COMPLETE}), None, redriven=False)
    assert (verdict.error, verdict.again, verdict.split) == (None, (), ())


def test_no_windows_means_done() -> None:
    assert judge(ledger({}), None, redriven=False).error is None


def test_a_failed_window_fails_the_execution_by_name_with_what_to_do() -> None:
    error = judge(ledger({"0001": COMPLETE, "0002": failed()}), None, redriven=False).error
    assert isinstance(error, WindowsFailed)
    assert "1 of 2 windows are not complete" in str(error)
    assert "0002 (2026-01-02T00:00:00Z to 2026-02-01T00:00:00Z): RunFailed: The source" in str(
        error
    )
    assert "redrive" in str(error)
    assert "0001" not in str(error)


def test_a_window_without_outcome_fails_the_execution() -> None:
    error = judge(ledger({"0001": COMPLETE, "0002": None}), None, redriven=False).error
    assert isinstance(error, WindowsFailed)
    assert "0002" in str(error)


def test_the_maps_own_error_is_told() -> None:
    failure = {"Error": "States.ItemReaderFailed", "Cause": "No such key."}
    error = judge(ledger({"0001": None}), failure, redriven=False).error
    assert isinstance(error, WindowsFailed)
    assert "States.ItemReaderFailed: No such key." in str(error)


def test_the_maps_own_error_matters_not_when_every_window_is_complete() -> None:
    assert judge(ledger({"0001": COMPLETE}), {"Error": "x"}, redriven=False).error is None


def test_a_systemic_error_ends_the_execution_under_its_own_name() -> None:
    name = "Appflow.ConnectorAuthenticationException"
    found = ledger({"0001": failed(name, systemic=True), "0002": None, "0003": failed()})
    error = judge(found, {"Error": name, "Cause": ""}, redriven=False).error
    assert type(error).__name__ == name
    assert "The source said no." in str(error)
    assert "3 of 3 windows are not complete" in str(error)


@pytest.mark.parametrize("error", ["RunTooLarge", "RunTooLong"])
def test_a_window_that_is_too_large_is_replaced_by_its_halves(error: str) -> None:
    verdict = judge(ledger({"0001": COMPLETE, "0002": failed(error)}), None, redriven=False)
    assert verdict.error is None
    assert [half.id for half in verdict.split] == ["0002-1", "0002-2"]


def test_halves_run_before_another_windows_failure_is_told() -> None:
    verdict = judge(ledger({"0001": failed(), "0002": failed("RunTooLarge")}), None, False)
    assert verdict.error is None
    assert len(verdict.split) == 2


def test_a_deadline_splits_two_levels_deep_at_most_and_a_limit_further() -> None:
    ids = {"0001": failed("x"), "0001-1": COMPLETE, "0001-2": failed("x"), "0001-2-1": COMPLETE}
    too_long = judge(ledger({**ids, "0001-2-2": failed("RunTooLong")}), None, False)
    assert isinstance(too_long.error, WindowsFailed)
    assert "0001-2-2" in str(too_long.error)
    too_large = judge(ledger({**ids, "0001-2-2": failed("RunTooLarge")}), None, False)
    assert [half.id for half in too_large.split] == ["0001-2-2-1", "0001-2-2-2"]


def test_an_open_ended_window_cannot_be_split() -> None:
    verdict = judge(ledger({"0001": failed("RunTooLarge")}, "Zendesk"), None, redriven=False)
    assert isinstance(verdict.error, WindowsFailed)


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
    verdict = judge(found, None, redriven=True)
    assert verdict.error is None
    assert verdict.again == ("0002", "0003", "0004")
    assert [half.id for half in verdict.split] == ["0005-1", "0005-2"]


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
    message = str(judge(ledger(windows), None, redriven=False).error)
    assert message.count("RunFailed") == 20
    assert "and 8 more; the report names them" in message


OUTCOMES = st.sampled_from(
    [COMPLETE, None, failed(), failed("RunTooLarge"), failed("RunTooLong"), failed("x", True)]
)


@given(
    outcomes=st.dictionaries(st.sampled_from([f"{n:04}" for n in range(1, 9)]), OUTCOMES),
    redriven=st.booleans(),
)
def test_the_judge_never_says_done_while_a_window_is_missing(
    outcomes: dict[str, Any], redriven: bool
) -> None:
    found = ledger(outcomes)
    verdict = judge(found, None, redriven)
    if found.incomplete:
        assert verdict.error or verdict.again or verdict.split
    else:
        assert (verdict.error, verdict.again, verdict.split) == (None, (), ())
    if redriven:
        touched = {*verdict.again, *(half.id[:-2] for half in verdict.split)}
        assert touched == set(found.incomplete)
