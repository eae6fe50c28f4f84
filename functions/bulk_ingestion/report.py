"""The report of an execution, in the words of GetWorkflow and GetWorkflowSteps."""

from __future__ import annotations

from typing import Any

from bulk_ingestion.folder import Folder
from bulk_ingestion.plan import Job
from bulk_ingestion.review import Ledger, Verdict

REPORT = "report.json"


def planned(job: Job, ledger: Ledger) -> dict[str, Any]:
    """Report a plan of which nothing has run yet."""
    return _report(job, ledger, Verdict(), "NOT_STARTED")


def reviewed(job: Job, ledger: Ledger, verdict: Verdict) -> dict[str, Any]:
    """Report how far an execution has come."""
    status = "FAILED" if verdict.error else "IN_PROGRESS"
    report = _report(job, ledger, verdict, status)
    if verdict.error:
        report["Error"] = {"Name": type(verdict.error).__name__, "Cause": str(verdict.error)}
    return report


def cancelled(job: Job, ledger: Ledger) -> dict[str, Any]:
    """Report an execution that was stopped."""
    report = _report(job, ledger, Verdict(), "CANCELLED")
    for batch in report["Batches"]:
        if batch["Status"] in ("NOT_STARTED", "FAILED"):
            batch["Status"] = "CANCELLED" if not batch["FinishedAt"] else batch["Status"]
    return report


def completed(report: dict[str, Any], integration: dict[str, Any]) -> dict[str, Any]:
    """Add the continuous integration to the report of an execution whose windows are complete."""
    warnings = list(report["Warnings"])
    if integration["FirstExecutionFrom"] != report["HandOff"]:
        warnings.append(
            f"The continuous integration {integration['FlowName']} was there already and works; "
            f"it was kept, with FirstExecutionFrom {integration['FirstExecutionFrom']}."
        )
    return {**report, "Status": "COMPLETE", "Integration": integration, "Warnings": warnings}


def output(report: dict[str, Any], folder: Folder) -> dict[str, Any]:
    """Give the execution's output: the report without its batches."""
    summary: dict[str, Any] = {
        key: report[key] for key in ("Status", "Metrics", "Integration") if key in report
    }
    return {**summary, "Report": folder.uri(REPORT)}


def _report(job: Job, ledger: Ledger, verdict: Verdict, status: str) -> dict[str, Any]:
    return {
        "Status": status,
        "DomainName": job.domain,
        "ObjectTypeName": job.object_type,
        "HandOff": job.hand_off,
        "Metrics": ledger.metrics(),
        "Warnings": [*job.warnings, *_failed_records(ledger)],
        "Batches": [_batch(ledger, verdict, key) for key in ledger.items],
    }


def _failed_records(ledger: Ledger) -> list[str]:
    return [
        f"AppFlow could not put {outcome['RecordsFailed']} records of window {key}; "
        "the domain's dead-letter queue and the source's data tell why."
        for key in ledger.leaves
        if (outcome := ledger.outcomes.get(key, {})).get("RecordsFailed")
    ]


def _batch(ledger: Ledger, verdict: Verdict, window_id: str) -> dict[str, Any]:
    item = ledger.items[window_id]
    outcome = ledger.outcomes.get(window_id, {})
    return {
        "WindowId": window_id,
        "FlowName": item["FlowName"],
        "Status": _status(ledger, verdict, window_id),
        "ExecutionMessage": outcome.get("ExecutionMessage", ""),
        "RecordsProcessed": outcome.get("RecordsProcessed", 0),
        "RecordsFailed": outcome.get("RecordsFailed", 0),
        "BatchRecordsStartTime": item["StartTime"],
        "BatchRecordsEndTime": item["EndTime"],
        "Attempts": outcome.get("Attempts", 0),
        "StartedAt": outcome.get("StartedAt"),
        "FinishedAt": outcome.get("FinishedAt"),
    }


def _status(ledger: Ledger, verdict: Verdict, window_id: str) -> str:
    if ledger.is_split(window_id) or any(half.id == f"{window_id}-1" for half in verdict.split):
        return "SPLIT"
    if window_id in verdict.again:
        return "RETRY"
    return str(ledger.outcomes.get(window_id, {}).get("Status", "NOT_STARTED"))
