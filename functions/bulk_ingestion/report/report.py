"""The report of an execution: built from its ledger, written (JSON and page), and measured."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime

from bulk_ingestion.aws.domain_counts import DomainCounts
from bulk_ingestion.aws.folder import Folder
from bulk_ingestion.aws.observability import logger
from bulk_ingestion.flow import definitions
from bulk_ingestion.flow.connectors import Default
from bulk_ingestion.flow.target import Integration
from bulk_ingestion.flow.windows import OVERLAPS
from bulk_ingestion.notifications.redaction import without_secrets
from bulk_ingestion.report import differences, estimate, page
from bulk_ingestion.report.estimate import Cost, Estimate, Spent
from bulk_ingestion.report.measure import measure_progress
from bulk_ingestion.report.record import (
    Batch,
    Continuity,
    EndsNoticed,
    Output,
    Report,
    ReportedDomain,
)
from bulk_ingestion.run.job import ExecutionContext, Job
from bulk_ingestion.run.layout import PAGE, REPORT, round_file
from bulk_ingestion.run.ledger import Ledger
from bulk_ingestion.run.plan import Item
from bulk_ingestion.run.review import Decision
from bulk_ingestion.times import iso, length, parse_duration, parse_instant


def planned(
    job: Job,
    ledger: Ledger,
    started: ExecutionContext,
    dry_run: bool,
    estimated: Estimate,
    defaults: Mapping[str, Default],
    continuity: Continuity | None,
) -> Report:
    """Report a plan that has not run yet.

    The report of a dry run also has the FlowDefinition, and the ``defaults`` of the input.
    ``continuity`` is what will be done with the integration; None with ``"Continue": false``.
    ``started`` is the context object's Execution.
    """
    now = parse_instant(started["StartTime"])
    planned: Report = {
        "Execution": {"Arn": started["Id"], "Name": started["Name"], "StartedAt": iso(now)},
        "Input": without_secrets(started["Input"]),
        "DryRun": dry_run,
        **_report(job, ledger, Decision(), "NOT_STARTED", now),
        "Estimate": estimated,
    }
    if continuity:
        planned["Continuity"] = continuity
    if dry_run and continuity:
        continues_from = parse_instant(continuity["ContinuesFrom"])
        planned["FlowDefinition"] = definitions.continuous(
            job.target.flow_definition,
            continues_from - length(parse_duration(continuity["Overlap"], OVERLAPS)),
            job.overlap,
            now,
        )
    if dry_run:
        planned["Defaults"] = {
            key: {"Value": default.value, "Reason": default.reason}
            for key, default in defaults.items()
        }
    return planned


def reviewed(
    earlier: Report,
    job: Job,
    ledger: Ledger,
    decision: Decision,
    left: Sequence[str],
    now: datetime,
) -> Report:
    """Report the progress of an execution. ``left`` is what cleanup could not remove."""
    report: Report = {
        **_without_error(earlier),
        **_report(job, ledger, decision, "IN_PROGRESS", now, left),
    }
    return failed(report, decision.error, now) if decision.error else report


def failed(report: Report, error: Exception, now: datetime) -> Report:
    """Add the error that an execution ends in."""
    return {
        **report,
        "Status": "FAILED",
        "ReportedAt": iso(now),
        "Error": {"Name": type(error).__name__, "Cause": str(error)},
    }


def cancelled(
    earlier: Report | None,
    job: Job,
    ledger: Ledger,
    left: Sequence[str],
    integration: Sequence[str],
    now: datetime,
) -> Report:
    """Report an execution that was stopped.

    ``left`` is what cleanup could not remove. ``integration`` says what becomes of a continuous
    integration that the execution had begun to create.
    """
    report = _report(job, ledger, Decision(), "CANCELLED", now, left)
    report["Warnings"] += integration
    if earlier:
        report = {**_without_error(earlier), **report}
    for batch in report["Batches"]:
        if batch["Status"] in ("NOT_STARTED", "FAILED"):
            batch["Status"] = "CANCELLED" if not batch["FinishedAt"] else batch["Status"]
    return report


def _costed(
    report: Report, ledger: Ledger, number: int, items: list[Item], now: datetime
) -> Report:
    """Add the actual cost of all rounds so far. ``items`` are those of the latest, ``number``.

    A round counts once, even if it is reviewed several times.
    """
    if "Estimate" not in report:  # the execution was stopped before its plan was reported
        return report
    left = [
        outcome
        for item in items
        if (outcome := ledger.outcome(item["WindowId"])).get("FlowName") == item["FlowName"]
    ]
    before = report["Cost"]["Rounds"] if "Cost" in report else {}
    rounds = {**before, str(number): estimate.spent(left)}
    return {**report, "Cost": _cost(report, rounds, now)}


def _cost(report: Report, rounds: dict[str, Spent], now: datetime) -> Cost:
    took = now - parse_instant(report["Execution"]["StartedAt"])
    assumed = report["Estimate"]["Assumptions"]
    return estimate.actual(rounds, round(took.total_seconds()), assumed)


def completed(
    report: Report,
    integration: Integration | None,
    continuity: Continuity | None,
    warnings: Sequence[str],
    now: datetime,
) -> Report:
    """Add the continuous integration to the report of an execution whose windows are complete.

    There is none if the input says so.
    """
    complete: Report = {
        **_without_error(report),
        "Status": "COMPLETE",
        "ReportedAt": iso(now),
        "Warnings": list(dict.fromkeys([*report["Warnings"], *warnings])),
        "Cost": _cost(report, report["Cost"]["Rounds"], now),
    }
    if integration and continuity:
        complete["Integration"] = integration
        complete["Continuity"] = continuity
    return complete


def counted_before(report: Report, counts: DomainCounts | None) -> Report:
    """Add what the domain held before the import to the report, where it is known."""
    return {**report, "Domain": {"Before": counts}} if counts else report


def counted_after(report: Report, counts: DomainCounts) -> Report:
    """Add what the domain holds after the import, and warn of what that shows."""
    if "Domain" not in report:
        return report
    domain: ReportedDomain = {"Before": report["Domain"]["Before"], "After": counts}
    transferred = report["Metrics"]["RecordsProcessed"]
    warnings = differences.warnings(report["DomainName"], domain, transferred)
    return {
        **report,
        "Domain": domain,
        "Warnings": list(dict.fromkeys([*report["Warnings"], *warnings])),
    }


def write(folder: Folder, report: Report) -> None:
    """Write the report's page, and then the report.

    If the page cannot be rendered, the error is logged, and the execution continues. The report is
    written last, because a function that is invoked again takes what it says as done.
    """
    try:
        folder.write_text(PAGE, page.render(report), "text/html; charset=utf-8")
    except Exception:
        logger.exception("The report's page could not be written.")
    folder.write(REPORT, report)


def read(folder: Folder) -> Report:
    """Read the latest report of a run. It must exist."""
    report: Report = folder.read(REPORT)
    return report


def publish(
    folder: Folder,
    earlier: Report | None,
    report: Report,
    ledger: Ledger,
    number: int,
    now: datetime,
) -> None:
    """Add the cost to a report, write it, and measure what is new since the ``earlier`` one.

    ``number`` is the number of the latest round.
    """
    report = _costed(report, ledger, number, folder.read(round_file(number)), now)
    write(folder, report)
    measure_progress(earlier, report)


def output(report: Report, folder: Folder) -> Output:
    """Give the execution's output: a summary of the report, with the estimate of a dry run."""
    output: Output = {
        "Status": report["Status"],
        "Metrics": report["Metrics"],
        "Report": folder.uri(REPORT),
        "Page": folder.uri(PAGE),
    }
    if "Integration" in report:
        output["Integration"] = report["Integration"]
    if report["DryRun"]:
        expected = report["Estimate"]
        output["Estimate"] = {
            "FlowRuns": expected["FlowRuns"],
            "StateTransitions": expected["StateTransitions"],
            "TotalUsd": expected["TotalUsd"],
            "Seconds": expected["Seconds"],
        }
    return output


def _without_error(earlier: Report) -> Report:
    """Copy an earlier report without its error, because a redrive continues the execution."""
    copy = earlier.copy()
    copy.pop("Error", None)
    return copy


def _report(
    job: Job,
    ledger: Ledger,
    decision: Decision,
    status: str,
    now: datetime,
    left: Sequence[str] = (),
) -> Report:
    return {
        "Status": status,
        "ReportedAt": iso(now),
        "DomainName": job.target.domain,
        "ObjectTypeName": job.target.object_type,
        "DatetimeTypeFieldName": job.target.source.datetime_field,
        "HandOff": job.hand_off,
        "Metrics": ledger.metrics(),
        "Reconciled": _is_reconciled(ledger),
        "Warnings": [*job.warnings, *_failed_records(ledger), *map(_left_behind, left)],
        "EndsNoticed": _ends_noticed(ledger),
        "Batches": [_batch(ledger, decision, key) for key in ledger.items],
    }


def _ends_noticed(ledger: Ledger) -> EndsNoticed:
    noticed = Counter(outcome.get("NoticedBy") for outcome in ledger.outcomes.values())
    return {"Event": noticed["EVENT"], "Poll": noticed["POLL"]}


def _is_reconciled(ledger: Ledger) -> bool:
    """Whether all records that AppFlow fetched were put. It can't count records it didn't fetch."""
    return not ledger.incomplete and not ledger.metrics()["RecordsFailed"]


def _failed_records(ledger: Ledger) -> list[str]:
    return [
        f"AppFlow could not put {outcome['RecordsFailed']} records of window {key}; "
        "look at the domain's dead-letter queue and at the records at the source."
        for key in ledger.leaves
        if (outcome := ledger.outcome(key)).get("RecordsFailed")
    ]


def _left_behind(what: str) -> str:
    return (
        f"{what.rstrip('.')}. Cleanup tries again every day. To remove it at once, delete the "
        "flow's integration in Customer Profiles, and then the flow in AppFlow."
    )


def _batch(ledger: Ledger, decision: Decision, window_id: str) -> Batch:
    item = ledger.items[window_id]
    outcome = ledger.outcome(window_id)
    batch: Batch = {
        "WindowId": window_id,
        "FlowName": item["FlowName"],
        "Status": _status(ledger, decision, window_id),
        "ExecutionMessage": outcome.get("ExecutionMessage", ""),
        "RecordsProcessed": outcome.get("RecordsProcessed", 0),
        "RecordsFailed": outcome.get("RecordsFailed", 0),
        "BatchRecordsStartTime": item["StartTime"],
        "BatchRecordsEndTime": item["EndTime"],
        "Attempts": ledger.attempts(window_id),
        "StartedAt": outcome.get("StartedAt"),
        "FinishedAt": outcome.get("FinishedAt"),
    }
    if "Error" in outcome:
        batch["Error"] = outcome["Error"]
    return batch


def _status(ledger: Ledger, decision: Decision, window_id: str) -> str:
    if ledger.is_split(window_id) or any(half.id == f"{window_id}-1" for half in decision.split):
        return "SPLIT"
    if window_id in decision.again:
        return "RETRY"
    return ledger.outcome(window_id)["Status"]
