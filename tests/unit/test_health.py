"""How an integration is, by what AWS tells of it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulk_ingestion.integration.health import (
    FAILURES,
    Diagnosis,
    Health,
    Observed,
    diagnose,
)
from tests.unit.described_flows import BEGINS, NOW, TAGS, flow, run


def diagnosed(
    *runs: dict[str, Any],
    of: dict[str, Any] | None = None,
    registered: bool = True,
    known: datetime | None = BEGINS,
) -> Diagnosis:
    newest_first = tuple(sorted(runs, key=lambda run: run["startedAt"], reverse=True))
    return diagnose(Observed(of or flow(), registered, newest_first), "stack", known, NOW)


FAILED = [run(hours, "Error", "Boom.") for hours in range(10)]


@pytest.mark.parametrize(
    ("diagnosis", "health", "is_broken"),
    [
        (diagnosed(run(1)), Health.HEALTHY, False),
        (diagnosed(run(4)), Health.HEALTHY, False),
        (diagnosed(run(4.1)), Health.LATE, True),
        (diagnosed(run(0.1, "InProgress"), run(9)), Health.HEALTHY, False),
        (diagnosed(run(47, "InProgress"), run(60)), Health.HEALTHY, False),
        (diagnosed(run(48, "InProgress"), run(60)), Health.LATE, True),
        (diagnosed(run(0.1, "CancelStarted"), run(9)), Health.HEALTHY, False),
        (diagnosed(run(2, "Canceled"), run(3)), Health.HEALTHY, False),
        (diagnosed(run(0, "InProgress"), *FAILED[1:3]), Health.FAILING, False),
        (diagnosed(*FAILED[: FAILURES - 1], run(11)), Health.FAILING, False),
        (diagnosed(*FAILED[:FAILURES], run(11)), Health.FAILING, True),
        (diagnosed(*FAILED), Health.FAILING, True),
        (diagnosed(run(1), *FAILED[2:]), Health.HEALTHY, False),
        (diagnosed(of=flow(scheduleStartTime=NOW)), Health.HEALTHY, False),
        (
            diagnosed(of=flow(scheduleStartTime=BEGINS) | {"createdAt": NOW - timedelta(hours=4)}),
            Health.HEALTHY,
            False,
        ),
        (diagnosed(of=flow(scheduleStartTime=NOW - timedelta(hours=5))), Health.LATE, True),
        (diagnosed(run(70), of=flow(every="rate(1days)")), Health.HEALTHY, False),
        (diagnosed(run(74), of=flow(every="rate(1days)")), Health.LATE, True),
        (diagnosed(run(900), of=flow(every="cron(0 0 1 * ? *)")), Health.HEALTHY, False),
        (diagnosed(run(99), of=flow(scheduleEndTime=NOW)), Health.HEALTHY, False),
        (diagnosed(run(1), of=flow("Suspended")), Health.STOPPED, True),
        (diagnosed(of=flow("Errored")), Health.STOPPED, True),
        (diagnosed(of=flow("Draft")), Health.STOPPED, True),
        (diagnosed(of=flow("Draft") | {"createdAt": NOW}), Health.HEALTHY, False),
        (
            diagnosed(of=flow("Draft") | {"createdAt": NOW - timedelta(minutes=14)}),
            Health.HEALTHY,
            False,
        ),
        (
            diagnosed(of=flow("Draft") | {"createdAt": NOW - timedelta(minutes=15)}),
            Health.STOPPED,
            True,
        ),
        (diagnosed(run(1), registered=False), Health.MISSING, True),
        (diagnosed(run(1), of=flow() | {"tags": {}}), Health.UNMANAGED, False),
        (
            diagnosed(run(1), of=flow() | {"tags": TAGS | {"bulkIngestionStack": "other"}}),
            Health.UNMANAGED,
            False,
        ),
        (
            diagnosed(of=flow() | {"triggerConfig": {"triggerType": "OnDemand"}}),
            Health.UNMANAGED,
            False,
        ),
        (diagnosed(run(1), known=BEGINS - timedelta(days=1)), Health.LATE, True),
        (diagnose(Observed(None), "stack", BEGINS, NOW), Health.MISSING, True),
    ],
)
def test_the_health_follows_from_what_is_observed(
    diagnosis: Diagnosis, health: Health, is_broken: bool
) -> None:
    assert (diagnosis.health, diagnosis.is_broken) == (health, is_broken), diagnosis.reason
    assert diagnosis.reason.endswith(".")


def cut(hours_ago: float, records: int = 100, failed: int = 0) -> dict[str, Any]:
    counted = {"recordsProcessed": records, "errorInfo": {"putFailuresCount": failed}}
    return run(hours_ago) | {"executionResult": counted}


@pytest.mark.parametrize("status", ["Active", "Suspended"])
@pytest.mark.parametrize("of_limit", [cut(5), cut(5, 101), cut(5, 90, failed=10)])
def test_a_pull_that_may_have_been_cut_is_where_a_bulk_ingestion_goes_on(
    of_limit: dict[str, Any], status: str
) -> None:
    seen = Observed(flow(status), True, (run(1), cut(3, 99), of_limit, run(6)))
    found = diagnose(seen, "stack", BEGINS, NOW, record_limit=100)
    assert (found.was_cut, found.is_broken) == (True, True)
    assert found.pulled_until == NOW - timedelta(hours=6)


def test_of_pulls_that_were_cut_the_first_one_since_then_is_where_to_go_on() -> None:
    known = NOW - timedelta(hours=6)
    seen = Observed(flow(), True, (run(1), cut(3), cut(5), run(6), cut(8)))
    found = diagnose(seen, "stack", known, NOW, record_limit=100)
    assert (found.was_cut, found.pulled_until) == (True, known)


@pytest.mark.parametrize(
    ("status", "known", "counted"),
    [
        ("Successful", NOW - timedelta(hours=2), 2),
        ("Successful", NOW - timedelta(hours=1), 0),
        ("Successful", None, 0),
        ("Error", NOW - timedelta(hours=2), 0),
    ],
)
def test_records_that_were_not_put_are_counted_of_pulls_since_then(
    status: str, known: datetime | None, counted: int
) -> None:
    failed = {"executionResult": {"errorInfo": {"putFailuresCount": 2}}}
    seen = Observed(flow(), True, (run(1, status) | failed,))
    assert diagnose(seen, "stack", known, NOW).records_failed == counted


@pytest.mark.parametrize(
    ("known", "limit"), [(NOW - timedelta(hours=5), 100), (BEGINS, None), (BEGINS, 101)]
)
def test_a_pull_that_was_made_up_for_or_not_cut_counts_as_any_other(
    known: datetime, limit: int | None
) -> None:
    seen = Observed(flow(), True, (run(1), cut(5)))
    found = diagnose(seen, "stack", known, NOW, record_limit=limit)
    assert found.health is Health.HEALTHY
    assert found.pulled_until == NOW - timedelta(hours=1)


RUNS = st.lists(
    st.builds(
        run, st.integers(0, 400), st.sampled_from(["Successful", "Error", "Canceled", "InProgress"])
    ),
    max_size=30,
)
KNOWN = st.integers(0, 480).map(lambda hours: NOW - timedelta(hours=hours))


@given(runs=RUNS, known=KNOWN)
def test_the_last_pull_is_the_end_of_one_that_succeeded_and_never_goes_back(
    runs: list[dict[str, Any]], known: datetime
) -> None:
    found = diagnosed(*runs, known=known).pulled_until
    ends = [run["dataPullEndTime"] for run in runs if run["executionStatus"] == "Successful"]
    assert found == max([known, *ends])


@given(runs=RUNS, days=st.integers(1, 100))
def test_what_a_flow_pulled_after_a_gap_counts_for_nothing(
    runs: list[dict[str, Any]], days: int
) -> None:
    known = BEGINS - timedelta(days=days)
    assert diagnosed(*runs, known=known).pulled_until == known
    assert diagnosed(*runs, known=known).is_broken


@given(runs=RUNS)
def test_what_a_flow_pulled_that_is_no_integration_counts_for_nothing(
    runs: list[dict[str, Any]],
) -> None:
    assert diagnosed(*runs, registered=False).pulled_until == BEGINS


def test_a_pull_whose_end_appflow_does_not_give_is_pulled_again() -> None:
    untold = {key: value for key, value in run(1).items() if key != "dataPullEndTime"}
    assert diagnosed(untold, run(2)).pulled_until == NOW - timedelta(hours=2)


def test_an_integration_of_which_nothing_is_known_begins_where_its_flow_does() -> None:
    assert diagnosed(known=None).pulled_until == BEGINS


@pytest.mark.parametrize(
    ("message", "tells"),
    [
        ("Authentication failed.", True),
        ("invalid_grant: expired access/refresh token", True),
        ("The source is not reachable.", False),
    ],
)
def test_a_failed_run_may_be_about_credentials(message: str, tells: bool) -> None:
    assert diagnosed(run(1, "Error", message), run(2)).is_refused_by_source == tells
    assert not diagnosed(run(1), run(2, "Error", message)).is_refused_by_source
