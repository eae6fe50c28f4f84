"""When a scheduled flow pulls: ``rate(...)`` and ``cron(...)`` expressions, in UTC.

AppFlow's rates are in the plural and without a space (``rate(1hours)``). A flow's time zone is a
label: "It doesn't affect how Amazon AppFlow interprets the timestamps" (AppFlow's API reference).
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from aws_croniter import AwsCroniter
from aws_croniter.exceptions import AwsCroniterExpressionError
from dateutil.relativedelta import relativedelta

_RATE = re.compile(r"rate\(([1-9]\d*)(minutes|hours|days|weeks|months|years)\)")
_CRON = re.compile(r"cron\((.+)\)")
_MONTH = timedelta(days=31)
_MINUTE = timedelta(minutes=1)


class InvalidSchedule(ValueError):  # noqa: N818
    """An expression that AppFlow does not accept."""


def interval(expression: str) -> timedelta | None:
    """Give a rate's interval, with months of 31 days and years of twelve; None for a ``cron(...)``.

    Raises InvalidSchedule for anything else.
    """
    rate = _rate(expression)
    if rate is None:
        _cron(expression)
        return None
    months = 12 * rate.years + rate.months
    return timedelta(rate.days, hours=rate.hours, minutes=rate.minutes) + months * _MONTH


def next_pull(expression: str, start: datetime, after: datetime) -> datetime | None:
    """Give the first pull after an instant, of a schedule that begins at ``start``.

    A rate's pulls are counted from the start, which is the first one. None when a ``cron(...)``
    has no more.
    """
    rate, every = _rate(expression), interval(expression)
    if rate is None or every is None:
        return _next_of_cron(expression, start, after)
    number = max(0, (after - start) // every)
    while (at := start + rate * number) <= after:
        number += 1
    return at


def _next_of_cron(expression: str, start: datetime, after: datetime) -> datetime | None:
    cron = _cron(expression)
    at: datetime | None = max(start, after).replace(second=0, microsecond=0) - _MINUTE
    while at is not None and (at <= after or at < start):
        at = cron.get_next(at)[0]
    return at


def _rate(expression: str) -> relativedelta | None:
    match = _RATE.fullmatch(expression)
    return relativedelta(**{match[2]: int(match[1])}) if match else None  # type: ignore[arg-type]


def _cron(expression: str) -> AwsCroniter:
    match = _CRON.fullmatch(expression)
    try:
        return AwsCroniter(match[1] if match else "")
    except (AwsCroniterExpressionError, ValueError) as wrong:
        raise InvalidSchedule(str(wrong)) from None
