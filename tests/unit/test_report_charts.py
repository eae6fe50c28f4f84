"""The charts of the report's page: what has room is drawn, and many windows share a block."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bulk_ingestion.report import page
from bulk_ingestion.report.pictures import Axis, blocks, months_of_a_block
from bulk_ingestion.report.record import Batch
from bulk_ingestion.times import iso

START = datetime(2016, 11, 26, tzinfo=UTC)


def batches(number: int, days: float, **changes: Any) -> list[Batch]:
    """Give windows of so many days each, one after the other."""
    return [
        {
            "WindowId": f"{n + 1:04}",
            "FlowName": "flow",
            "Status": "COMPLETE",
            "ExecutionMessage": "",
            "RecordsProcessed": 1,
            "RecordsFailed": 0,
            "BatchRecordsStartTime": iso(START + timedelta(days=days * n)),
            "BatchRecordsEndTime": iso(START + timedelta(days=days * (n + 1))),
            "Attempts": 1,
            "StartedAt": None,
            "FinishedAt": None,
            **changes,  # type: ignore[typeddict-item]
        }
        for n in range(number)
    ]


def report(windows: list[Batch], **changes: Any) -> Any:
    complete = sum(batch["Status"] == "COMPLETE" for batch in windows)
    return {
        "Status": "FAILED",
        "ReportedAt": "2026-11-26T00:00:00Z",
        "DomainName": "acme",
        "ObjectTypeName": "Salesforce-Contact",
        "DatetimeTypeFieldName": "LastModifiedDate",
        "HandOff": "2026-11-26T00:00:00Z",
        "Metrics": {
            "RecordsProcessed": 1,
            "RecordsFailed": 0,
            "StepsCompleted": complete,
            "TotalSteps": len(windows),
        },
        "Reconciled": False,
        "Warnings": [],
        "Batches": windows,
        **changes,
    }


@pytest.mark.parametrize(
    ("number", "days", "months"), [(10_000, 0.365, 1), (10_000, 1.0, 3), (700, 1.0, 0)]
)
def test_many_windows_are_drawn_by_month(number: int, days: float, months: int) -> None:
    many = batches(number, days)
    axis = Axis.of(many)
    assert months_of_a_block(axis) == months
    drawn = blocks(axis, many)
    assert 100 <= len(drawn) <= 125
    assert sum(len(block.batches) for block in drawn) == number
    if months == 1:
        began = {block.batches[0]["BatchRecordsStartTime"][:7] for block in drawn}
        assert len(began) == len(drawn)


def test_a_symbol_is_drawn_only_where_it_has_room() -> None:
    wide, sixty = batches(18, 61), batches(60, 18)
    assert all(block.labelled and block.narrow for block in blocks(Axis.of(wide), wide))
    assert not any(block.labelled for block in blocks(Axis.of(sixty), sixty))
    few = batches(6, 61)
    assert not any(block.narrow for block in blocks(Axis.of(few), few))


def test_the_caption_explains_only_what_is_drawn() -> None:
    attempts = "× is the number of attempts"
    assert attempts in page.render(report(batches(18, 61, Attempts=2)))
    assert attempts not in page.render(report(batches(60, 18, Attempts=2)))
    symbol = "A symbol on the baseline"
    assert symbol in page.render(report(batches(18, 61, Status="FAILED")))
    assert symbol not in page.render(report(batches(60, 18, Status="FAILED")))


@pytest.mark.parametrize(
    ("error", "caption"),
    [
        ("RunTooLarge", "A window with too many records for one run was split."),
        ("RunTooLong", "A window that was not done within a day was split."),
        ("RunFailed", "whose failure was not known, was split."),
    ],
)
def test_the_caption_says_why_windows_were_split(error: str, caption: str) -> None:
    whole = batches(2, 61)
    split = {**whole[0], "Status": "SPLIT", "Error": error}
    halves = [{**whole[0], "WindowId": f"0001-{n}"} for n in (1, 2)]
    text = page.render(report([split, *halves, whole[1]]))  # type: ignore[list-item]
    assert caption in text


@pytest.mark.parametrize(
    ("windows", "error", "advice"),
    [
        ("RunFailed", "WindowsFailed", "Redrive the execution"),
        ("RunFailed", "Appflow.ValidationException", "redrive the execution, because that would"),
        ("Appflow.ValidationException", "WindowsFailed", "redrive the execution, because that"),
    ],
)
def test_what_next_does_not_contradict_what_failed(windows: str, error: str, advice: str) -> None:
    failed = batches(3, 61, Status="FAILED", Error=windows, ExecutionMessage="No.")
    text = page.render(report(failed, Error={"Name": error, "Cause": "No."}))
    assert advice in text
