"""The health of a continuous integration, diagnosed from its flow and its runs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from itertools import takewhile

from bulk_ingestion.aws.observed import Flow, Run
from bulk_ingestion.flow import definitions, failure_texts, names
from bulk_ingestion.flow.schedule import pull_interval
from bulk_ingestion.times import iso

FAILURES = 3
"""The number of failed runs in a row before a repair. Each run pulls the whole period again."""

_BEING_CREATED = timedelta(minutes=15)
_MISSED_PULLS = 3
_GRACE = timedelta(hours=1)
_LONGEST_RUN = timedelta(hours=48)  # AppFlow's own limit (service quotas)
_UNDER_WAY = ("InProgress", "CancelStarted")


class Health(StrEnum):
    """The health of an integration."""

    HEALTHY = "HEALTHY"
    LATE = "LATE"
    FAILING = "FAILING"
    STOPPED = "STOPPED"
    MISSING = "MISSING"
    UNMANAGED = "UNMANAGED"


@dataclass(frozen=True)
class Observed:
    """What was observed of an integration in AWS."""

    flow: Flow | None
    """The answer of DescribeFlow; None if the flow does not exist."""
    is_registered: bool = False
    """Whether Customer Profiles has the integration."""
    runs: tuple[Run, ...] = ()
    """The latest runs of DescribeFlowExecutionRecords, newest first."""


@dataclass(frozen=True)
class Diagnosis:
    """The health of an integration, and the reason."""

    health: Health
    reason: str
    """A sentence for people."""
    pulled_until: datetime | None
    """The end of the last successful pull; None if it is unknown."""
    is_broken: bool = False
    """Whether it needs a repair, because it does not recover by itself."""
    message: str = ""
    """AppFlow's message about the last run, if that failed."""
    records_failed: int = 0
    """The number of records that AppFlow could not put, in pulls since the last check."""
    was_cut: bool = False
    """Whether a pull reached the limit of records, so that records may be missing."""

    @property
    def is_refused_by_source(self) -> bool:
        """Whether the source has refused the connection's credentials."""
        return failure_texts.says(failure_texts.Kind.AUTHENTICATION, self.message)


def diagnose(
    observed: Observed,
    stack: str,
    known_until: datetime | None,
    now: datetime,
    record_limit: int | None = None,
) -> Diagnosis:
    """Diagnose an integration.

    ``known_until`` is the end of its last successful pull at the last check. ``record_limit`` is
    the largest number of records that its connector transfers in one run.
    """
    flow = observed.flow
    if flow is None:
        return _broken(Health.MISSING, "Its flow no longer exists.", known_until)
    is_scheduled = flow["triggerConfig"]["triggerType"] == "Scheduled"
    if not is_scheduled or not names.is_of_stack(flow.get("tags", {}), stack):
        reason = "By its tags, the flow does not belong to this stack, so it is left as it is."
        return Diagnosis(Health.UNMANAGED, reason, known_until)
    pulled_until = _pulled_until(observed, flow, known_until)
    status = flow["flowStatus"]
    if status == "Draft" and now - flow["createdAt"] < _BEING_CREATED:
        return Diagnosis(Health.HEALTHY, "It is being created.", pulled_until)
    if not observed.is_registered:
        # What the flow has pulled since then was not stored.
        reason = "Customer Profiles no longer has the integration."
        return _broken(Health.MISSING, reason, known_until)
    if cut := _cut(observed, known_until, record_limit):
        return cut
    if status != "Active":
        why = flow.get("flowStatusMessage", "")
        found = _broken(Health.STOPPED, f"Its flow is {status}. {why}".strip(), pulled_until)
    else:
        found = _review_pulls(observed, flow, pulled_until, now)
    return replace(found, records_failed=_records_failed(observed, known_until))


def _cut(observed: Observed, known: datetime | None, limit: int | None) -> Diagnosis | None:
    """Find a pull that reached the limit. AppFlow reports no error, as with a window's run.

    The first pull of a recreated flow starts an overlap before ``known``.
    """
    cut = [
        run
        for run in observed.runs
        if limit and run["executionStatus"] == "Successful" and _records(run) >= limit
    ]
    since = min(
        (
            _whole(start)
            for run in cut
            if (start := run.get("dataPullStartTime", known))
            and (not known or _whole(run.get("dataPullEndTime") or start) > known)
        ),
        default=None,
    )
    if since is None:
        return None
    reason = (
        f"The pull of what has changed since {_written(since)} stopped at {limit} records, the "
        "most that the connector transfers in one run."
    )
    return Diagnosis(Health.LATE, reason, since, is_broken=True, was_cut=True)


def _review_pulls(
    observed: Observed, flow: Flow, pulled_until: datetime | None, now: datetime
) -> Diagnosis:
    schedule = flow["triggerConfig"]["triggerProperties"]["Scheduled"]
    begins = definitions.begins(flow)
    if begins and pulled_until and begins > pulled_until:
        reason = (
            f"It pulls only what has changed since {_written(begins)}. The last pull before that "
            f"ended at {_written(pulled_until)}, so there is a gap."
        )
        return _broken(Health.LATE, reason, pulled_until)
    ended = [run for run in observed.runs if run["executionStatus"] not in _UNDER_WAY]
    failed = list(takewhile(lambda run: run["executionStatus"] == "Error", ended))
    if failed:
        message = failed[0].get("executionResult", {}).get("errorInfo", {}).get("executionMessage")
        message = message or "AppFlow gave no reason."
        many = f"Its last {len(failed)} runs" if len(failed) > 1 else "Its last run"
        return Diagnosis(
            Health.FAILING,
            f"{many} failed: {message}",
            pulled_until,
            is_broken=len(failed) >= FAILURES,
            message=message,
        )
    if (end := schedule.get("scheduleEndTime")) and end <= now:
        return Diagnosis(Health.HEALTHY, f"Its schedule ended at {_written(end)}.", pulled_until)
    every = pull_interval(schedule["scheduleExpression"])
    succeeded = [
        run["startedAt"] for run in observed.runs if run["executionStatus"] == "Successful"
    ]
    last = max([flow["createdAt"], definitions.starts(flow), *succeeded])
    is_running = any(
        run["executionStatus"] in _UNDER_WAY and now - run["startedAt"] < _LONGEST_RUN
        for run in observed.runs
    )
    if every and not is_running and now - last > _MISSED_PULLS * every + _GRACE:
        reason = f"It should pull every {every}, but has not pulled since {_written(last)}."
        return _broken(Health.LATE, reason, pulled_until)
    return Diagnosis(Health.HEALTHY, f"Its last pull started at {_written(last)}.", pulled_until)


def _pulled_until(observed: Observed, flow: Flow, known: datetime | None) -> datetime | None:
    """Give the end of the last successful pull.

    A scheduled flow transfers what has changed since its last successful run (AppFlow user guide,
    flow triggers). So this is the latest end, unless the flow itself starts after a gap.
    """
    begins = definitions.begins(flow)
    if known and begins and begins > known:
        return known
    ends = [
        run["dataPullEndTime"]
        for run in observed.runs
        if run["executionStatus"] == "Successful" and run.get("dataPullEndTime")
    ]
    latest = max([*ends, *filter(None, [known or begins])], default=None)
    return _whole(latest) if latest else None


def _records_failed(observed: Observed, known: datetime | None) -> int:
    """Count the records that were not put in later successful pulls; 0 if ``known`` is None."""
    return sum(
        _failed(run)
        for run in observed.runs
        if run["executionStatus"] == "Successful"
        and known
        and _whole(run.get("dataPullEndTime", known)) > known
    )


def _failed(run: Run) -> int:
    error = run.get("executionResult", {}).get("errorInfo", {})
    return int(error.get("putFailuresCount", 0))


def _records(run: Run) -> int:
    """Count the records that a run fetched, whether they could be put or not."""
    return int(run.get("executionResult", {}).get("recordsProcessed", 0)) + _failed(run)


def _whole(instant: datetime) -> datetime:
    return instant.astimezone(UTC).replace(microsecond=0)


def _broken(health: Health, reason: str, pulled_until: datetime | None) -> Diagnosis:
    return Diagnosis(health, reason, pulled_until, is_broken=True)


def _written(instant: datetime) -> str:
    return iso(_whole(instant))
