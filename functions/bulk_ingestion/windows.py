"""Windows: the past cut into half-open intervals ``[start, end)``, in UTC."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count, islice, pairwise

from dateutil.relativedelta import relativedelta

SMALLEST = timedelta(hours=1)
"""A window shorter than this is neither planned nor split."""

MOST = 10_000
"""Windows of one execution at most."""

BULK_BEGINS = relativedelta(months=2)
"""An import that reaches back no further than this needs no windows (as in the Connect console)."""


@dataclass(frozen=True)
class Window:
    """One batch window: every instant from ``start`` up to, and without, ``end``."""

    id: str
    """Four digits in the order of time; halves of a split window add ``-1`` and ``-2``."""
    start: datetime
    end: datetime

    @property
    def depth(self) -> int:
        """How many splits led to it."""
        return self.id.count("-")

    def halves(self) -> tuple[Window, Window] | None:
        """Cut it in two at a whole second; None when the halves would be too small."""
        middle = self.start + (self.end - self.start) / 2
        middle = middle.replace(microsecond=0)
        if middle - self.start < SMALLEST:
            return None
        first = Window(f"{self.id}-1", self.start, middle)
        return first, Window(f"{self.id}-2", middle, self.end)


def cut(start: datetime, end: datetime, size: relativedelta) -> list[Window]:
    """Cover ``[start, end)`` with windows of ``size``, the last one shorter if need be.

    Each bound is counted from the first start (``start + k * size``), so that a window that
    begins on a 31st does not drift. Raises ValueError for more than ``MOST`` windows.
    """
    bounds = list(islice(_bounds(start, end, size), MOST + 2))
    if len(bounds) > MOST + 1:
        raise ValueError(f"makes more than {MOST:,} windows; choose larger ones")
    return number(list(pairwise(bounds)))


def number(intervals: list[tuple[datetime, datetime]]) -> list[Window]:
    """Name intervals, which are in the order of time."""
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
