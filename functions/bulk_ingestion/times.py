"""Parses and formats all times: instants and ISO 8601 durations.

Every instant is in UTC and truncated to whole seconds. The AWS SDKs send timestamps without
fractions, and some sources don't store any, but a window's bound must mean the same for all.
"""

from __future__ import annotations

import math
import re
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple

from dateutil.relativedelta import relativedelta

from bulk_ingestion.wording import shown

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_PARTS_OF_DATE = re.compile(r"(\d{4})(?:[-/.](\d{1,2}))?(?:[-/.](\d{1,2}))?", re.ASCII)
_EPOCH_SECONDS = re.compile(r"-?\d{9,19}(\.\d+)?", re.ASCII)
_DURATION = re.compile(
    r"P(?=[\dT])(?:(?P<years>\d+)Y)?(?:(?P<months>\d+)M)?(?:(?P<weeks>\d+)W)?(?:(?P<days>\d+)D)?"
    r"(?:T(?=\d)(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+)S)?)?",
    re.ASCII,
)
_IN_WORDS = re.compile(r"-?P?T?([1-9]\d?) ?(YEAR|MONTH|WEEK|DAY|HOUR|MINUTE|[YMWDH])S?", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_CENTURY_BEGINS = datetime(2000, 1, 1)
_MOST_SECONDS = 100_000_000_000  # the year 5138; a larger number counts a smaller unit
_SMALLER_UNITS = {"milliseconds": 1_000, "microseconds": 1_000_000, "nanoseconds": 1_000_000_000}

INSTANT_FORMS = (
    "a date (2023-01-31), a timestamp with an offset (2023-01-31T08:00:00Z) or epoch seconds "
    "(1675152000)"
)
DURATION_FORMS = "an ISO 8601 duration (P2M, P90D, PT12H)"


def parse_instant(value: Any) -> datetime:
    """Parse a date (midnight UTC), an ISO 8601 timestamp with an offset, or epoch seconds.

    A datetime from boto3 is accepted too. Raises ValueError that says what is wrong and what is
    right. The forms that the message suggests are accepted.
    """
    if isinstance(value, datetime):
        read = value
    elif isinstance(value, int | float) and not isinstance(value, bool):
        read = _from_epoch(value)
    elif isinstance(value, str):
        read = _from_text(value)
    else:
        raise ValueError(f"is {shown(value)}; it must be {INSTANT_FORMS}")
    if read.tzinfo is None:
        suggested = iso(read.replace(tzinfo=UTC, microsecond=0))
        raise ValueError(f"{shown(value)} has no offset from UTC; if it is in UTC, use {suggested}")
    try:
        return read.astimezone(UTC).replace(microsecond=0)
    except OverflowError:
        raise ValueError(f"{shown(value)} is outside the years 1 to 9999 in UTC") from None


def _from_epoch(value: float) -> datetime:
    if not math.isfinite(value):
        raise ValueError(f"{shown(value)} is not a point in time; use {INSTANT_FORMS}")
    if abs(value) >= _MOST_SECONDS:
        raise ValueError(_too_large(math.floor(value)))
    try:
        return _EPOCH + timedelta(seconds=math.floor(value))
    except OverflowError:
        raise ValueError(f"{shown(value)} is before the year 1; use {INSTANT_FORMS}") from None


def _too_large(value: int) -> str:
    for unit, factor in _SMALLER_UNITS.items():
        if abs(value // factor) < _MOST_SECONDS:
            with suppress(OverflowError):
                instant = iso(_EPOCH + timedelta(seconds=value // factor))
                return (
                    f"{value} is in {unit}; divide it by {factor:,} ({value // factor}), or use "
                    f"{instant}"
                )
    return f"{shown(value)} is too large for epoch seconds; use {INSTANT_FORMS}"


def _from_text(text: str) -> datetime:
    if written := _as_written_here(text):
        raise ValueError(f"{shown(text)} is not in a form that is accepted; use {written}")
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{shown(text)} is not a point in time; use {INSTANT_FORMS}") from None
    return read.replace(tzinfo=UTC) if _DATE.fullmatch(text) else read


def _as_written_here(text: str) -> str | None:
    """Convert a text with an unambiguous meaning to an accepted form; None for other texts.

    Such a text is a year, a month, a date in another form (``2023/1/31``, ``20230131``,
    ``2023-W05-2``), epoch seconds as a string, or an accepted form with spaces around it.
    """
    if _DATE.fullmatch(text):
        return None
    with suppress(ValueError):
        if found := _PARTS_OF_DATE.fullmatch(text.strip()):
            year, month, day = (int(part or 1) for part in found.groups())
            return date(year, month, day).isoformat()
        return date.fromisoformat(text.strip()).isoformat()
    with suppress(ValueError):
        if text != text.strip():
            return iso(parse_instant(text.strip()))
    return iso(_from_epoch(float(text))) if _EPOCH_SECONDS.fullmatch(text) else None


class Lengths(NamedTuple):
    """The durations that are accepted for a key of the input."""

    least: timedelta
    most: timedelta
    forms: str
    """A description of what is accepted, with examples."""


ANY_LENGTH = Lengths(timedelta(seconds=1), timedelta(days=36_525), DURATION_FORMS)
"""Any duration up to a hundred years."""


def parse_duration(value: Any, lengths: Lengths = ANY_LENGTH) -> relativedelta:
    """Parse an ISO 8601 duration with whole numbers.

    Raises ValueError that says what is wrong and what is right.
    """
    if not isinstance(value, str) or _DURATION.fullmatch(value) is None:
        meant = _duration_meant(value, lengths)
        right = f"did you mean {meant}?" if meant else f"use {lengths.forms}"
        raise ValueError(f"{shown(value)} is not a duration; {right}")
    duration = _read(value)
    if duration is None or length(duration) > lengths.most:
        raise ValueError(f"{shown(value)} is too long; use {lengths.forms}")
    if length(duration) < lengths.least:
        raise ValueError(f"{shown(value)} is too short; use {lengths.forms}")
    return duration


def _read(text: str) -> relativedelta | None:
    """Parse a text that matches the pattern; None if it is longer than a calendar."""
    found = _DURATION.fullmatch(text)
    numbers = found.groupdict() if found else {}
    try:
        parts = {unit: int(number) for unit, number in numbers.items() if number}
        duration = relativedelta(**parts)  # type: ignore[arg-type]
        length(duration)
    except (OverflowError, ValueError):
        return None
    return duration


def _duration_meant(value: Any, lengths: Lengths) -> str | None:
    """Give the duration that a text such as ``2M``, ``p2m``, or ``2 months`` probably means."""
    found = _IN_WORDS.fullmatch(str(value).upper())
    if found is None:
        return None
    number, unit = found.groups()
    meant = f"P{'T' if unit in ('H', 'HOUR', 'MINUTE') else ''}{number}{unit[0]}"
    duration = _read(meant)
    is_accepted = duration is not None and lengths.least <= length(duration) <= lengths.most
    return meant if is_accepted else None


def seconds_of(duration: str) -> float:
    """Give the seconds of an ISO 8601 duration that starts with the year 2000."""
    return length(parse_duration(duration)).total_seconds()


def length(duration: relativedelta) -> timedelta:
    """Give the length of a duration, which may have months, if it starts with the year 2000."""
    return _CENTURY_BEGINS + duration - _CENTURY_BEGINS


def parse_start(value: Any, now: datetime) -> datetime:
    """Parse an instant, or a duration back from ``now``."""
    if isinstance(value, str) and (value.startswith("P") or _duration_meant(value, ANY_LENGTH)):
        return now - parse_duration(value)
    try:
        return parse_instant(value)
    except ValueError as error:
        others = f"; or {DURATION_FORMS} back from now" if INSTANT_FORMS in str(error) else ""
        raise ValueError(f"{error}{others}") from None


def iso(instant: datetime) -> str:
    """Format an instant as ``2026-11-23T10:00:00Z``."""
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")


def iso_duration(length: timedelta) -> str:
    """Format a duration in whole seconds: ``PT3600S``."""
    return f"PT{int(length.total_seconds())}S"


def epoch_milliseconds(instant: datetime) -> int:
    """Count milliseconds since 1970, as AppFlow's datetime filters do."""
    return int(instant.timestamp()) * 1000
