"""What has been imported, held against a set of whole hours."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from bulk_ingestion.integration.coverage import Coverage, Period

BEGINS = datetime(2023, 1, 1, tzinfo=UTC)
HOURS = 40

hours = st.integers(0, HOURS)
periods = st.lists(st.tuples(hours, hours), max_size=8)


def at(hour: int) -> datetime:
    return BEGINS + timedelta(hours=hour)


def coverage(given_hours: list[tuple[int, int]]) -> Coverage:
    return Coverage.of((at(start), at(end)) for start, end in given_hours)


def model(given_hours: list[tuple[int, int]]) -> set[int]:
    return {hour for start, end in given_hours for hour in range(start, end)}


def covered(these: tuple[Period, ...]) -> set[int]:
    return {hour for hour in range(HOURS) if any(start <= at(hour) < end for start, end in these)}


@given(periods)
def test_periods_are_merged_into_the_fewest_that_hold_the_same_instants(
    drawn: list[tuple[int, int]],
) -> None:
    merged = coverage(drawn)
    assert covered(merged.periods) == model(drawn)
    assert all(start < end for start, end in merged.periods)
    assert all(end < begin for end, begin in merged.between())
    assert {hour for hour in range(HOURS) if at(hour) in merged} == model(drawn)


@given(periods, hours)
def test_the_covered_period_up_to_an_instant_begins_after_the_last_gap(
    drawn: list[tuple[int, int]], end: int
) -> None:
    begins = end
    while begins - 1 in model(drawn):
        begins -= 1
    assert coverage(drawn).covered_since(at(end)) == at(begins)


@given(periods, periods)
def test_a_difference_covers_what_only_the_first_covers(
    first: list[tuple[int, int]], second: list[tuple[int, int]]
) -> None:
    left = coverage(first) - coverage(second)
    assert {hour for hour in range(HOURS) if at(hour) in left} == model(first) - model(second)


@given(periods, periods)
def test_a_union_covers_what_either_covers(
    one: list[tuple[int, int]], other: list[tuple[int, int]]
) -> None:
    assert (coverage(one) | coverage(other)) == coverage(one + other)


@given(periods, hours, hours)
def test_gaps_are_what_is_asked_for_without_what_is_covered(
    drawn: list[tuple[int, int]], start: int, end: int
) -> None:
    gaps = coverage(drawn).gaps(at(start), at(end))
    assert covered(gaps) == set(range(start, end)) - model(drawn)
    assert gaps == Coverage.of(gaps).periods


@given(periods, hours)
def test_everything_is_covered_up_to_the_instant_that_is_given(
    drawn: list[tuple[int, int]], hour: int
) -> None:
    until = coverage(drawn).covered_until(at(hour))
    end = next(later for later in range(hour, HOURS + 1) if later not in model(drawn))
    assert until == at(end)


@given(periods)
def test_what_is_written_is_read_again(drawn: list[tuple[int, int]]) -> None:
    assert Coverage.from_json(coverage(drawn).to_json()) == coverage(drawn)


def test_a_line_names_the_reach_and_the_gaps() -> None:
    assert str(Coverage()) == "nothing yet"
    assert str(coverage([(0, 5)])) == (
        "2023-01-01T00:00:00Z to 2023-01-01T05:00:00Z, without a gap"
    )
    assert str(coverage([(0, 5), (7, 9), (10, 12)])) == (
        "2023-01-01T00:00:00Z to 2023-01-01T12:00:00Z, except "
        "2023-01-01T05:00:00Z to 2023-01-01T07:00:00Z and "
        "2023-01-01T09:00:00Z to 2023-01-01T10:00:00Z"
    )
