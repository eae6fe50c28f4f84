"""Scheduled pulls: when a flow's next one is due, and which period it covers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from local.services import simulation
from local.services.tasks import Span

from . import events
from .definitions import is_incremental, pull_field
from .flows import Flow
from .runs import Runs
from .schedules import next_pull

_INSTANT = timedelta(microseconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class ScheduledPulls:
    """The schedules of the flows of one account and Region."""

    def __init__(self, runs: Runs) -> None:
        self._runs = runs

    def activate(self, flow: Flow, now: datetime) -> None:
        """Activate a schedule; one that is active already stays as it is."""
        if flow.status == "Active":
            return
        flow.status = "Active"
        flow.failures_in_a_row = 0
        flow.starts_at = flow.schedule.get("scheduleStartTime") or now
        self._plan(flow, now - _INSTANT)
        if flow.next_pull is not None:
            simulation.current.comes_due(flow.next_pull)

    def suspend(self, flow: Flow) -> None:
        """Deactivate a schedule; a run in progress goes on."""
        flow.status, flow.next_pull = "Suspended", None

    def deactivate(self, flow: Flow, at: datetime) -> None:
        """Deactivate a schedule as AppFlow does when a flow keeps failing."""
        if flow.status == "Active" and flow.schedule:
            self.suspend(flow)
            run = flow.runs[-1] if flow.runs else None
            events.send(events.DEACTIVATED, flow, run, at)

    def deactivate_after_failures(self, flow: Flow, at: datetime) -> None:
        """Deactivate a schedule whose pulls failed as often in a row as it tolerates."""
        threshold = flow.schedule.get("flowErrorDeactivationThreshold")
        if threshold and flow.failures_in_a_row >= threshold:
            self.deactivate(flow, at)

    def pull(self, flow: Flow, at: datetime) -> None:
        """Start the pull that is due, unless the previous one is still running."""
        end = flow.schedule.get("scheduleEndTime")
        if end and at > end:
            flow.next_pull = None
            return
        self._plan(flow, at)
        if flow.running:
            return
        name = pull_field(flow.definition)
        if not is_incremental(flow.definition) or name is None:
            self._runs.start(flow, at, (at, at))
            return
        since, until = self._period(flow, at)
        self._runs.start(flow, at, (since, until), _span(name, since, until))

    def _plan(self, flow: Flow, after: datetime) -> None:
        start = flow.starts_at
        assert start is not None  # the schedule is active
        flow.next_pull = next_pull(flow.schedule["scheduleExpression"], start, after)

    def _period(self, flow: Flow, at: datetime) -> tuple[datetime, datetime]:
        """Give the period [start, end) of a pull: ``scheduleOffset`` moves its end back."""
        until = at - timedelta(seconds=flow.schedule.get("scheduleOffset", 0))
        if flow.pulled_until is None:
            earliest = until - simulation.current.knobs.first_pull_reaches_back
            flow.pulled_until = flow.schedule.get("firstExecutionFrom") or earliest
        return flow.pulled_until, max(flow.pulled_until, until)


def _span(field: str, since: datetime, until: datetime) -> Span:
    return Span(field, _milliseconds(since), _milliseconds(until))


def _milliseconds(instant: datetime) -> int:
    return (instant - _EPOCH) // timedelta(milliseconds=1)
