"""What is drawn: an application, its records, an input, what goes wrong, and changes meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any, Literal

from dateutil.relativedelta import relativedelta
from hypothesis import strategies as st

from bulk_ingestion.times import length, parse_duration
from tests.proof.applications import Application
from tests.proof.disturbances import Disturbance, disturbances

MILLISECOND = timedelta(milliseconds=1)
SECOND = timedelta(seconds=1)
_OFF = [timedelta(), -MILLISECOND, MILLISECOND, -SECOND, SECOND]
HOUR = timedelta(hours=1)
OVERLAP = HOUR
"""How far the continuous integration looks back behind the hand-off, since no example says."""
RETRIES = 3
RUN_DEADLINE = timedelta(minutes=30)
"""The deadline of a run in this suite: polls cost time, and a day has many."""


@dataclass(frozen=True)
class Change:
    """A change at the source, when so many runs of windows have started, or have ended."""

    runs: int
    moment: Literal["Start", "End"]
    key: str | None
    """The record that is changed; None for a new one."""


@dataclass(frozen=True)
class Example:
    """One drawn execution and all around it."""

    application: Application
    now: datetime
    asked: dict[str, Any]
    """The keys of the input that say what to import, and how."""
    intervals: tuple[tuple[datetime, datetime], ...]
    """What the windows have to cover, in the order of time."""
    hand_off: datetime | None
    """From where on the continuous integration has to pull; None if there is to be none."""
    records: tuple[tuple[str, datetime], ...]
    """Key and last change of each record at the source."""
    disturbances: tuple[Disturbance, ...] = ()
    seed: int = 1
    changes: tuple[Change, ...] = ()
    stopped_at: int | None = None
    """The run of a window at whose start somebody stops the execution."""
    patience: int = 0
    """How many redrives come before the faults are removed."""
    record_limit: int | None = None
    """How many records a run transfers at most."""

    @property
    def input(self) -> dict[str, Any]:
        given = self.application.input
        given.pop("ImportFrom", None)
        return given | self.asked

    @property
    def faults(self) -> dict[str, Any]:
        asked = [disturbance.asked for disturbance in self.disturbances if disturbance.asked]
        if self.record_limit is not None:
            asked.append({"Run": {"Flow": "^bulk-"}, "CutAt": self.record_limit})
        knobs = {k: v for disturbance in self.disturbances for k, v in disturbance.knobs.items()}
        return {"Seed": self.seed, "Faults": asked, "Knobs": knobs}

    @property
    def lag(self) -> timedelta:
        """How long after its stamp a record can be read, at most."""
        lags = [d.knobs["VisibilityLag"] for d in self.disturbances if "VisibilityLag" in d.knobs]
        return max((length(parse_duration(lag)) for lag in lags), default=timedelta())

    @property
    def is_bearable(self) -> bool:
        """Whether three retries have to be enough, so that the execution must not fail."""
        costs = [disturbance.failed_runs for disturbance in self.disturbances]
        splits = any(disturbance.splits for disturbance in self.disturbances)
        return (
            self.stopped_at is None
            and None not in costs
            and sum(cost or 0 for cost in costs) <= RETRIES
            and not (splits and any(end - start < 3 * HOUR for start, end in self.intervals))
        )

    @property
    def hinders_removal(self) -> bool:
        """Whether a fault may leave something to the daily cleanup."""
        return any(disturbance.hinders_removal for disturbance in self.disturbances)

    def is_covered(self, moment: datetime) -> bool:
        """Whether the import, or the continuous integration, is to bring a record."""
        is_pulled = self.hand_off is not None and moment >= self.hand_off
        return is_pulled or any(start <= moment < end for start, end in self.intervals)

    def may_come(self, moment: datetime) -> bool:
        """Whether a record may be brought, though nobody asked for it: the first pull overlaps."""
        windows = [start for start, end in self.intervals if end == self.hand_off]
        return self.hand_off is not None and moment >= max(
            self.hand_off - OVERLAP, *(windows or [self.hand_off])
        )


# ------------------------------------------------------------------------------ instants

_ODD_INSTANTS = [
    datetime(2024, 2, 29, tzinfo=UTC),
    datetime(2024, 2, 29, 23, 59, 59, tzinfo=UTC),
    datetime(2024, 3, 1, tzinfo=UTC),
    datetime(2024, 3, 10, 7, tzinfo=UTC),  # summer time begins in New York,
    datetime(2024, 3, 31, 1, tzinfo=UTC),  # and in Europe;
    datetime(2024, 10, 27, 1, tzinfo=UTC),  # it ends in Europe,
    datetime(2024, 11, 3, 6, tzinfo=UTC),  # and in New York
    datetime(2024, 12, 31, 23, 59, 59, tzinfo=UTC),
    datetime(2025, 1, 31, tzinfo=UTC),
]

_NOWS = [
    datetime(2024, 12, 31, 23, 59, 59, tzinfo=UTC),
    datetime(2024, 10, 27, 1, tzinfo=UTC),
    datetime(2025, 3, 1, tzinfo=UTC),
    datetime(2026, 11, 23, 22, tzinfo=UTC),
]

_SIZES = {
    "P1M": relativedelta(months=1),
    "P2M": relativedelta(months=2),
    "P3M": relativedelta(months=3),
    "P20D": relativedelta(days=20),
    "P45D": relativedelta(days=45),
    "P4W": relativedelta(weeks=4),
    "P7W": relativedelta(weeks=7),
}

_FEWEST = {"P1M": 3, "P2M": 2, "P3M": 1, "P20D": 4, "P45D": 2, "P4W": 3, "P7W": 2}
"""How many windows of a size reach back more than two months. An import that does not has none."""

_ROUNDED: list[Callable[[datetime], datetime]] = [
    lambda start: start,
    lambda start: start.replace(hour=0, minute=0, second=0),
    lambda start: start.replace(day=1, hour=0, minute=0, second=0),
    lambda start: start + relativedelta(day=31),
    lambda start: start + relativedelta(months=-1, day=31, hour=12),
]


def _written(instant: datetime) -> str:
    return instant.isoformat().replace("+00:00", "Z")


def _middle(start: datetime, end: datetime) -> datetime:
    return (start + (end - start) / 2).replace(microsecond=0)


@dataclass
class _Import:
    """What is asked for, and what has to be covered by it."""

    asked: dict[str, Any]
    intervals: list[tuple[datetime, datetime]]
    hand_off: datetime | None
    edges: list[datetime] = field(default_factory=list)
    middles: list[datetime] = field(default_factory=list)
    """Where the windows are cut in two when they are too large."""

    def __post_init__(self) -> None:
        self.edges = sorted({edge for interval in self.intervals for edge in interval})
        self.edges = self.edges or [self.begins]
        self.middles = [_middle(start, end) for start, end in self.intervals]

    @property
    def begins(self) -> datetime:
        """The first instant that has to be covered."""
        begins = self.intervals[0][0] if self.intervals else self.hand_off
        assert begins is not None
        return begins


@st.composite
def _import_from(draw: st.DrawFn, application: Application, now: datetime) -> _Import:
    whole = now.replace(microsecond=0)
    name = draw(st.sampled_from(sorted(_SIZES)))
    size = _SIZES[name]
    has_none = application.has_windows and draw(st.integers(0, 19)) == 19
    number = 1 if has_none else _FEWEST[name] + draw(st.sampled_from([0, 0, 0, 1, 2]))
    start = min(draw(st.sampled_from(_ROUNDED))(whole - size * number), whole - HOUR)
    asked = {"ImportFrom": _written(start), "BatchSize": name}
    if start >= whole - relativedelta(months=2):
        return _Import(asked, [], start)
    if not application.has_windows:
        return _Import(asked, [(start, whole)], whole)
    edges = [start]
    while (following := start + size * len(edges)) < whole:
        edges.append(following)
    return _Import(asked, list(zip(edges, [*edges[1:], whole], strict=True)), whole)


@st.composite
def _batches(draw: st.DrawFn, now: datetime) -> _Import:
    instants = [instant for instant in _ODD_INSTANTS if instant <= now]
    edges = sorted(draw(st.sets(st.sampled_from(instants), min_size=3, max_size=4)))
    intervals = list(pairwise(edges))
    if len(intervals) > 2 and draw(st.booleans()):
        del intervals[1]  # a gap, which is not imported
    batches = [{"StartTime": _written(a), "EndTime": _written(b)} for a, b in intervals]
    if draw(st.booleans()):
        return _Import({"Batches": batches, "Continue": False}, intervals, None)
    return _Import({"Batches": batches, "BatchSize": "P6M"}, intervals, edges[-1])


@st.composite
def _moment(draw: st.DrawFn, imported: _Import, now: datetime) -> datetime:
    """Draw when a record last changed: on an edge, at an odd instant, or anywhere."""
    kind = draw(st.sampled_from(["edge", "edge", "middle", "odd", "before", "anywhere"]))
    first = imported.edges[0]
    if kind == "edge" or (kind == "middle" and imported.middles):
        near = draw(st.sampled_from(imported.edges if kind == "edge" else imported.middles))
        return min(near + draw(st.sampled_from(_OFF)), now)
    odd = [instant for instant in _ODD_INSTANTS if first <= instant < now]
    if kind == "odd" and odd:
        return draw(st.sampled_from(odd)) + draw(st.sampled_from([timedelta(), -MILLISECOND]))
    if kind == "before":
        return first - timedelta(milliseconds=draw(st.integers(0, 90 * 86_400_000)))
    start, end = draw(st.sampled_from(imported.intervals or [(first, now)]))
    return start + timedelta(milliseconds=draw(st.integers(0, (end - start) // MILLISECOND - 1)))


@st.composite
def _crowd(draw: st.DrawFn, imported: _Import, now: datetime) -> list[datetime]:
    """Draw many moments at even distances in one window."""
    start, end = draw(st.sampled_from(imported.intervals or [(imported.begins, now)]))
    number = draw(st.integers(6, 16))
    return [start + (end - start) * n / number for n in range(number)]


@st.composite
def _records(draw: st.DrawFn, imported: _Import, now: datetime) -> list[tuple[str, datetime]]:
    """Draw records: alone, many at one instant, many in one window; much stays empty."""
    alone = st.lists(_moment(imported, now), min_size=2, max_size=4)
    burst = st.builds(lambda one, size: [one] * size, _moment(imported, now), st.integers(2, 6))
    groups = st.lists(st.one_of(alone, burst, _crowd(imported, now)), min_size=1, max_size=4)
    moments = [moment for group in draw(groups) for moment in group]
    return [(str(1001 + number), moment) for number, moment in enumerate(moments)]


# ------------------------------------------------------------------------------ examples


def _most_in_a_smallest_window(moments: list[datetime]) -> int:
    """Count the records that a window which cannot be split any more may have to hold."""
    return max(sum(start <= other < start + 3 * HOUR for other in moments) for start in moments)


@st.composite
def examples(draw: st.DrawFn, application: Application) -> Example:
    """Draw an execution, with all that goes on around it."""
    now = draw(st.sampled_from(_NOWS)) + draw(st.integers(0, 999)) * MILLISECOND
    if application.has_windows and draw(st.integers(0, 3)) == 0:
        imported = draw(_batches(now))
    else:
        imported = draw(_import_from(application, now))
    records = draw(_records(imported, now))
    changes = draw(
        st.lists(
            st.builds(
                Change,
                st.integers(1, 6),
                st.sampled_from(["Start", "End"]),
                st.none() | st.sampled_from([key for key, _ in records]),
            ),
            max_size=4,
        )
    )
    disturbed = draw(disturbances(application))
    if any("VisibilityLag" in disturbance.knobs for disturbance in disturbed):
        changes = []  # a pull may miss what is stamped shortly before it, as on AWS
    limit = None
    if application.name == "Servicenow" and draw(st.booleans()):
        # A change at the very instant of the hand-off may be in the last window too.
        least = 1 + _most_in_a_smallest_window([moment for _, moment in records]) + len(changes)
        limit = least + draw(st.integers(0, 2))
    return Example(
        application,
        now,
        asked={
            **imported.asked,
            "MaxConcurrency": draw(st.integers(1, 5)),
            "Order": draw(st.sampled_from(["NewestFirst", "OldestFirst"])),
        },
        intervals=tuple(imported.intervals),
        hand_off=imported.hand_off,
        records=tuple(records),
        disturbances=tuple(disturbed),
        seed=draw(st.integers(1, 1000)),
        changes=tuple(changes),
        stopped_at=draw(st.sampled_from([None] * 12 + [1, 2, 3])),
        patience=draw(st.integers(0, 1)),
        record_limit=limit,
    )
