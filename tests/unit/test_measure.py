"""The metrics that a bulk ingestion prints, read as CloudWatch reads them."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulk_ingestion.aws import observability
from bulk_ingestion.report.measure import measure_progress

Values = dict[tuple[str, ...], list[float]]


class Printed:
    """Everything that was printed, by the metric's name and its dimensions' values."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys
        self._values: Values = {}

    def read(self) -> Values:
        for line in self._capsys.readouterr().out.splitlines():
            document = json.loads(line)
            [directive] = document["_aws"]["CloudWatchMetrics"]
            assert directive["Namespace"] == "BulkIngestion"
            for metric in directive["Metrics"]:
                for names in directive["Dimensions"]:
                    key = (metric["Name"], *(document[name] for name in names))
                    self._values.setdefault(key, []).extend(document[metric["Name"]])
        return self._values

    def total(self, *key: str) -> float:
        return sum(self.read().get(key, []))


@pytest.fixture
def printed(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Printed:
    monkeypatch.setattr(observability.metrics.provider, "namespace", "BulkIngestion")
    monkeypatch.setattr(observability.metrics.provider, "service", "acme")
    observability.metrics.clear_metrics()  # what other tests have added and nobody has flushed
    return Printed(capsys)


def batch(window: str, status: str, **more: Any) -> Any:
    ran = status in ("COMPLETE", "FAILED", "SPLIT")
    return {
        "WindowId": window,
        "Status": status,
        "RecordsProcessed": 10 if status == "COMPLETE" else 0,
        "RecordsFailed": 2 if status == "COMPLETE" else 0,
        "Attempts": 3 if ran else 0,
        "StartedAt": "2026-11-23T22:00:00.250Z" if ran else None,
        "FinishedAt": "2026-11-23T22:02:05.250Z" if ran else None,
        **more,
    }


def report(status: str, *statuses: str) -> Any:
    batches = [batch(f"{number:04}", given) for number, given in enumerate(statuses)]
    return {"Status": status, "Batches": batches}


PLANNED = report("NOT_STARTED", *["NOT_STARTED"] * 4)


def test_windows_are_counted_by_their_states(printed: Printed) -> None:
    failed = report("FAILED", "COMPLETE", "SPLIT", "FAILED", "NOT_STARTED")

    measure_progress(PLANNED, failed)

    assert printed.read() == {
        ("Windows", "acme", "COMPLETE"): [1],
        ("Windows", "acme", "SPLIT"): [1],
        ("Windows", "acme", "FAILED"): [1],
        ("Windows", "acme", "NOT_STARTED"): [1],
        ("Windows", "acme"): [1, 1, 1, 1],
        ("RecordsProcessed", "acme"): [10],
        ("RecordsFailed", "acme"): [2],
        ("WindowSeconds", "acme"): [125, 125, 125],
        ("Attempts", "acme"): [3, 3, 3],
    }


def test_a_second_review_measures_only_what_is_new(printed: Printed) -> None:
    # Given a review after which two windows run again
    first = report("IN_PROGRESS", "COMPLETE", "COMPLETE", "RETRY", "RETRY")
    measure_progress(PLANNED, first)
    # When a second one finds one of them complete, and looks twice since its answer was lost
    second = report("IN_PROGRESS", "COMPLETE", "COMPLETE", "COMPLETE", "FAILED")
    measure_progress(first, second)
    measure_progress(second, second)
    # Then each window was counted once
    assert printed.total("Windows", "acme", "COMPLETE") == 3
    assert printed.total("Windows", "acme", "FAILED") == 1
    assert printed.total("Windows", "acme") == 4
    assert printed.total("RecordsProcessed", "acme") == 30


def test_a_window_that_fails_again_after_a_redrive_has_failed_twice(printed: Printed) -> None:
    failed = report("FAILED", "COMPLETE", "FAILED")
    redriven = report("IN_PROGRESS", "COMPLETE", "RETRY")

    for earlier, later in ((PLANNED, failed), (failed, redriven), (redriven, failed)):
        measure_progress(earlier, later)

    assert printed.total("Windows", "acme", "FAILED") == 2
    assert printed.total("Windows", "acme", "COMPLETE") == 1


def test_an_execution_that_was_stopped_before_its_plan_was_written_is_measured_as_a_whole(
    printed: Printed,
) -> None:
    measure_progress(None, report("CANCELLED", "COMPLETE", "CANCELLED"))

    assert printed.total("Windows", "acme", "COMPLETE") == 1
    assert printed.total("Windows", "acme", "CANCELLED") == 1
    assert printed.total("Attempts", "acme") == 3


@pytest.mark.parametrize("windows", [99, 100, 101, 1000])
def test_every_window_of_many_has_a_run_time(printed: Printed, windows: int) -> None:
    complete = report("IN_PROGRESS", *["COMPLETE"] * windows)

    measure_progress(None, complete)

    assert printed.read()["WindowSeconds", "acme"] == [125] * windows
    assert printed.read()["Attempts", "acme"] == [3] * windows


@given(
    ends=st.lists(st.sampled_from(["COMPLETE", "FAILED", "SPLIT"]), min_size=1, max_size=8),
    rounds=st.lists(st.integers(min_value=0, max_value=8), max_size=6),
)
def test_however_the_reviews_fall_every_end_is_counted_once(
    ends: list[str], rounds: list[int]
) -> None:
    counted: Counter[str] = Counter()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bulk_ingestion.report.measure.metrics", Silent())
        patch.setattr(
            "bulk_ingestion.report.measure.measure",
            lambda name, unit, value, **dimensions: counted.update({dimensions["State"]: value}),
        )
        earlier: Any = None
        for done in sorted([*rounds, len(ends)]):
            later = report("IN_PROGRESS", *ends[:done], *["NOT_STARTED"] * (len(ends) - done))
            measure_progress(earlier, later)
            earlier = later

    assert counted == Counter(ends)


class Silent:
    def add_metric(self, *_: Any) -> None:
        pass

    def flush_metrics(self) -> None:
        pass
