"""Coverage: the periods that have been imported, half-open ``[start, end)``, merged, in order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from bulk_ingestion.times import iso, parse_instant

Period = tuple[datetime, datetime]
"""Every instant from the first one up to, but not including, the second one."""


@dataclass(frozen=True)
class Coverage:
    """A set of instants, as the smallest number of periods, in order of time."""

    periods: tuple[Period, ...] = ()

    @classmethod
    def of(cls, periods: Iterable[Period]) -> Coverage:
        """Merge periods in any order. Periods that overlap or are adjacent become one."""
        merged: list[Period] = []
        for start, end in sorted(period for period in periods if period[0] < period[1]):
            if merged and start <= merged[-1][1]:
                merged[-1] = (merged[-1][0], max(merged[-1][1], end))
            else:
                merged.append((start, end))
        return cls(tuple(merged))

    @classmethod
    def from_json(cls, written: Iterable[tuple[str, str]]) -> Coverage:
        """Read the result of :meth:`to_json`: pairs of ISO 8601 instants."""
        return cls.of((parse_instant(start), parse_instant(end)) for start, end in written)

    def to_json(self) -> list[tuple[str, str]]:
        """Give the periods as pairs of ISO 8601 instants."""
        return [(iso(start), iso(end)) for start, end in self.periods]

    def __or__(self, other: Coverage) -> Coverage:
        return Coverage.of((*self.periods, *other.periods))

    def __sub__(self, other: Coverage) -> Coverage:
        return Coverage.of(gap for period in self.periods for gap in other.gaps(*period))

    def __contains__(self, instant: datetime) -> bool:
        return any(start <= instant < end for start, end in self.periods)

    def gaps(self, start: datetime, end: datetime) -> tuple[Period, ...]:
        """Give the periods of ``[start, end)`` that are not covered, in order of time."""
        inside = (
            (max(start, begin), min(end, finish))
            for begin, finish in self.periods
            if begin < end and start < finish
        )
        bounds = [start, *(bound for period in inside for bound in period), end]
        pairs = zip(bounds[::2], bounds[1::2], strict=True)
        return tuple((earlier, later) for earlier, later in pairs if earlier < later)

    def covered_until(self, instant: datetime) -> datetime:
        """Give the end of the covered period with ``instant``; ``instant`` if it is not covered."""
        return next((end for start, end in self.periods if start <= instant < end), instant)

    def covered_since(self, instant: datetime) -> datetime:
        """Give the start of the covered period up to ``instant``; ``instant`` if there is none."""
        return next((start for start, end in self.periods if start < instant <= end), instant)

    def between(self) -> Iterator[Period]:
        """Give the gaps between the covered periods."""
        return ((earlier[1], later[0]) for earlier, later in pairwise(self.periods))

    def __str__(self) -> str:
        """Format the coverage: ``2023-01-01T00:00:00Z to ..., except ... to ...``."""
        if not self.periods:
            return "nothing yet"
        line = f"{iso(self.periods[0][0])} to {iso(self.periods[-1][1])}"
        gaps = " and ".join(f"{iso(start)} to {iso(end)}" for start, end in self.between())
        if not gaps:
            return f"{line}, without a gap"
        return f"{line}, except {gaps}"
