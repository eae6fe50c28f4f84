"""EventBridge Scheduler in the embedded cloud: schedules start their targets when it is time.

moto keeps schedules and starts nothing. When they start what is told in the user guide:
https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html
"""

from __future__ import annotations

import json
import random
import re
import threading
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from aws_croniter import AwsCroniter
from aws_croniter.exceptions import AwsCroniterExpressionError
from moto.scheduler.exceptions import ValidationException
from moto.scheduler.models import Schedule, scheduler_backends

from local.aws.targets import Delivery, Targets
from local.clock import Clock
from local.interpreter.patches import Patches
from local.services import simulation

_RATE = re.compile(r"rate\(([1-9]\d*) (minute|hour|day)s?\)")
_AT = re.compile(r"at\((\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\)")
_CRON = re.compile(r"cron\((.*)\)")
_INSTANT = timedelta(microseconds=1)
_PAST_START = timedelta(minutes=5)

Times = Callable[[datetime], datetime | None]
"""Gives the first time after an instant at which a schedule invokes its target, if there is one."""

_patches = Patches()


def read(expression: str, timezone: str, since: datetime) -> Times:
    """Read a schedule expression; a rate counts from ``since``. Raises ValidationException."""
    try:
        zone = ZoneInfo(timezone)
    except (ZoneInfoNotFoundError, ValueError):
        raise ValidationException(f"Provided timezone {timezone} is not valid.") from None
    try:
        if found := _RATE.fullmatch(expression):
            return _rate(since, timedelta(**{f"{found[2]}s": int(found[1])}))
        if found := _AT.fullmatch(expression):
            return _at(datetime.fromisoformat(found[1]), zone)
        if found := _CRON.fullmatch(expression):
            return _cron(AwsCroniter(found[1]), zone)
    except (AwsCroniterExpressionError, ValueError) as wrong:
        raise ValidationException(f"Invalid Schedule Expression {expression}: {wrong}") from None
    raise ValidationException(f"Invalid Schedule Expression {expression}.")


def _rate(since: datetime, every: timedelta) -> Times:
    def next_after(instant: datetime) -> datetime:
        return max(since, since + every * ((instant - since) // every + 1))

    return next_after


def _at(local: datetime, zone: ZoneInfo) -> Times:
    def next_after(instant: datetime) -> datetime | None:
        at = _exact(local, zone)
        return at if at is not None and at > instant else None

    return next_after


def _cron(cron: AwsCroniter, zone: ZoneInfo) -> Times:
    """Follow the wall clock: what it skips never comes, and what it repeats comes once."""

    def next_after(instant: datetime) -> datetime | None:
        wall = instant.astimezone(zone).replace(tzinfo=UTC)
        while (found := cron.get_next(wall)[0]) is not None:
            wall = found
            at = _exact(wall.replace(tzinfo=None), zone)
            if at is not None and at > instant:
                return at
        return None

    return next_after


def _exact(local: datetime, zone: ZoneInfo) -> datetime | None:
    """Give the instant at which a wall clock first shows this; None if it never does."""
    at = local.replace(tzinfo=zone).astimezone(UTC)
    return at if at.astimezone(zone).replace(tzinfo=None) == local else None


@dataclass(frozen=True)
class Due:
    """When a schedule's time is, and when in its flexible window it invokes its target."""

    time: datetime
    at: datetime


class Scheduler:
    """Invokes the targets of the account's schedules; :meth:`start_due` does what is due by now."""

    def __init__(self, clock: Clock, targets: Targets, account: str, region: str) -> None:
        self._clock = clock
        self._targets = targets
        self._account, self._region = account, region
        self._starting = threading.Lock()

    def next_due(self) -> datetime | None:
        """Give the time at which the next target is invoked."""
        return min((due.at for _, due in self._coming()), default=None)

    def start_due(self) -> None:
        """Invoke what is due. If a schedule missed several times, it is invoked once."""
        with self._starting:
            now = self._clock.now()
            for schedule, due in sorted(self._coming(), key=lambda coming: coming[1].at):
                if due.at <= now:
                    self._start(schedule, due)
                    schedule.due = _due_after(schedule, max(due.time, now - _window(schedule)))
                    if schedule.due is None and schedule.action_after_completion == "DELETE":
                        self._backend.delete_schedule(schedule.group_name, schedule.name)

    @property
    def _backend(self) -> Any:
        return scheduler_backends[self._account][self._region]

    def _coming(self) -> Iterator[tuple[Any, Due]]:
        for group in list(self._backend.schedule_groups.values()):
            for schedule in list(group.schedules.values()):
                if schedule.state == "ENABLED" and schedule.due is not None:
                    yield schedule, schedule.due

    def _start(self, schedule: Any, due: Due) -> None:
        execution = str(uuid.uuid4())
        known = {
            "<aws.scheduler.schedule-arn>": schedule.arn,
            "<aws.scheduler.scheduled-time>": _iso(due.time),
            "<aws.scheduler.execution-id>": execution,
            "<aws.scheduler.attempt-number>": "1",
        }
        payload = schedule.target.get("Input") or json.dumps(self._event(schedule, due, execution))
        for attribute, value in known.items():
            payload = payload.replace(attribute, value)
        about = {
            "SCHEDULE_ARN": schedule.arn,
            "SCHEDULED_TIME": _iso(due.time),
            "EXECUTION_ID": execution,
        }
        self._targets.start(
            Delivery(
                schedule.target, payload, "scheduler.amazonaws.com", about, letters_need_role=True
            )
        )

    def _event(self, schedule: Any, due: Due, execution: str) -> dict[str, Any]:
        """Make what a target without an Input gets."""
        return {
            "version": "0",
            "id": execution,
            "detail-type": "Scheduled Event",
            "source": "aws.scheduler",
            "account": self._account,
            "time": _iso(due.time),
            "region": self._region,
            "resources": [schedule.arn],
            "detail": "{}",
        }


def install(clock: Clock) -> None:
    """Have moto's schedules know when they are due, by this clock."""
    uninstall()
    create, update = Schedule.__init__, Schedule.update

    def created(self: Any, *args: Any, **kwargs: Any) -> None:
        create(self, *args, **kwargs)
        self.creation_date = clock.now().timestamp()
        _plan(self, clock.now())

    def updated(self: Any, *args: Any, **kwargs: Any) -> None:
        before = dict(vars(self))
        update(self, *args, **kwargs)
        self.state = self.state or "ENABLED"
        try:
            _plan(self, clock.now())
        except ValidationException:
            vars(self).update(before)
            raise

    _patches.put(Schedule, "__init__", created)
    _patches.put(Schedule, "update", updated)
    _patches.put(Schedule, "_validate_start_date", lambda self, start_date: start_date)


def uninstall() -> None:
    """Leave moto's schedules as they were shipped."""
    _patches.undo()


def _plan(schedule: Any, now: datetime) -> None:
    """Say from when on a schedule is due, and when first. Raises ValidationException."""
    start = _instant(schedule.start_date) or now
    if start < now - _PAST_START and now == _instant(schedule.creation_date):
        raise ValidationException("The StartDate you specify cannot be earlier than 5 minutes ago.")
    schedule.last_modified_date = now.timestamp()
    schedule.times = read(
        schedule.schedule_expression, schedule.schedule_expression_timezone, start
    )
    first = now if _AT.fullmatch(schedule.schedule_expression) else max(start, now)
    schedule.due = _due_after(schedule, first - _INSTANT)
    if schedule.due is not None and schedule.state == "ENABLED":
        simulation.current.comes_due(schedule.due.at)


def _due_after(schedule: Any, instant: datetime) -> Due | None:
    time = schedule.times(instant)
    end = None if _AT.fullmatch(schedule.schedule_expression) else _instant(schedule.end_date)
    if time is None or (end is not None and time > end):
        return None
    dice = random.Random(f"{schedule.arn}/{time.isoformat()}")
    return Due(
        time, time + timedelta(seconds=int(dice.random() * _window(schedule).total_seconds()))
    )


def _window(schedule: Any) -> timedelta:
    return timedelta(minutes=schedule.flexible_time_window.get("MaximumWindowInMinutes") or 0)


def _instant(epoch: float | None) -> datetime | None:
    return None if epoch is None else datetime.fromtimestamp(float(epoch), UTC)


def _iso(instant: datetime) -> str:
    return instant.strftime("%Y-%m-%dT%H:%M:%SZ")
