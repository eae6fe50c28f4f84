"""Checks the schedule of a continuous flow by AppFlow's rules."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from math import ceil
from typing import Any
from zoneinfo import available_timezones

from bulk_ingestion.flow import cron
from bulk_ingestion.flow.api_model import Problem
from bulk_ingestion.flow.connectors import Connector
from bulk_ingestion.times import iso, parse_instant
from bulk_ingestion.wording import nearest, shown

START_DELAY = timedelta(minutes=5)
"""The time from the request that creates a flow to its start. AppFlow requires a later start."""

_UNITS = {
    "minutes": timedelta(minutes=1),
    "hours": timedelta(hours=1),
    "days": timedelta(days=1),
    "weeks": timedelta(weeks=1),
    "months": timedelta(days=31),
    "years": timedelta(days=366),
}
"""The units of a rate, each with its longest duration."""

_RATE = re.compile(rf"rate\(([1-9]\d{{0,3}})({'|'.join(_UNITS)})\)", re.ASCII)
_LIKE_A_RATE = re.compile(r"\D*?0*([1-9]\d{0,3})\s*([a-z]+?)s?\W*", re.ASCII | re.IGNORECASE)


def check(
    scheduled: Mapping[str, Any], connector: Connector | None, path: str, now: datetime
) -> Iterator[Problem]:
    """Find problems in ``TriggerProperties.Scheduled`` that its model does not find.

    ``connector`` is the source's; None if it is unknown. ``now`` is the execution's start.
    """
    if wrong := expression_problem(scheduled["ScheduleExpression"], connector, now):
        yield Problem(f"{path}.ScheduleExpression", wrong)
    if scheduled.get("DataPullMode", "Incremental") != "Incremental":
        yield Problem(
            f"{path}.DataPullMode",
            f"is {scheduled['DataPullMode']}; the continuous integration needs Incremental",
        )
    zone = scheduled.get("Timezone")
    if zone is not None and zone not in available_timezones():
        yield Problem(f"{path}.Timezone", f"is {shown(zone)}; {_zone_meant(zone)}")
    yield from _check_end(scheduled, path, now)


def expression_problem(expression: str, connector: Connector | None, now: datetime) -> str:
    """Say what is wrong with a schedule expression, and what is right; empty if it is valid."""
    wrong = _wrong(expression, connector, now)
    if not wrong:
        return ""
    candidates = filter(None, (_rate_meant(expression), cron.meant(expression)))
    meant = next((one for one in candidates if not _wrong(one, connector, now)), None)
    often = connector is None or connector.minutes_between_runs <= 15
    forms = f"{'rate(15minutes), ' if often else ''}rate(1hours), rate(1days) or cron(0 2 * * ? *)"
    right = f"did you mean {meant}?" if meant else f"use a schedule such as {forms}"
    return f"{shown(expression)} {wrong}; {right}"


def _wrong(expression: str, connector: Connector | None, now: datetime) -> str:
    if expression.startswith("cron("):
        try:
            read = cron.parse(expression)
        except ValueError as error:
            return str(error)
        if not read.runs_from(now.year):
            return f"never runs in {now.year} or later"
        interval = read.least_interval
    elif rate := pull_interval(expression):
        interval = rate
    else:
        return "is not a schedule that AppFlow accepts"
    if connector and interval < timedelta(minutes=connector.minutes_between_runs):
        return (
            f"is too frequent: AppFlow runs a flow from {connector.type} at most every "
            f"{connector.minutes_between_runs} minutes"
        )
    return ""


def pull_interval(expression: str) -> timedelta | None:
    """Give the longest interval of a ``rate(...)``; None for a ``cron(...)``."""
    rate = _RATE.fullmatch(expression)
    return int(rate[1]) * _UNITS[rate[2]] if rate else None


def in_words(expression: str) -> str:
    """Say how often a schedule pulls: ``every 15 minutes``, ``every hour``, ``by cron(...)``."""
    rate = _RATE.fullmatch(expression)
    if rate is None:
        return f"by {expression}"
    number, units = int(rate[1]), rate[2]
    return f"every {units.removesuffix('s')}" if number == 1 else f"every {number} {units}"


def _rate_meant(expression: str) -> str | None:
    """Give the rate that a text probably means: in the plural, without a space."""
    found = _LIKE_A_RATE.fullmatch(expression)
    unit = nearest(f"{found[2]}s", _UNITS) if found else None
    return f"rate({found[1]}{unit})" if found and unit else None


def _zone_meant(zone: str) -> str:
    """Suggest a time zone of the IANA database."""
    near = nearest(zone.replace(" ", "_"), sorted(available_timezones()))
    return f"did you mean {near}?" if near else "use an IANA time zone, such as Europe/Vienna"


def _check_end(scheduled: Mapping[str, Any], path: str, now: datetime) -> Iterator[Problem]:
    end = scheduled.get("ScheduleEndTime")
    if end is None:
        return
    start, end = start_time(scheduled, now), parse_instant(end)
    if end <= now:
        yield Problem(f"{path}.ScheduleEndTime", f"is {iso(end)}, which has passed")
    elif end <= start:
        yield Problem(
            f"{path}.ScheduleEndTime", f"is {iso(end)}, which is not after the start {iso(start)}"
        )


def start_time(
    scheduled: Mapping[str, Any], now: datetime, overlap: timedelta = START_DELAY
) -> datetime:
    """Give the start of the schedule: the user's, or an ``overlap`` after ``now`` if that is later.

    It is at least five minutes after ``now``. If the schedule ends before the overlap does, its
    pulls don't wait for that.
    """
    begins, ends = (
        parse_instant(scheduled[key]) if scheduled.get(key) is not None else None
        for key in ("ScheduleStartTime", "ScheduleEndTime")
    )
    earliest = _whole(now + max(START_DELAY, overlap))
    if ends and ends <= earliest:
        earliest = _whole(now + START_DELAY)
    return max(begins, earliest) if begins else earliest


def has_ended(scheduled: Mapping[str, Any], now: datetime) -> bool:
    """Whether a flow with this schedule can't be created any more, because AppFlow refuses it."""
    end = scheduled.get("ScheduleEndTime")
    return end is not None and parse_instant(end) <= start_time({}, now)


def _whole(instant: datetime) -> datetime:
    """Round an instant up to a whole second."""
    return datetime.fromtimestamp(ceil(instant.timestamp()), UTC)
