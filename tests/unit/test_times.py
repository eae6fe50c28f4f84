"""Instants and durations, as users write them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from dateutil.relativedelta import relativedelta
from hypothesis import given
from hypothesis import strategies as st

from bulk_ingestion.times import (
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
    ],
)
def test_an_instant_is_read_in_utc_down_to_the_second(written: Any, meant: str) -> None:
    assert iso(parse_instant(written)) == meant


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("2023-01-31T08:00:00", "add one, such as 2023-01-31T08:00:00Z"),
        ("31.01.2023", "not a point in time"),
        ("2023-02-30", "not a point in time"),
        (1634244800435, "are these milliseconds"),
        (True, "must be a date"),
        (None, "must be a date"),
        ([], "must be a date"),
        (float("inf"), "milliseconds"),
    ],
)
def test_what_is_no_instant_is_refused_with_what_would_be_right(written: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_instant(written)


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


@pytest.mark.parametrize("written", ["", "P", "PT", "2M", "P2", "P-2M", "P0D", "P1.5M", 60, None])
def test_what_is_no_duration_is_refused(written: Any) -> None:
    with pytest.raises(ValueError, match=r"duration|no time at all"):
        parse_duration(written)


@pytest.mark.parametrize("written", ["P101Y", "P9999999999999M", "P99999999999D"])
def test_a_duration_beyond_a_century_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match="hundred years"):
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
