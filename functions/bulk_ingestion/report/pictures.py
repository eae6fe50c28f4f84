"""The geometry of the charts on the report's page, in percent of their width."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from bulk_ingestion.report.record import Batch
from bulk_ingestion.times import parse_instant

COLUMNS = 120
"""If a row has more windows than this, the windows of a period share a block."""

SYMBOLS = {
    "FAILED": "✕",
    "RETRY": "↻",
    "CANCELLED": "■",
    "IN_PROGRESS": "▸",
    "NOT_STARTED": "○",
    "SPLIT": "÷",
    "COMPLETE": "✓",
}
"""The statuses, the worst first, each with its symbol."""

_RANK = {status: rank for rank, status in enumerate(SYMBOLS)}
_WINDOWS_END = 94.0  # percent; the continuous integration follows
_LABELLED = 1.8  # percent; a narrower block has no room for a symbol on a wide screen
_NARROW = 7.0  # percent; a narrower block has no room for a symbol on a phone
_LEAST_WIDTH = 0.25  # percent
_BY_MONTH = 24  # months; a shorter axis would have too few blocks
_MONTHS = (1, 2, 3, 6, 12, 24, 60, 120)
_DAYS = (1, 2, 7, 14)
_TICKS = 8


@dataclass(frozen=True)
class Axis:
    """The time axis: the period of all windows, from the left edge to the hand-off."""

    start: datetime
    end: datetime

    @classmethod
    def of(cls, batches: Iterable[Batch]) -> Axis:
        """Give the axis that covers all windows."""
        bounds = [_period(batch) for batch in batches]
        return cls(min(start for start, _ in bounds), max(end for _, end in bounds))

    def place(self, instant: datetime) -> float:
        """Give an instant's position, in percent of the chart's width."""
        return _WINDOWS_END * ((instant - self.start) / (self.end - self.start))

    def ticks(self) -> list[Tick]:
        """Mark the starts of some days, months, or years."""
        days = (self.end - self.start) / timedelta(days=1)
        if days <= _DAYS[-1] * _TICKS / 2:
            step = next((step for step in _DAYS if days / step <= _TICKS), _DAYS[-1])
            first = self.start.replace(hour=0, minute=0, second=0)
            marks = [first + timedelta(days=n) for n in range(1, int(days) + 2, step)]
            form = "%d %b"
        else:
            months = days / 30.44
            step = next((step for step in _MONTHS if months / step <= _TICKS), _MONTHS[-1])
            marks = _months(self.start, self.end, step)
            form = "%Y" if step >= 12 else "%b %Y"
        inside = [mark for mark in marks if self.start <= mark <= self.end]
        return [
            Tick(self.place(mark), mark.strftime(form), minor=bool(index % 2))
            for index, mark in enumerate(inside)
        ]


@dataclass(frozen=True)
class Tick:
    """A mark on the axis of time."""

    x: float
    label: str
    minor: bool
    """Hidden on a small screen."""

    @property
    def anchor(self) -> str:
        """Which end of the label is at the mark, so that every label is inside the chart."""
        return "start" if self.x < 6 else "end" if self.x > 88 else "middle"


@dataclass(frozen=True)
class Block:
    """One window in a row of the timeline, or neighboring windows that share a column."""

    x: float
    width: float
    batches: tuple[Batch, ...]

    @property
    def labelled(self) -> bool:
        """Whether its symbol has room on a wide screen."""
        return self.width >= _LABELLED

    @property
    def narrow(self) -> bool:
        """Whether its symbol has no room on a phone."""
        return self.width < _NARROW

    @property
    def status(self) -> str:
        """Give the worst status of its windows."""
        statuses = [str(batch["Status"]) for batch in self.batches]
        return min(statuses, key=lambda status: _RANK[status])

    @property
    def attempts(self) -> int:
        """The largest number of attempts of one of its windows."""
        return max(int(batch["Attempts"]) for batch in self.batches)

    @property
    def records(self) -> int:
        """The number of imported records."""
        return sum(int(batch["RecordsProcessed"]) for batch in self.batches)

    @property
    def failed_records(self) -> int:
        """The number of records that could not be put."""
        return sum(int(batch["RecordsFailed"]) for batch in self.batches)

    @property
    def title(self) -> str:
        """Its tooltip."""
        first, last = self.batches[0], self.batches[-1]
        many = len(self.batches) > 1
        counted = Counter(str(batch["Status"]) for batch in self.batches)
        statuses = ", ".join(
            f"{counted[status]} {status}" if many else status for status in counted
        )
        return (
            f"{first['WindowId']}{' to ' + last['WindowId'] if many else ''}: "
            f"{first['BatchRecordsStartTime']} to {last['BatchRecordsEndTime']}, {statuses}, "
            f"{self.records:,} records, {self.attempts} attempts{' at most' if many else ''}"
        )


def timeline(axis: Axis, batches: list[Batch]) -> list[list[Block]]:
    """Give the rows of the timeline: the planned windows, and below them the halves of windows."""
    depths: dict[int, list[Batch]] = {}
    for batch in batches:
        depths.setdefault(batch["WindowId"].count("-"), []).append(batch)
    return [blocks(axis, depths[depth]) for depth in sorted(depths)]


def months_of_a_block(axis: Axis) -> int:
    """Give the number of calendar months that share a block; 0 if the axis is too short."""
    months = (axis.end - axis.start) / timedelta(days=30.44)
    if months < _BY_MONTH:
        return 0
    return next((step for step in _MONTHS if months / step <= COLUMNS), _MONTHS[-1])


def blocks(axis: Axis, batches: list[Batch]) -> list[Block]:
    """Give each window its position. If there are too many, those of a period share a block.

    The period is a calendar month, or as many months as it takes to have few enough blocks. A time
    axis of less than two years has columns of equal width.
    """
    if len(batches) <= COLUMNS:
        return [_block(axis, (batch,)) for batch in batches]
    step = months_of_a_block(axis)
    columns: dict[int, list[Batch]] = {}
    for batch in batches:
        start, _ = _period(batch)
        column = int(axis.place(start) / _WINDOWS_END * COLUMNS)
        if step:
            column = (start.year * 12 + start.month - 1) // step
        columns.setdefault(column, []).append(batch)
    return [_block(axis, tuple(columns[column])) for column in sorted(columns)]


def _block(axis: Axis, batches: tuple[Batch, ...]) -> Block:
    left = axis.place(min(_period(batch)[0] for batch in batches))
    right = axis.place(max(_period(batch)[1] for batch in batches))
    return Block(left, max(right - left, _LEAST_WIDTH), batches)


@dataclass(frozen=True)
class Bars:
    """Records per window, on a scale that starts at zero."""

    blocks: list[Block]
    top: int
    """The number of records at the upper edge."""
    step: int
    """The number of records between two lines."""

    @classmethod
    def of(cls, axis: Axis, leaves: list[Batch]) -> Bars:
        """Give the bars of the leaves: the windows that were not split."""
        bars = blocks(axis, leaves)
        most = max((bar.records + bar.failed_records for bar in bars), default=0)
        step = _round_step(most)
        return cls(bars, max(step, -(-most // step) * step), step)

    @property
    def is_grouped(self) -> bool:
        """Whether windows share a bar."""
        return any(len(bar.batches) > 1 for bar in self.blocks)

    def height(self, records: int) -> float:
        """Give the height of a bar, in percent."""
        return 100 * records / self.top

    def lines(self) -> list[int]:
        """Give the number of records at each line."""
        return list(range(0, self.top + 1, self.step))


def _round_step(most: int) -> int:
    """Give the smallest 1, 2, or 5 times a power of ten that reaches ``most`` in four steps."""
    power = 1
    while True:
        for digit in (1, 2, 5):
            if digit * power * 4 >= most:
                return digit * power
        power *= 10


def _months(start: datetime, end: datetime, step: int) -> list[datetime]:
    first, last = start.year * 12 + start.month - 1, end.year * 12 + end.month - 1
    midnight = start.replace(day=1, hour=0, minute=0, second=0)
    return [
        midnight.replace(year=month // 12, month=month % 12 + 1)
        for month in range(-(-first // step) * step, last + 1, step)
    ]


def _period(batch: Batch) -> tuple[datetime, datetime]:
    return (
        parse_instant(batch["BatchRecordsStartTime"]),
        parse_instant(batch["BatchRecordsEndTime"]),
    )
