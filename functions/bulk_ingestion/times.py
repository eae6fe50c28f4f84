"""Instants and ISO 8601 durations, as users write them and as AWS prints them.

Every instant is in UTC and a whole second, rounded down: the AWS SDKs send timestamps without
fractions, some sources keep none, and a window's bound must mean the same to all of them.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

from dateutil.relativedelta import relativedelta

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_DURATION = re.compile(
    r"P(?:(?P<years>\d+)Y)?(?:(?P<months>\d+)M)?(?:(?P<weeks>\d+)W)?(?:(?P<days>\d+)D)?"
    r"(?:T(?=\d)(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+)S)?)?",
    re.ASCII,
)
_CENTURY_BEGINS, _CENTURY_ENDS = datetime(2000, 1, 1), datetime(2100, 1, 1)
_MILLISECONDS_BEGIN = 100_000_000_000  # as seconds, this is the year 5138

INSTANT_FORMS = (
    "a date (2023-01-31), a timestamp with an offset (2023-01-31T08:00:00Z) or epoch seconds"
)
DURATION_FORMS = "an ISO 8601 duration (P2M, P90D, PT12H)"


def parse_instant(value: Any) -> datetime:
    """Read a date (midnight UTC), an ISO 8601 timestamp with an offset, or epoch seconds.

    Raises ValueError with what is wrong and what would be right.
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        if abs(value) >= _MILLISECONDS_BEGIN:
            raise ValueError(f"{value:g} is too large for epoch seconds (are these milliseconds?)")
        return datetime.fromtimestamp(value // 1, UTC)
    if not isinstance(value, str):
        raise ValueError(f"must be {INSTANT_FORMS}, not {value!r}")
    try:
        parsed = datetime.fromisoformat(value)
    except ValueError:
        raise ValueError(f"{value!r} is not a point in time; use {INSTANT_FORMS}") from None
    if _DATE.fullmatch(value):
        parsed = parsed.replace(tzinfo=UTC)
    if parsed.tzinfo is None:
        raise ValueError(f"{value!r} has no offset from UTC; add one, such as {value}Z")
    return parsed.astimezone(UTC).replace(microsecond=0)


def parse_duration(value: Any) -> relativedelta:
    """Read an ISO 8601 duration of whole numbers, longer than nothing.

    Raises ValueError with what is wrong and what would be right.
    """
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f"{value!r} is not a duration; use {DURATION_FORMS}")
    parts = {unit: int(number) for unit, number in match.groupdict().items() if number}
    if not any(parts.values()):
        raise ValueError(f"{value!r} lasts no time at all; use {DURATION_FORMS}")
    try:
        duration = relativedelta(**parts)  # type: ignore[arg-type]
        too_long = _CENTURY_BEGINS + duration > _CENTURY_ENDS
    except (OverflowError, ValueError):
        too_long = True
    if too_long:
        raise ValueError(f"{value!r} lasts longer than a hundred years")
    return duration


def seconds_of(duration: str) -> float:
    """Count the seconds of a duration as :func:`parse_duration` reads it, from the year 2000 on."""
    return (_CENTURY_BEGINS + parse_duration(duration) - _CENTURY_BEGINS).total_seconds()


def parse_start(value: Any, now: datetime) -> datetime:
    """Read an instant, or a duration back from ``now``."""
    if isinstance(value, str) and value.startswith("P"):
        return now - parse_duration(value)
    try:
        return parse_instant(value)
    except ValueError as error:
        raise ValueError(f"{error}; or {DURATION_FORMS} back from now") from None


def iso(instant: datetime) -> str:
    """Write an instant as ``2026-11-23T10:00:00Z``."""
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")


def epoch_milliseconds(instant: datetime) -> int:
    """Count milliseconds since 1970, as AppFlow's datetime filters do."""
    return int(instant.timestamp()) * 1000
