"""Windows cover the past: without gap, without overlap, in order, none too long."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from dateutil.relativedelta import relativedelta
from hypothesis import assume, given
from hypothesis import strategies as st

from bulk_ingestion.flow.windows import SMALLEST, Window, cut, cut_at, number

INSTANTS = st.datetimes(
    min_value=datetime(1999, 1, 1),
    max_value=datetime(2030, 1, 1),
    timezones=st.just(UTC),
).map(lambda instant: instant.replace(microsecond=0))
SIZES = st.one_of(
    st.integers(1, 30).map(lambda n: relativedelta(months=n)),
    st.integers(1, 5).map(lambda n: relativedelta(years=n)),
    st.integers(2, 400).map(lambda n: relativedelta(days=n)),
    st.tuples(st.integers(1, 6), st.integers(1, 20)).map(
        lambda parts: relativedelta(months=parts[0], days=parts[1])
    ),
)


def at(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc,arg-type]


@given(start=INSTANTS, end=INSTANTS, size=SIZES)
def test_windows_cover_the_past_without_gap_or_overlap(
    start: datetime, end: datetime, size: relativedelta
) -> None:
    assume(start < end)
    windows = cut(start, end, size)
    assert windows[0].start == start
    assert windows[-1].end == end
    assert all(window.start < window.end for window in windows)
    assert all(earlier.end == later.start for earlier, later in pairwise(windows))
    assert [window.id for window in windows] == sorted({window.id for window in windows})


@given(start=INSTANTS, end=INSTANTS, size=SIZES)
def test_no_window_is_longer_than_the_batch_size(
    start: datetime, end: datetime, size: relativedelta
) -> None:
    assume(start < end)
    longest = max(
        datetime(2024, month, 1) + size - datetime(2024, month, 1) for month in range(1, 13)
    )
    # A month clamped to its last day gives its days to the next window: three at most.
    clamped = timedelta(days=3 if size.months or size.years else 0)
    assert all(window.end - window.start <= longest + clamped for window in cut(start, end, size))


@pytest.mark.parametrize(
    ("start", "end", "bounds"),
    [
        # Months are counted from the first start, so that a 31st does not drift.
        (
            at(2024, 8, 31),
            at(2025, 6, 30),
            [(8, 31), (10, 31), (12, 31), (2, 28), (4, 30), (6, 30)],
        ),
        # A leap day, from the last day of the year.
        (at(2023, 12, 31), at(2024, 3, 1), [(12, 31), (2, 29), (3, 1)]),
        # Whole months leave no shorter window behind.
        (at(2024, 1, 1), at(2024, 5, 1), [(1, 1), (3, 1), (5, 1)]),
    ],
)
def test_months_are_counted_from_the_first_start(
    start: datetime, end: datetime, bounds: list[tuple[int, int]]
) -> None:
    windows = cut(start, end, relativedelta(months=2))
    assert [(w.start.month, w.start.day) for w in windows] == bounds[:-1]
    assert [(w.end.month, w.end.day) for w in windows] == bounds[1:]


def test_two_years_are_twelve_windows_or_thirteen_when_the_last_months_are_not_whole() -> None:
    assert len(cut(at(2024, 11, 23, 22), at(2026, 11, 23, 22), relativedelta(months=2))) == 12
    assert len(cut(at(2024, 11, 1), at(2026, 11, 23, 22), relativedelta(months=2))) == 13


def test_ten_years_of_days_are_one_plan() -> None:
    assert len(cut(at(2014, 1, 3), at(2024, 1, 1), relativedelta(days=1))) == 3650


def test_too_many_windows_are_refused() -> None:
    with pytest.raises(ValueError, match="more than 10,000 windows"):
        cut(at(1, 1, 1), at(2026, 1, 1), relativedelta(hours=1))


def test_nothing_to_cover_makes_no_window() -> None:
    assert cut(at(2026, 1, 1), at(2026, 1, 1), relativedelta(months=2)) == []


@given(start=INSTANTS, length=st.integers(2 * 3600, 10**8))
def test_halves_take_the_place_of_a_window(start: datetime, length: int) -> None:
    window = Window("0007", start, start + timedelta(seconds=length))
    halves = window.halves()
    assert halves is not None
    first, second = halves
    assert (first.id, second.id) == ("0007-1", "0007-2")
    assert (first.start, first.end, second.end) == (window.start, second.start, window.end)
    assert min(first.end - first.start, second.end - second.start) >= SMALLEST
    assert first.depth == second.depth == window.depth + 1


def test_a_window_under_two_hours_is_not_halved() -> None:
    window = Window("0001", at(2026, 1, 1), at(2026, 1, 1, 1, 59, 59))
    assert window.halves() is None


@given(
    bounds=st.lists(INSTANTS, min_size=2, max_size=6, unique=True).map(sorted),
    instants=st.lists(INSTANTS, max_size=20, unique=True).map(sorted),
)
def test_windows_are_cut_at_the_instants_inside_them(
    bounds: list[datetime], instants: list[datetime]
) -> None:
    windows = number(list(pairwise(bounds)))
    pieces = cut_at(windows, instants)
    inside = {instant for instant in instants if bounds[0] < instant < bounds[-1]}
    wanted = sorted({*bounds, *inside})
    assert [(piece.start, piece.end) for piece in pieces] == list(pairwise(wanted))
    assert [piece.id for piece in pieces] == [f"{n:04}" for n in range(1, len(wanted))]


def test_windows_are_left_whole_if_their_pieces_would_be_too_many() -> None:
    windows = tuple(cut(at(2014, 1, 3), at(2024, 1, 1), relativedelta(days=1)))
    instants = [window.start + timedelta(hours=hour) for window in windows for hour in (6, 12)]
    assert cut_at(windows, instants) == windows
