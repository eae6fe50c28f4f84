"""Instants and durations, as users write them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from dateutil.relativedelta import relativedelta
from hypothesis import given
from hypothesis import strategies as st

from bulk_ingestion.times import (
    Lengths,
    epoch_milliseconds,
    iso,
    parse_duration,
    parse_instant,
    parse_start,
)

NOW = datetime(2026, 11, 23, 22, tzinfo=UTC)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2023-01-31", "2023-01-31T00:00:00Z"),
        ("2023-01-31T08:00:00Z", "2023-01-31T08:00:00Z"),
        ("2023-01-31T08:00:00+02:00", "2023-01-31T06:00:00Z"),
        ("2023-01-31T08:00:00.999Z", "2023-01-31T08:00:00Z"),
        (1634244800.435, "2021-10-14T20:53:20Z"),
        (1634244800, "2021-10-14T20:53:20Z"),
        (-5, "1969-12-31T23:59:55Z"),
        (datetime(2023, 1, 31, 8, tzinfo=UTC), "2023-01-31T08:00:00Z"),
    ],
)
def test_an_instant_is_read_in_utc_down_to_the_second(written: Any, meant: str) -> None:
    assert iso(parse_instant(written)) == meant


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("31.01.2023", '"31.01.2023" is not a point in time; use a date (2023-01-31)'),
        ("2023-02-30", "is not a point in time"),
        ("20231301", "is not a point in time"),
        (True, "is true; it must be a date"),
        (None, "is null; it must be a date"),
        ([], "is []; it must be a date"),
        (float("inf"), "Infinity is not a point in time"),
        (float("nan"), "NaN is not a point in time"),
        (10**30, "is too large for epoch seconds"),
        (-99_999_999_999, "is before the year 1"),
        ("0001-01-01T00:00:00+14:00", "is outside the years 1 to 9999 in UTC"),
        ("9999-12-31T23:59:59-14:00", "is outside the years 1 to 9999 in UTC"),
    ],
)
def test_what_is_no_instant_is_refused_with_what_would_be_right(written: Any, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        parse_instant(written)


@pytest.mark.parametrize(
    ("written", "suggested"),
    [
        ("2023-01-31T08:00:00", "2023-01-31T08:00:00Z"),
        ("2023-01-31 08:00", "2023-01-31T08:00:00Z"),
        (datetime(2023, 1, 31, 8), "2023-01-31T08:00:00Z"),
        ("20230101", "2023-01-01"),
        ("2023-W05-1", "2023-01-30"),
        ("2023-W05", "2023-01-30"),
        ("2023", "2023-01-01"),
        ("2023-05", "2023-05-01"),
        ("2023/1/5", "2023-01-05"),
        ("2023.01.05", "2023-01-05"),
        (" 2023-01-31 ", "2023-01-31"),
        (" 2023-01-31T08:00:00Z", "2023-01-31T08:00:00Z"),
        ("1672531200", "2023-01-01T00:00:00Z"),
        (1672531200000, "2023-01-01T00:00:00Z"),
        ("1672531200000", "2023-01-01T00:00:00Z"),
        (1672531200000000, "2023-01-01T00:00:00Z"),
        (1672531200000000000, "2023-01-01T00:00:00Z"),
        (-1672531200000, "1917-01-01T00:00:00Z"),
    ],
)
def test_an_instant_in_another_form_is_refused_with_one_that_is_accepted(
    written: Any, suggested: str
) -> None:
    with pytest.raises(ValueError, match=f"use {suggested}$"):
        parse_instant(written)
    parse_instant(suggested)


def test_milliseconds_are_named_as_such_with_the_seconds() -> None:
    with pytest.raises(
        ValueError, match=r"in milliseconds; divide it by 1,000 \(1672531200\), or use 2023-01-01T"
    ):
        parse_instant(1672531200000)
    assert iso(parse_instant(1672531200)) == "2023-01-01T00:00:00Z"


@given(
    st.one_of(
        st.text(max_size=30),
        st.integers(),
        st.floats(),
        st.dates().map(lambda day: day.strftime("%Y%m%d")),
        st.dates().map(lambda day: "{}-W{:02}-{}".format(*day.isocalendar())),
        st.datetimes().map(str),
        st.integers(-(10**20), 10**20).map(str),
    )
)
def test_every_form_that_a_message_suggests_is_accepted(written: Any) -> None:
    try:
        parse_instant(written)
    except ValueError as refused:
        for suggested in re.findall(r"use (\d\S*)$|\((-?[\w:-]+)\)", str(refused)):
            form = "".join(suggested)
            parse_instant(int(form) if re.fullmatch(r"-?\d+", form) else form)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("P2M", relativedelta(months=2)),
        ("P1Y6M", relativedelta(years=1, months=6)),
        ("P2W", relativedelta(weeks=2)),
        ("P90D", relativedelta(days=90)),
        ("PT12H", relativedelta(hours=12)),
        ("P1DT1H30M", relativedelta(days=1, hours=1, minutes=30)),
    ],
)
def test_a_duration_is_read(written: str, meant: relativedelta) -> None:
    assert parse_duration(written) == meant


@pytest.mark.parametrize("written", ["", "P", "PT", "P2", "P-2M", "P0D", "P1.5M", 60, None, "0M"])
def test_what_is_no_duration_is_refused(written: Any) -> None:
    with pytest.raises(ValueError, match=r"is not a duration|is too short"):
        parse_duration(written)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2M", "P2M"),
        ("p2m", "P2M"),
        ("2 months", "P2M"),
        ("PT90D", "P90D"),
        ("12 hours", "PT12H"),
        ("-P1Y", "P1Y"),
    ],
)
def test_a_duration_in_another_form_is_refused_with_what_was_meant(
    written: str, meant: str
) -> None:
    with pytest.raises(ValueError, match=f"did you mean {meant}\\?"):
        parse_duration(written)
    parse_duration(meant)


def test_only_lengths_that_are_accepted_are_read_and_meant() -> None:
    lengths = Lengths(timedelta(0), timedelta(days=7), "up to a week (PT1H)")
    assert parse_duration("PT0S", lengths) == relativedelta()
    assert parse_duration("P7D", lengths) == relativedelta(days=7)
    with pytest.raises(ValueError, match=r'"P8D" is too long; use up to a week \(PT1H\)'):
        parse_duration("P8D", lengths)
    with pytest.raises(ValueError, match="did you mean P7D"):
        parse_duration("7 days", lengths)
    with pytest.raises(ValueError, match=r'"2 months" is not a duration; use up to a week'):
        parse_duration("2 months", lengths)


@pytest.mark.parametrize("written", ["P101Y", "P9999999999999M", f"P{'9' * 5000}D"])
def test_a_duration_beyond_a_century_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match="is too long"):
        parse_duration(written)


def test_a_start_may_be_a_duration_back_from_now() -> None:
    assert parse_start("P2M", NOW) == datetime(2026, 9, 23, 22, tzinfo=UTC)
    assert parse_start("P90D", NOW) == NOW - timedelta(days=90)
    with pytest.raises(ValueError, match="back from now"):
        parse_start("last year", NOW)


@given(st.datetimes(min_value=datetime(1970, 1, 1), timezones=st.just(UTC)))
def test_an_instant_written_is_read_again(instant: datetime) -> None:
    whole = instant.replace(microsecond=0)
    assert parse_instant(iso(whole)) == whole
    assert epoch_milliseconds(whole) == (whole - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(
        milliseconds=1
    )
