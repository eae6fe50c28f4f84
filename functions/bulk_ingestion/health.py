"""How a continuous integration is, judged by what AWS tells of it."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from itertools import takewhile
from typing import Any

from bulk_ingestion import flows
from bulk_ingestion.times import iso

FAILURES = 3
"""Runs that fail one after the other before a repair: each pulls the whole period again."""

AUTHENTICATION = re.compile(
    r"authenticat|unauthori[sz]ed|invalid[_ ](grant|login|session)|token (has )?expired"
    r"|expired token|refresh token",
    re.IGNORECASE,
)
"""Texts of a failed run that tell of credentials, as the machine's JudgeRun has them."""

_BEING_MADE = timedelta(minutes=15)
_MISSED_PULLS = 3
_GRACE = timedelta(hours=1)
_LONGEST_RUN = timedelta(hours=48)  # AppFlow's own limit (service quotas)
_UNDER_WAY = ("InProgress", "CancelStarted")


class Health(StrEnum):
    """What can be said of an integration in one word."""

    HEALTHY = "HEALTHY"
    LATE = "LATE"
    FAILING = "FAILING"
    STOPPED = "STOPPED"
    GONE = "GONE"
    NOT_OURS = "NOT_OURS"


@dataclass(frozen=True)
class Seen:
    """What AWS has of an integration."""

    flow: dict[str, Any] | None
    """The answer of DescribeFlow; None when there is no such flow."""
    is_registered: bool = False
    """Whether Customer Profiles has the integration."""
    runs: tuple[dict[str, Any], ...] = ()
    """The latest of DescribeFlowExecutionRecords, the newest first."""


@dataclass(frozen=True)
class Diagnosis:
    """What is the matter."""

    health: Health
    reason: str
    """A sentence for people."""
    pulled_until: datetime | None
    """The end of the last pull that succeeded, as far as is known."""
    is_broken: bool = False
    """Whether it will not mend by itself."""
    message: str = ""
    """What AppFlow said of the last run, if that failed."""
    records_failed: int = 0
    """Records that AppFlow could not put, in pulls since it was last looked at."""
    was_cut: bool = False
    """Whether a pull has left records behind that one pull cannot carry."""

    @property
    def tells_of_credentials(self) -> bool:
        """Whether the source has not let AppFlow in."""
        return bool(AUTHENTICATION.search(self.message))


def diagnose(
    seen: Seen,
    stack: str,
    known_until: datetime | None,
    now: datetime,
    record_limit: int | None = None,
) -> Diagnosis:
    """Judge an integration.

    ``known_until`` is where its pulls had come to when last looked at, ``record_limit`` the most
    records that its connector transfers in one run.
    """
    flow = seen.flow
    if flow is None:
        return _broken(Health.GONE, "Its flow does not exist any more.", known_until)
    is_scheduled = flow["triggerConfig"]["triggerType"] == "Scheduled"
    if not is_scheduled or not flows.is_of_stack(flow.get("tags", {}), stack):
        reason = "The flow of that name is not this stack's, by its tags, and is left as it is."
        return Diagnosis(Health.NOT_OURS, reason, known_until)
    pulled_until = _pulled_until(seen, flow, known_until)
    status = flow["flowStatus"]
    if status == "Draft" and now - flow["createdAt"] < _BEING_MADE:
        return Diagnosis(Health.HEALTHY, "It is being made.", pulled_until)
    if not seen.is_registered:
        # What a flow has pulled since then went nowhere.
        reason = "Customer Profiles does not have the integration any more."
        return _broken(Health.GONE, reason, known_until)
    if cut := _cut(seen, known_until, record_limit):
        return cut
    if status != "Active":
        why = flow.get("flowStatusMessage", "")
        found = _broken(Health.STOPPED, f"Its flow is {status}. {why}".strip(), pulled_until)
    else:
        found = _judge_pulls(seen, flow, pulled_until, now)
    return replace(found, records_failed=_records_failed(seen, known_until))


def _cut(seen: Seen, known: datetime | None, limit: int | None) -> Diagnosis | None:
    """Find a pull that may have been cut: AppFlow says nothing, as with a window's run."""
    cut = [
        run
        for run in seen.runs
        if limit and run["executionStatus"] == "Successful" and _records(run) >= limit
    ]
    begun = [run.get("dataPullStartTime", known) for run in cut]
    since = min(
        (_whole(start) for start in begun if start and (not known or _whole(start) >= known)),
        default=None,
    )
    if since is None:
        return None
    reason = (
        f"The pull of what changed since {_told(since)} stopped at {limit} records, the most that "
        "the connector transfers in one run."
    )
    return Diagnosis(Health.LATE, reason, since, is_broken=True, was_cut=True)


def _judge_pulls(
    seen: Seen, flow: dict[str, Any], pulled_until: datetime | None, now: datetime
) -> Diagnosis:
    schedule = flow["triggerConfig"]["triggerProperties"]["Scheduled"]
    begins = flows.begins(flow)
    if begins and pulled_until and begins > pulled_until:
        reason = (
            f"It pulls what changed since {_told(begins)} alone, and the last pull before "
            f"ended at {_told(pulled_until)}: that leaves a gap."
        )
        return _broken(Health.LATE, reason, pulled_until)
    ended = [run for run in seen.runs if run["executionStatus"] not in _UNDER_WAY]
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
        return Diagnosis(Health.HEALTHY, f"Its schedule ended at {_told(end)}.", pulled_until)
    every = flows.pull_interval(schedule["scheduleExpression"])
    succeeded = [run["startedAt"] for run in seen.runs if run["executionStatus"] == "Successful"]
    starts = schedule.get("scheduleStartTime", flow["createdAt"])
    last = max([flow["createdAt"], starts, *succeeded])
    is_running = any(
        run["executionStatus"] in _UNDER_WAY and now - run["startedAt"] < _LONGEST_RUN
        for run in seen.runs
    )
    if every and not is_running and now - last > _MISSED_PULLS * every + _GRACE:
        reason = f"It should pull every {every}, and has not done so since {_told(last)}."
        return _broken(Health.LATE, reason, pulled_until)
    return Diagnosis(Health.HEALTHY, f"Its last pull began at {_told(last)}.", pulled_until)


def _pulled_until(seen: Seen, flow: dict[str, Any], known: datetime | None) -> datetime | None:
    """Tell where the pulls have come to.

    A scheduled flow transfers what changed since its last successful run (AppFlow's user guide,
    flow triggers), so the latest end says it, unless the flow itself begins after a gap.
    """
    begins = flows.begins(flow)
    if known and begins and begins > known:
        return known
    ends = [
        run["dataPullEndTime"]
        for run in seen.runs
        if run["executionStatus"] == "Successful" and run.get("dataPullEndTime")
    ]
    latest = max([*ends, *filter(None, [known or begins])], default=None)
    return _whole(latest) if latest else None


def _records_failed(seen: Seen, known: datetime | None) -> int:
    """Count what was not put in pulls that have succeeded since then; none where it is unknown."""
    return sum(
        _failed(run)
        for run in seen.runs
        if run["executionStatus"] == "Successful"
        and known
        and _whole(run.get("dataPullEndTime", known)) > known
    )


def _failed(run: dict[str, Any]) -> int:
    error = run.get("executionResult", {}).get("errorInfo", {})
    return int(error.get("putFailuresCount", 0))


def _records(run: dict[str, Any]) -> int:
    """Count what a run fetched, put or not."""
    return int(run.get("executionResult", {}).get("recordsProcessed", 0)) + _failed(run)


def _whole(instant: datetime) -> datetime:
    return instant.astimezone(UTC).replace(microsecond=0)


def _broken(health: Health, reason: str, pulled_until: datetime | None) -> Diagnosis:
    return Diagnosis(health, reason, pulled_until, is_broken=True)


def _told(instant: datetime) -> str:
    return iso(_whole(instant))
