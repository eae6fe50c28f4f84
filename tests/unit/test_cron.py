"""AWS's cron expressions, held against aws-croniter's reading of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from aws_croniter import AwsCroniter
from aws_croniter.exceptions import AwsCroniterExpressionError
from hypothesis import given
from hypothesis import strategies as st

from bulk_ingestion.flow import cron

MONTHS = ("JAN", "feb", "DEC")
DAYS = ("SUN", "mon", "SAT")


def field(
    least: int, most: int, *words: str, beyond: int = 0, steps: bool = True
) -> st.SearchStrategy[str]:
    """Draw a field's text: lists of numbers, ranges and steps, which may be out of range."""
    number = st.integers(least - beyond, most + beyond).map(str)
    value = st.one_of(number, st.sampled_from(words)) if words else number
    ranged = st.tuples(value, value).map("-".join)
    base = st.one_of(st.just("*"), value, ranged)
    step = st.integers(1 - beyond, most + beyond).map(str)
    item = st.one_of(value, ranged, *([st.tuples(base, step).map("/".join)] if steps else []))
    return st.one_of(st.just("*"), st.lists(item, min_size=1, max_size=3).map(",".join))


def expressions(beyond: int) -> st.SearchStrategy[str]:
    """Draw six fields, which may be out of range, or lack their ``?``."""
    day = st.one_of(
        field(1, 31, beyond=beyond),
        st.sampled_from(["L", "L-1", "L-28", "1W", "15W", "31W"]),
        *([st.sampled_from(["L-31", "W", "32W", "x"])] if beyond else []),
    )
    weekday = st.one_of(
        field(1, 7, *DAYS, beyond=beyond, steps=False),
        st.sampled_from(["L", "6L", "friL", "2#1", "MON#5"]),
        *([st.sampled_from(["2#6", "8#1", "#1", "x"])] if beyond else []),
    )
    return st.tuples(
        field(0, 59, beyond=beyond),
        field(0, 23, beyond=beyond),
        st.one_of(
            st.tuples(day, st.just("?")),
            st.tuples(st.just("?"), weekday),
            *([st.tuples(day, weekday), st.just(("?", "?"))] if beyond else []),
        ),
        field(1, 12, *MONTHS, beyond=beyond),
        # aws-croniter takes a step of years to be a year itself
        st.one_of(st.just("*"), field(1970, 2199, beyond=beyond, steps=False)),
    ).map(lambda parts: " ".join([*parts[:2], parts[2][0], parts[3], parts[2][1], parts[4]]))


def accepted_by_aws_croniter(fields: str) -> bool:
    try:
        AwsCroniter(fields)
    except (AwsCroniterExpressionError, ValueError):
        return False
    return True


def accepted(fields: str) -> bool:
    try:
        cron.parse(f"cron({fields})")
    except ValueError:
        return False
    return True


@given(st.integers(0, 1).flatmap(expressions))
def test_what_aws_croniter_accepts_is_accepted_and_nothing_else(fields: str) -> None:
    assert accepted(fields) is accepted_by_aws_croniter(fields)


@given(expressions(beyond=0))
def test_an_expression_runs_when_aws_croniter_says(fields: str) -> None:
    read = cron.parse(f"cron({fields})")
    begins = datetime(2026, 11, 23, 22, tzinfo=UTC)
    runs = [run for run in AwsCroniter(fields).get_next(begins, 2) if run is not None]
    assert read.runs_from(begins.year) or not runs
    for run in runs:
        assert run.minute in read.minutes
        assert run.hour in read.hours
        assert run.month in read.months
        assert run.year in read.years
        assert read.days is None or run.day in read.days
        assert read.weekdays is None or run.isoweekday() % 7 + 1 in read.weekdays
    if len(runs) > 1:
        assert runs[1] - runs[0] >= read.least_interval


@pytest.mark.parametrize(
    "fields",
    [
        "15 10 ? * 6L 2002-2005",  # as in AWS's documentation
        "*/7 5-10 5 * ? *",
        "5,35 14 * * ? *",
        "0 18 ? * MON-FRI *",
        "0/15 * * * ? *",
        "0/5 8-17 ? * MON-FRI *",
        "0 9 ? * 2#1 *",
        "0 0 LW * ? *",
        "0 0 3W * ? *",
        "0 0 1 1 ? 2027/2",
    ],
)
def test_what_the_documentation_shows_is_accepted(fields: str) -> None:
    assert accepted(fields)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ("banana", "does not have six fields"),
        ("0 2 * * *", "does not have six fields"),
        ("0  2 * * ? *", "does not have six fields with one space between them"),
        ("0 2 * * * *", r"must have a \? as either its day-of-month or its day-of-week"),
        ("0 2 ? * ? *", r"must have a \? as either its day-of-month or its day-of-week"),
        ("60 2 * * ? *", 'has "60" as its minutes; AWS accepts 0-59, with , - '),
        ("0 24 * * ? *", 'has "24" as its hours; AWS accepts 0-23'),
        ("0 2 32 * ? *", 'has "32" as its day-of-month; AWS accepts 1-31'),
        ("0 2 * 13 ? *", 'has "13" as its month; AWS accepts 1-12 or JAN-DEC'),
        ("0 2 ? * 0 *", 'has "0" as its day-of-week; AWS accepts 1-7 or SUN-SAT'),
        ("0 2 ? * 2/2 *", 'has "2/2" as its day-of-week'),
        ("0 2 * * ? 1969", 'has "1969" as its year; AWS accepts 1970-2199'),
        ("0/0 2 * * ? *", 'has "0/0" as its minutes'),
        ("*/60 2 * * ? *", r'has "\*/60" as its minutes'),
        ("\u0660 2 * * ? *", "as its minutes"),
    ],
)
def test_what_aws_does_not_accept_is_named_with_what_it_does(fields: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        cron.parse(f"cron({fields})")


@pytest.mark.parametrize(
    ("fields", "minutes"),
    [
        ("0 2 * * ? *", 60),
        ("0 * * * ? *", 60),
        ("0/15 * * * ? *", 15),
        ("5,55 * * * ? *", 10),
        ("5,55 23,0 * * ? *", 10),
        ("5,55 2 * * ? *", 50),
        ("5,55 2,4 * * ? *", 50),
    ],
)
def test_the_least_interval_counts_across_hours_that_follow_each_other(
    fields: str, minutes: int
) -> None:
    assert cron.parse(f"cron({fields})").least_interval == timedelta(minutes=minutes)


@pytest.mark.parametrize(
    ("fields", "runs"),
    [
        ("0 2 * * ? *", True),
        ("0 2 * * ? 2020-2026", True),
        ("0 2 * * ? 2020-2025", False),
        ("0 2 30 2 ? *", False),
        ("0 2 29 2 ? 2027", False),
        ("0 2 29 2 ? 2028", True),
        ("0 2 31 4,6,9,11 ? *", False),
        ("0 2 31 4,5 ? *", True),
        ("0 2 ? 2 MON *", True),
    ],
)
def test_an_expression_that_never_runs_is_reported(fields: str, runs: bool) -> None:
    assert cron.parse(f"cron({fields})").runs_from(2026) is runs


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("cron(0 2 * * *)", "cron(0 2 * * ? *)"),
        ("cron(0 2 * * MON)", "cron(0 2 ? * MON *)"),
        ("cron(0 2 * * * *)", "cron(0 2 * * ? *)"),
        ("cron(0 2 1 * * *)", "cron(0 2 1 * ? *)"),
        ("cron(0 2 * * MON *)", "cron(0 2 ? * MON *)"),
        ("0 2 * * ? *", "cron(0 2 * * ? *)"),
        ("cron( 0  2 * * ? *)", "cron(0 2 * * ? *)"),
        ("cron(0 2 * * 1)", None),  # Monday in Unix, Sunday at AWS
        ("cron(banana)", None),
        ("rate(1hours)", None),
    ],
)
def test_what_is_meant_is_suggested_where_possible(written: str, meant: str | None) -> None:
    assert cron.meant(written) == meant
