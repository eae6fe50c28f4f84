"""Windows: cut the past into half-open intervals ``[start, end)``, in UTC."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count, islice, pairwise

from dateutil.relativedelta import relativedelta

from bulk_ingestion.times import ANY_LENGTH, Lengths

SMALLEST = timedelta(hours=1)
"""The shortest window that is planned, or that results from a split because of a message."""

SMALLEST_BY_LIMIT = timedelta(minutes=1)
"""The shortest half of a window that reached the connector's limit."""

TEXT_SPLITS = 3
"""How often a window is split because of the source's message."""

WINDOWS = Lengths(
    SMALLEST, ANY_LENGTH.most, "an ISO 8601 duration of an hour at least (P1M, P2M, P1Y)"
)
"""The lengths that a window may have."""

OVERLAPS = Lengths(
    timedelta(0), timedelta(days=7), "an ISO 8601 duration from PT0S to P7D (PT1H, P1D)"
)
"""The lengths of the overlap before the hand-off."""

MOST = 10_000
"""The largest number of windows of one execution."""

BULK_BEGINS = relativedelta(months=2)
"""An import that reaches back at most this far needs no windows (as in the Connect console)."""


@dataclass(frozen=True)
class Window:
    """One batch window: every instant from ``start`` up to, but not including, ``end``."""

    id: str
    """Four digits in order of time. The halves of a split window add ``-1`` and ``-2``."""
    start: datetime
    end: datetime

    @property
    def depth(self) -> int:
        """The number of splits that led to it."""
        return self.id.count("-")

    @property
    def is_split_by_text(self) -> bool:
        """Whether a message about size or time splits it. If not, its run is repeated."""
        return self.depth < TEXT_SPLITS and self.halves() is not None

    def halves(self, smallest: timedelta = SMALLEST) -> tuple[Window, Window] | None:
        """Split it at a whole second; None if a half would be shorter than ``smallest``."""
        middle = self.start + (self.end - self.start) / 2
        middle = middle.replace(microsecond=0)
        if middle - self.start < smallest:
            return None
        first = Window(f"{self.id}-1", self.start, middle)
        return first, Window(f"{self.id}-2", middle, self.end)


def cut(start: datetime, end: datetime, size: relativedelta) -> list[Window]:
    """Cover ``[start, end)`` with windows of ``size``. The last window may be shorter.

    Each bound is calculated from the first start (``start + k * size``), so that windows that
    start on a 31st do not drift. Raises ValueError for more than ``MOST`` windows.
    """
    bounds = list(islice(_bounds(start, end, size), MOST + 2))
    if len(bounds) > MOST + 1:
        raise ValueError(f"makes more than {MOST:,} windows")
    return number(list(pairwise(bounds)))


def extended(
    windows: tuple[Window, ...], gaps: Iterable[tuple[datetime, datetime]], size: relativedelta
) -> tuple[Window, ...]:
    """Add windows of ``size`` for the later ``gaps``, and number all windows again.

    Raises ValueError for more than ``MOST`` windows.
    """
    pieces = [(window.start, window.end) for window in windows]
    for start, end in gaps:
        pieces += [(window.start, window.end) for window in cut(start, end, size)]
    if len(pieces) > MOST:
        raise ValueError(f"makes more than {MOST:,} windows")
    return tuple(number(pieces))


def cut_at(windows: Iterable[Window], instants: Iterable[datetime]) -> tuple[Window, ...]:
    """Cut windows at those of the instants, in order, that are inside them, and number them again.

    If that makes more than ``MOST`` windows, they are left as they are.
    """
    known, given = list(instants), tuple(windows)
    pieces: list[tuple[datetime, datetime]] = []
    for window in given:
        inside = known[bisect_right(known, window.start) : bisect_left(known, window.end)]
        pieces += pairwise([window.start, *inside, window.end])
    return tuple(number(pieces)) if len(pieces) <= MOST else given


def number(intervals: list[tuple[datetime, datetime]]) -> list[Window]:
    """Give numbers to intervals, which are in order of time."""
    return [Window(f"{n:04}", start, end) for n, (start, end) in enumerate(intervals, 1)]


def _bounds(start: datetime, end: datetime, size: relativedelta) -> Iterator[datetime]:
    if start >= end:
        return
    for k in count():
        bound = start + size * k
        if bound >= end:
            break
        yield bound
    yield end
