"""The schedule of a continuous flow, as AppFlow accepts it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bulk_ingestion.flow import schedule
from bulk_ingestion.flow.connectors import CONNECTORS
from bulk_ingestion.times import iso

NOW = datetime(2026, 11, 23, 22, 0, 0, 900000, tzinfo=UTC)
SALESFORCE, MARKETO = CONNECTORS["Salesforce"], CONNECTORS["Marketo"]


def problems(**changes: Any) -> list[str]:
    given = {"ScheduleExpression": "rate(1hours)", **changes}
    return [str(found) for found in schedule.check(given, SALESFORCE, "S", NOW)]


@pytest.mark.parametrize(
    "expression",
    [
        "rate(1minutes)",
        "rate(15minutes)",
        "rate(1hours)",
        "rate(2days)",
        "rate(1weeks)",
        "rate(1months)",
        "rate(1years)",
        "cron(0 2 * * ? *)",
        "cron(0/5 * ? * MON-FRI *)",
    ],
)
def test_what_appflow_accepts_is_accepted(expression: str) -> None:
    assert problems(ScheduleExpression=expression) == []


@pytest.mark.parametrize(
    ("expression", "meant"),
    [
        ("rate(1 hours)", "rate(1hours)"),
        ("rate(1hour)", "rate(1hours)"),
        ("rate (5 minutes)", "rate(5minutes)"),
        ("rate(5min)", "rate(5minutes)"),
        ("Rate(2Days)", "rate(2days)"),
        ("rate(01weeks)", "rate(1weeks)"),
        ("1 hour", "rate(1hours)"),
        ("0 2 * * ? *", "cron(0 2 * * ? *)"),
        ("cron(0 2 * * *)", "cron(0 2 * * ? *)"),
    ],
)
def test_a_schedule_in_another_form_is_refused_with_the_one_that_is_meant(
    expression: str, meant: str
) -> None:
    [problem] = problems(ScheduleExpression=expression)
    assert problem.startswith("S.ScheduleExpression: ")
    assert problem.endswith(f"; did you mean {meant}?")
    assert problems(ScheduleExpression=meant) == []


@pytest.mark.parametrize(
    "expression",
    ["", "hourly", "rate(0hours)", "rate(90seconds)", "rate(1.5hours)", "cron(banana)", "cron()",
     "at(2026-12-01T02:00:00)", "cron(0 2 30 2 ? *)", "cron(0 2 * * ? 2025)"],
)  # fmt: skip
def test_without_a_schedule_that_is_meant_the_forms_are_named(expression: str) -> None:
    [problem] = problems(ScheduleExpression=expression)
    assert problem.endswith(
        "; use a schedule such as rate(15minutes), rate(1hours), rate(1days) or cron(0 2 * * ? *)"
    )


@pytest.mark.parametrize(
    ("expression", "is_too_often"),
    [
        ("rate(30minutes)", True),
        ("rate(60minutes)", False),
        ("rate(1hours)", False),
        ("cron(0/30 * * * ? *)", True),
        ("cron(7 * * * ? *)", False),
        ("rate(5 min)", False),
    ],
)
def test_a_connector_has_a_least_interval_which_every_suggestion_keeps(
    expression: str, is_too_often: bool
) -> None:
    problem = schedule.expression_problem(expression, MARKETO, NOW)
    assert (
        "is too frequent: AppFlow runs a flow from Marketo at most every 60" in problem
    ) is is_too_often
    assert "minutes)," not in problem
    assert not problem.endswith("?")


@pytest.mark.parametrize("zone", ["Europe/Vienna", "America/New_York", "UTC"])
def test_a_time_zone_is_one_of_the_iana_database(zone: str) -> None:
    assert problems(Timezone=zone) == []


@pytest.mark.parametrize(
    ("zone", "right"),
    [
        ("Europe/Wien", "did you mean Europe/Vienna?"),
        ("europe/vienna", "did you mean Europe/Vienna?"),
        ("New York", "did you mean America/New_York?"),
        ("", "use an IANA time zone, such as Europe/Vienna"),
        ("../UTC", "use an IANA time zone"),
        ("Nowhere", "use an IANA time zone, such as Europe/Vienna"),
    ],
)
def test_another_time_zone_is_refused_with_the_nearest(zone: str, right: str) -> None:
    [problem] = problems(Timezone=zone)
    assert problem.startswith("S.Timezone: is ")
    assert right in problem


@pytest.mark.parametrize(
    ("start", "end", "message"),
    [
        (None, "2026-11-23T21:00:00Z", "is 2026-11-23T21:00:00Z, which has passed"),
        (None, "2026-11-23T22:05:01Z", "is not after the start 2026-11-23T22:05:01Z"),
        (None, "2026-11-23T22:05:02Z", ""),
        ("2026-12-01T00:00:00Z", "2026-12-01T00:00:00Z", "is not after the start 2026-12-01"),
        ("2026-12-02", "2026-12-01", "is 2026-12-01T00:00:00Z, which is not after the start"),
        ("2026-12-01", 1796256000, ""),
        (None, "2026-11-24", ""),
        ("2020-01-01", "2026-11-24", ""),
    ],
)
def test_a_schedule_ends_after_it_starts_and_after_now(start: Any, end: Any, message: str) -> None:
    given = {"ScheduleEndTime": end, **({"ScheduleStartTime": start} if start else {})}
    found = problems(**given)
    assert len(found) == bool(message)
    assert message in "".join(found)
    assert all(problem.startswith("S.ScheduleEndTime: ") for problem in found)


def test_a_start_that_has_passed_becomes_five_minutes_from_now() -> None:
    assert iso(schedule.start_time({}, NOW)) == "2026-11-23T22:05:01Z"
    assert iso(schedule.start_time({"ScheduleStartTime": 0}, NOW)) == "2026-11-23T22:05:01Z"
    later = "2026-11-23T22:06:00Z"
    assert iso(schedule.start_time({"ScheduleStartTime": later}, NOW)) == later


@pytest.mark.parametrize(
    ("end", "starts"),
    [
        (None, "2026-11-23T23:00:01Z"),
        ("2026-11-23T23:00:02Z", "2026-11-23T23:00:01Z"),
        ("2026-11-23T23:00:01Z", "2026-11-23T22:05:01Z"),
    ],
)
def test_it_waits_for_the_overlap_unless_it_ends_before(end: str | None, starts: str) -> None:
    given = {"ScheduleEndTime": end} if end else {}
    assert iso(schedule.start_time(given, NOW, timedelta(hours=1))) == starts


def test_only_incremental_pulls_continue_an_import() -> None:
    assert problems(DataPullMode="Incremental") == []
    assert problems(DataPullMode="Complete") == [
        "S.DataPullMode: is Complete; the continuous integration needs Incremental"
    ]


def test_a_rate_has_an_interval_and_a_cron_does_not() -> None:
    assert schedule.pull_interval("rate(2weeks)") == timedelta(weeks=2)
    assert schedule.pull_interval("rate(1months)") == timedelta(days=31)
    assert schedule.pull_interval("cron(0 2 * * ? *)") is None
