"""The report of an execution, in the words of GetWorkflow and GetWorkflowSteps."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from bulk_ingestion import estimate, flows, page
from bulk_ingestion.folder import Folder
from bulk_ingestion.observability import logger
from bulk_ingestion.plan import Job
from bulk_ingestion.redaction import without_secrets
from bulk_ingestion.review import Item, Ledger, Verdict
from bulk_ingestion.times import iso, parse_instant

REPORT = "report.json"
PAGE = "report.html"

Report = dict[str, Any]


def planned(
    job: Job,
    ledger: Ledger,
    started: dict[str, Any],
    dry_run: bool,
    estimated: estimate.Figures,
) -> Report:
    """Report a plan of which nothing has run yet; that of a dry run has the FlowDefinition.

    ``started`` is the context object's Execution, or an answer of DescribeExecution put so.
    """
    now = parse_instant(started["StartTime"])
    hand_off = parse_instant(job.hand_off)
    sent = flows.continuous(job.flow_definition, hand_off, now)
    return {
        "Execution": {"Arn": started["Id"], "Name": started["Name"], "StartedAt": iso(now)},
        "Input": without_secrets(started["Input"]),
        "DryRun": dry_run,
        **_report(job, ledger, Verdict(), "NOT_STARTED", now),
        "Estimate": estimated,
        **({"FlowDefinition": sent} if dry_run else {}),
    }


def reviewed(
    earlier: Report,
    job: Job,
    ledger: Ledger,
    verdict: Verdict,
    left: Sequence[str],
    now: datetime,
) -> Report:
    """Report how far an execution has come; ``left`` says what the sweep could not do."""
    report = {**_anew(earlier), **_report(job, ledger, verdict, "IN_PROGRESS", now, left)}
    return failed(report, verdict.error, now) if verdict.error else report


def failed(report: Report, error: Exception, now: datetime) -> Report:
    """Add the error that an execution ends in."""
    return {
        **report,
        "Status": "FAILED",
        "ReportedAt": iso(now),
        "Error": {"Name": type(error).__name__, "Cause": str(error)},
    }


def cancelled(
    earlier: Report, job: Job, ledger: Ledger, left: Sequence[str], now: datetime
) -> Report:
    """Report an execution that was stopped; ``left`` says what the sweep could not do."""
    report = {**_anew(earlier), **_report(job, ledger, Verdict(), "CANCELLED", now, left)}
    for batch in report["Batches"]:
        if batch["Status"] in ("NOT_STARTED", "FAILED"):
            batch["Status"] = "CANCELLED" if not batch["FinishedAt"] else batch["Status"]
    return report


def costed(report: Report, ledger: Ledger, number: int, items: list[Item], now: datetime) -> Report:
    """Add what the rounds have taken until now, the last one being ``number`` with its items.

    A round counts once, however often it is reviewed.
    """
    if "Estimate" not in report:  # it was stopped before its plan was reported
        return report
    left = [
        outcome
        for item in items
        if (outcome := ledger.outcomes.get(item["WindowId"], {})).get("FlowName")
        == item["FlowName"]
    ]
    rounds = {**report.get("Cost", {}).get("Rounds", {}), str(number): estimate.spent(left)}
    return {**report, "Cost": _cost(report, rounds, now)}


def _cost(report: Report, rounds: estimate.Rounds, now: datetime) -> estimate.Figures:
    took = now - parse_instant(report["Execution"]["StartedAt"])
    assumed = report["Estimate"]["Assumptions"]
    return estimate.turned_out(rounds, round(took.total_seconds()), assumed)


def completed(report: Report, integration: dict[str, Any], now: datetime) -> Report:
    """Add the continuous integration to the report of an execution whose windows are complete."""
    warnings = list(report["Warnings"])
    if integration["FirstExecutionFrom"] != report["HandOff"]:
        warnings.append(
            f"The continuous integration {integration['FlowName']} was there already and works; "
            f"it was kept, with FirstExecutionFrom {integration['FirstExecutionFrom']}."
        )
    return {
        **_anew(report),
        "Status": "COMPLETE",
        "ReportedAt": iso(now),
        "Integration": integration,
        "Warnings": warnings,
        "Cost": _cost(report, report["Cost"]["Rounds"], now),
    }


def write(folder: Folder, report: Report) -> None:
    """Write the report, and beside it the page that shows it.

    A page that cannot be made stops nothing: an execution is about records.
    """
    folder.write(REPORT, report)
    try:
        folder.write_text(PAGE, page.render(report), "text/html; charset=utf-8")
    except Exception:
        logger.exception("The report's page could not be written.")


def output(report: Report, folder: Folder) -> dict[str, Any]:
    """Give the execution's output: the report in short, with a dry run's estimate."""
    summary: dict[str, Any] = {
        key: report[key] for key in ("Status", "Metrics", "Integration") if key in report
    }
    if report["DryRun"]:
        summary["Estimate"] = {key: report["Estimate"][key] for key in estimate.SHORT}
    return {**summary, "Report": folder.uri(REPORT)}


def _anew(earlier: Report) -> Report:
    """Take over what only the planning knew, and not the error that a redrive has answered."""
    return {key: value for key, value in earlier.items() if key != "Error"}


def _report(
    job: Job,
    ledger: Ledger,
    verdict: Verdict,
    status: str,
    now: datetime,
    left: Sequence[str] = (),
) -> Report:
    return {
        "Status": status,
        "ReportedAt": iso(now),
        "DomainName": job.domain,
        "ObjectTypeName": job.object_type,
        "HandOff": job.hand_off,
        "Metrics": ledger.metrics(),
        "Reconciled": _is_reconciled(ledger),
        "Warnings": [*job.warnings, *_failed_records(ledger), *map(_left_behind, left)],
        "Batches": [_batch(ledger, verdict, key) for key in ledger.items],
    }


def _is_reconciled(ledger: Ledger) -> bool:
    """Whether all that AppFlow fetched has been put; it counts no records that it did not fetch."""
    return not ledger.incomplete and not ledger.metrics()["RecordsFailed"]


def _failed_records(ledger: Ledger) -> list[str]:
    return [
        f"AppFlow could not put {outcome['RecordsFailed']} records of window {key}; "
        "the domain's dead-letter queue and the source's data tell why."
        for key in ledger.leaves
        if (outcome := ledger.outcomes.get(key, {})).get("RecordsFailed")
    ]


def _left_behind(what: str) -> str:
    return (
        f"{what.rstrip('.')}. The clean-up tries again every day; to be rid of it at once, mend "
        "what is named, or delete the flow's integration in Customer Profiles and then the flow "
        "in AppFlow."
    )


def _batch(ledger: Ledger, verdict: Verdict, window_id: str) -> dict[str, Any]:
    item = ledger.items[window_id]
    outcome = ledger.outcomes.get(window_id, {})
    return {
        "WindowId": window_id,
        "FlowName": item["FlowName"],
        "Status": _status(ledger, verdict, window_id),
        **({"Error": outcome["Error"]} if "Error" in outcome else {}),
        "ExecutionMessage": outcome.get("ExecutionMessage", ""),
        "RecordsProcessed": outcome.get("RecordsProcessed", 0),
        "RecordsFailed": outcome.get("RecordsFailed", 0),
        "BatchRecordsStartTime": item["StartTime"],
        "BatchRecordsEndTime": item["EndTime"],
        "Attempts": ledger.attempts(window_id),
        "StartedAt": outcome.get("StartedAt"),
        "FinishedAt": outcome.get("FinishedAt"),
    }


def _status(ledger: Ledger, verdict: Verdict, window_id: str) -> str:
    if ledger.is_split(window_id) or any(half.id == f"{window_id}-1" for half in verdict.split):
        return "SPLIT"
    if window_id in verdict.again:
        return "RETRY"
    return str(ledger.outcomes.get(window_id, {}).get("Status", "NOT_STARTED"))
