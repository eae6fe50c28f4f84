"""The past that an input imports: its start and its windows."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise

from dateutil.relativedelta import relativedelta

from bulk_ingestion.flow.api_model import Problem
from bulk_ingestion.flow.connectors import Connector
from bulk_ingestion.flow.windows import BULK_BEGINS, MOST, Window, cut, number
from bulk_ingestion.input import presets
from bulk_ingestion.input.model import ExecutionInput, Given
from bulk_ingestion.times import INSTANT_FORMS, iso, parse_duration, parse_instant

EARLIEST_LIKELY = datetime(1990, 1, 1, tzinfo=UTC)
"""No application has records that last changed before this. An earlier start causes a warning."""

FIRST_PULL = "TriggerConfig.TriggerProperties.Scheduled.FirstExecutionFrom"

_LARGER_SIZES = ("P1D", "P7D", "P1M", "P2M", "P6M", "P1Y")


@dataclass
class Past:
    """The windows in order of time, with problems and warnings."""

    windows: list[Window] = field(default_factory=list)
    start: datetime | None = None
    """The start of the import; None if the input does not have one."""
    problems: list[Problem] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    @property
    def hand_off(self) -> datetime:
        """The end of the last window; the start of the import if there are no windows."""
        assert self.start is not None  # for an input without problems
        return self.windows[-1].end if self.windows else self.start


def cut_past(
    given: Given[ExecutionInput],
    connector: Connector | None,
    default_size: relativedelta,
    now: datetime,
) -> Past:
    """Cut the past into the windows of an input.

    ``connector`` is None if the input does not name it. ``now`` is the execution's start.
    """
    keys, past = given.keys, Past()
    first_pull = presets.found_at(keys.FlowDefinition, FIRST_PULL)
    if given.wrong & {"ImportFrom", "Batches"}:
        return past
    if keys.Batches and keys.ImportFrom:
        past.problems.append(Problem("ImportFrom", "can't be used together with Batches; keep one"))
    elif keys.Batches:
        _take_batches(past, keys, connector, now)
    elif keys.ImportFrom:
        past.start = keys.ImportFrom
        _cut(past, "ImportFrom", keys, connector, default_size, now)
    elif first_pull is None:
        past.problems.append(
            Problem(
                "ImportFrom",
                f"is missing; it must be {INSTANT_FORMS}, or a duration back from now (P2Y). Or "
                "use Batches",
            )
        )
    else:
        _begin_with_first_pull(past, first_pull, keys, connector, default_size, now)
    if first_pull is not None and _differs(first_pull, past.start):
        key = "Batches" if keys.Batches else "ImportFrom"
        past.warnings.append(
            f"FlowDefinition.{FIRST_PULL} is not used, because {key} defines what to import. The "
            "continuous integration starts where that ends."
        )
    return past


def _differs(first_pull: object, start: datetime | None) -> bool:
    """Whether a trigger's start differs from the input's. An invalid time is refused elsewhere."""
    try:
        return parse_instant(first_pull) != start
    except ValueError:
        return False


def _take_batches(
    past: Past, keys: ExecutionInput, connector: Connector | None, now: datetime
) -> None:
    assert keys.Batches is not None
    if connector and not connector.has_windows:
        text = f"can't be used with {connector.properties}, because {connector.why_undivided}"
        past.problems.append(Problem("Batches", f"{text}; use ImportFrom"))
    past.start = keys.Batches[0].StartTime
    past.windows = number([(batch.StartTime, batch.EndTime) for batch in keys.Batches])
    past.warnings += [
        f"No batch covers {iso(earlier.end)} to {iso(later.start)}. "
        "Records that last changed in this period are not imported."
        for earlier, later in pairwise(past.windows)
        if earlier.end < later.start
    ]
    if keys.BatchSize:
        has_rest = keys.Continue and past.windows[-1].end < now
        where = "used only for the time between Batches and now" if has_rest else "not used"
        past.warnings.append(f"BatchSize is {where}, because Batches defines its own windows.")
    _warn_of_an_early_start(past, "Batches[].StartTime")


def _begin_with_first_pull(
    past: Past,
    first_pull: object,
    keys: ExecutionInput,
    connector: Connector | None,
    default_size: relativedelta,
    now: datetime,
) -> None:
    path = f"FlowDefinition.{FIRST_PULL}"
    try:
        past.start = parse_instant(first_pull)
    except ValueError as error:
        past.problems.append(Problem(path, str(error)))
        return
    if past.start > now:
        text = f"{iso(past.start)} is in the future; now is {iso(now)}"
        past.problems.append(Problem(path, text))
        return
    _cut(past, path, keys, connector, default_size, now)


def _cut(
    past: Past,
    key: str,
    keys: ExecutionInput,
    connector: Connector | None,
    default_size: relativedelta,
    now: datetime,
) -> None:
    """Cut the time from the start to now. ``key`` is the key that has the start."""
    assert past.start is not None
    _warn_of_an_early_start(past, key)
    if past.start >= now - BULK_BEGINS and keys.Continue:
        if keys.BatchSize:
            past.warnings.append("BatchSize is not used, because there are no windows.")
        return
    if connector and not connector.has_windows:
        if keys.BatchSize:
            past.warnings.append("BatchSize is not used, because there is only one window.")
        past.windows = number([(past.start, now)])
        past.warnings.append(
            f"The past can't be cut into windows for {connector.properties}, because "
            f"{connector.why_undivided}. One flow run imports everything."
        )
        return
    try:
        past.windows = cut(past.start, now, keys.BatchSize or default_size)
    except ValueError as error:
        blamed = "BatchSize" if keys.BatchSize and past.start >= EARLIEST_LIKELY else key
        enough = next(size for size in _LARGER_SIZES if _fits(past.start, now, size))
        past.problems.append(
            Problem(
                blamed,
                f"{error} from {iso(past.start)} to now; use a later start, or a BatchSize such "
                f"as {enough}",
            )
        )


def _fits(start: datetime, now: datetime, size: str) -> bool:
    return start + parse_duration(size) * MOST >= now


def _warn_of_an_early_start(past: Past, key: str) -> None:
    if past.start and past.start < EARLIEST_LIKELY:
        past.warnings.append(
            f"{key}: {iso(past.start)} is before {EARLIEST_LIKELY.year}. No application has "
            "records that old, but each window costs a flow run. If you meant a date, write it as "
            'a string: "2023-01-31".'
        )
